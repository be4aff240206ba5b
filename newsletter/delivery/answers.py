"""What the answers to a window of mails come to: for the ledger, for feedback, and for those who ask for less."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from newsletter.delivery import slowing
from newsletter.delivery.at_work import AtWork
from newsletter.delivery.ledger import Due, Settlement, State
from newsletter.delivery.outcome import Accepted, Deferred, Outcome, Refused, Stage, Uncertain
from newsletter.delivery.refusal import Refusal
from newsletter.delivery.turned_away import Doubt, Offered
from subscribers.links import DeliveryRef


@dataclass(frozen=True, slots=True)
class Answers:
    """What became of a window: for the ledger, for feedback, what each domain said to put us off, and the relay.

    `unoffered` are those to whom no mail was offered after all. Of those in `doubt`, the refusal is not believed.
    """

    settled: Sequence[Settlement]
    unoffered: Sequence[int]
    refused: Sequence[Refusal]
    put_off: Mapping[str, Sequence[str]]
    held_up: Sequence[str]
    doubt: Doubt


def offered(people: Sequence[Due], outcomes: Mapping[int, Outcome]) -> list[Offered]:
    """What the relay answered to a window, in the order in which it was offered, which is that of the people."""
    return [
        Offered(due.subscriber_id, due.address.rpartition("@")[2], due.attempts + 1, outcome)
        for due in people
        if (outcome := outcomes.get(due.subscriber_id)) is not None
    ]


def read(
    campaign: AtWork, people: Sequence[Due], outcomes: Mapping[int, Outcome], doubt: Doubt, now: datetime
) -> Answers:
    """What the outcomes, by subscriber's number, mean for the people of a window; who has none was not offered."""
    settled = [_settlement(campaign, due, outcomes.get(due.subscriber_id), doubt, now) for due in people]
    return Answers(
        settled=settled,
        unoffered=[one.subscriber_id for one in settled if one.state is State.QUEUED],
        refused=_refusals(campaign.id, people, outcomes, doubt),
        put_off=_put_off(people, outcomes),
        held_up=[one.reply for one in outcomes.values() if isinstance(one, Deferred) and slowing.is_relays_own(one)],
        doubt=doubt,
    )


def is_closing(outcome: Outcome) -> bool:
    """Whether a relay has not dealt with a mail, but only said that it is closing (RFC 5321 section 3.8)."""
    return isinstance(outcome, Deferred) and outcome.reply.startswith("421")


def _settlement(campaign: AtWork, due: Due, outcome: Outcome | None, doubt: Doubt, now: datetime) -> Settlement:
    number = due.subscriber_id
    match outcome:
        case Accepted(reply):
            return Settlement(number, State.SENT, reply)
        case Refused(reply) if number in doubt.keys:
            state, due_at = (State.DEFERRED, doubt.until) if doubt.until else campaign.later(due, now, reply)
            return Settlement(number, state, reply, due_at)
        case Refused(reply):
            return Settlement(number, State.REFUSED, reply)
        case Deferred(reply, stage):
            state, due_at = campaign.later(due, now, reply)
            if state is State.DEFERRED and stage is Stage.MAIL and is_closing(outcome):
                return Settlement(number, State.QUEUED, reply)  # the relay's affair alone: another may take it now
            return Settlement(number, state, reply, due_at)
        case Uncertain(reason) if campaign.policy.on_uncertain == "hold":
            return Settlement(number, State.UNCERTAIN, reason)
        case Uncertain(reason):
            state, due_at = campaign.later(due, now, "")
            return Settlement(number, state, reason, due_at)
        case None:
            return Settlement(number, State.QUEUED)


def _refusals(campaign_id: int, people: Sequence[Due], outcomes: Mapping[int, Outcome], doubt: Doubt) -> list[Refusal]:
    """The refusals that say something about the person: those of a recipient or of the message, not of ourselves."""
    told = (Stage.RCPT, Stage.BODY)
    return [
        Refusal(DeliveryRef("campaign", campaign_id, due.subscriber_id), due.address, outcome.reply)
        for due in people
        if due.subscriber_id not in doubt.keys
        and isinstance(outcome := outcomes.get(due.subscriber_id), Refused)
        and outcome.stage in told
    ]


def _put_off(people: Sequence[Due], outcomes: Mapping[int, Outcome]) -> dict[str, list[str]]:
    """The 4xx replies to a recipient or a message, by the recipient's domain."""
    said: dict[str, list[str]] = {}
    for due in people:
        outcome = outcomes.get(due.subscriber_id)
        if not isinstance(outcome, Deferred) or slowing.is_relays_own(outcome):
            continue
        if outcome.stage in (Stage.RCPT, Stage.BODY):
            said.setdefault(due.address.rpartition("@")[2].lower(), []).append(outcome.reply)
    return said
