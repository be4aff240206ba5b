"""What a process says that it has settled."""

from newsletter.delivery.ledger import Due, Settlement, State
from newsletter.delivery.tally import Tally


def test_what_was_claimed_and_not_offered_is_settled_by_nobody() -> None:
    """A relay that closes after every fifth mail had a window of 200 counted 40 times."""
    people = [Due(number, 0, f"p{number}@example.org", "", "", "en", "", 0, True) for number in range(3)]
    tally = Tally(clock=lambda: 0.0)
    states = (State.SENT, State.DEFERRED, State.QUEUED)
    tally.add(1, people, [Settlement(due.subscriber_id, state) for due, state in zip(people, states, strict=True)])
    assert tally.settled == {State.SENT: 1, State.DEFERRED: 1}
    assert tally.rates() == {1: 2.0}
    assert tally.domains(5) == {"example.org": {State.SENT: 1, State.DEFERRED: 1}}
