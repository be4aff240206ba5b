"""Erasure leaves a keyed hash and nothing else."""

import pytest
from sqlalchemy import func, insert, select

from newsletter.tables import transactional
from subscribers import erasure, scoring
from subscribers.signup import ConfirmationDue
from subscribers.suppression import Reason
from subscribers.tables import bounce_score, choice, consent, subscriber

ANA = "ana@example.org"


async def test_erasure_deletes_everything_of_a_person_but_the_hash(people, database, now):
    person = await people.active(ANA)
    other = await people.active("ben@example.org")
    async with database.begin() as connection:
        await scoring.count(connection, [scoring.Bounce(person, now)], scoring.Rule())
        mail = {"subscriber_id": person, "kind": "welcome", "created_at": now, "due_at": now}
        await connection.execute(insert(transactional).values(mail))
        assert await erasure.erase(connection, person, now=now) is True
        assert await erasure.erase(connection, person, now=now) is False
    async with database.read() as connection:
        for table in (choice, consent, bounce_score, transactional):
            mine = select(func.count()).select_from(table).where(table.c.subscriber_id == person)
            assert await connection.scalar(mine) == 0, table
        assert list((await connection.execute(select(subscriber.c.id))).scalars()) == [other]
        assert await connection.scalar(select(func.count()).select_from(consent)) == 2
    assert await people.suppression(ANA) is Reason.ERASED


async def test_the_number_of_an_erased_person_is_never_given_to_the_next(people, database, now):
    person = await people.active(ANA)
    async with database.begin() as connection:
        await erasure.erase(connection, person, now=now)
    assert await people.pending("ben@example.org") > person


@pytest.mark.parametrize("reason", [Reason.REFUSED, Reason.STAFF])
async def test_erasing_keeps_a_refusal(people, database, now, reason):
    person = await people.active(ANA)
    await people.suppress(ANA, reason)
    async with database.begin() as connection:
        await erasure.erase(connection, person, now=now)
    assert await people.suppression(ANA) is reason


async def test_someone_erased_may_join_afresh(people, database, now):
    person = await people.active(ANA)
    async with database.begin() as connection:
        await erasure.erase(connection, person, now=now)
    outcome = await people.join(ANA)
    assert isinstance(outcome, ConfirmationDue)
    assert await people.mailable() == set()
    await people.confirm(outcome.subscriber_id)
    assert await people.mailable() == {ANA}
