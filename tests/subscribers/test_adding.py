"""One person added by staff: by the same rules as a file of them."""

from datetime import UTC, datetime

import pytest

from subscribers import adding, consent, directory, signup
from subscribers.adding import NotAdded, Proof
from subscribers.addresses import parse
from subscribers.suppression import Reason

ANA = "ana@example.org"
SIGNED = Proof("signed the list at the opening", datetime(2020, 12, 3, tzinfo=UTC))


@pytest.fixture
def add(people, hash_key):
    """Add somebody; what is then known of them, and the evidence."""

    async def run(*, proof: Proof | None = None, **facts: object) -> tuple[directory.Entry, list[consent.Evidence]]:
        async with people.database.begin() as connection:
            request = signup.Request(parse(ANA), source="command line", **facts)
            number = await adding.add(connection, request, proof=proof, hash_key=hash_key, now=people.now)
            return await directory.find(connection, parse(ANA)), await consent.evidence(connection, number)

    return run


async def test_with_proof_somebody_is_active_since_that_day_and_the_proof_is_kept(add, people):
    entry, (step,) = await add(proof=SIGNED, topics=("opening",), fields={"role": "teacher"})
    assert (entry.status, entry.confirmed_at, entry.fields) == ("active", SIGNED.at, {"role": "teacher"})
    assert entry.choices.followed == {"opening"}
    assert (step.action, step.actor, step.at) == ("imported", "staff", people.now)
    assert step.detail == {"consented_at": "2020-12-03T00:00:00+00:00", "proof": "signed the list at the opening"}
    assert await people.mailable("opening") == {ANA}


async def test_without_proof_somebody_is_pending_and_gets_nothing(add, people):
    entry, (step,) = await add()
    assert (entry.status, entry.choices.everything, step.detail) == ("pending", True, {})
    assert await people.mailable() == set()
    assert await people.confirm(entry.id)


@pytest.mark.parametrize("reason", Reason)
async def test_nobody_who_is_suppressed_is_brought_back(add, people, reason):
    await people.suppress(ANA, reason)
    with pytest.raises(NotAdded, match=f"suppressed \\({reason}\\).* who can undo it"):
        await add(proof=SIGNED)
    assert await people.status(ANA) is None


async def test_nobody_who_left_is_brought_back_and_nobody_who_is_here_is_changed(add, people):
    await people.active(ANA, first_name="Ana")
    with pytest.raises(NotAdded, match="here already"):
        await add(proof=SIGNED, first_name="Hanna")
    async with people.database.begin() as connection:
        entry = await directory.find(connection, parse(ANA))
    assert entry.first_name == "Ana"
    await people.leave(entry.id)
    with pytest.raises(NotAdded, match="only they can come back"):
        await add(proof=SIGNED)
    assert await people.status(ANA) == "left"
