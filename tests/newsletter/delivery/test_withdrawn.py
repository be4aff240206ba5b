"""Mails to one person that nobody should get any more by the time their turn comes, on both databases."""

from datetime import timedelta

import pytest
from sqlalchemy import insert, select

from newsletter.delivery import transactional
from newsletter.delivery.ledger import State
from newsletter.delivery.transactional import Kind
from newsletter.tables import transactional as table
from subscribers import addresses, directory, preferences, signup, suppression
from subscribers.suppression import Reason

ANA = addresses.parse("ana@example.org")
HOUR = timedelta(hours=1)


@pytest.fixture
def waits(database, settings, now):
    """Somebody, pending or active, for whom a mail of a kind has waited since now."""
    key = settings.secrets.hash_key.get_secret_value()

    async def go(kind: Kind, *, active: bool = False) -> int:
        async with database.begin() as connection:
            due = await signup.join(connection, signup.Request(ANA, source="form"), hash_key=key, now=now)
            assert isinstance(due, signup.ConfirmationDue)
            if active:
                await signup.confirm(connection, due.subscriber_id, ip="", now=now)
            row = {"subscriber_id": due.subscriber_id, "kind": kind, "created_at": now, "due_at": now}
            await connection.execute(insert(table), [row])
            return due.subscriber_id

    return go


@pytest.fixture
def stop(database, settings, now):
    """Suppress Ana, an hour from now unless said otherwise."""
    key = settings.secrets.hash_key.get_secret_value()

    async def go(reason: Reason, after: timedelta = HOUR) -> None:
        async with database.begin() as connection:
            hashed = suppression.address_hash(ANA.normal, key)
            await suppression.suppress(connection, hashed, reason, at=now + after)

    return go


@pytest.fixture
def claimed(database, now):
    async def go() -> list[str]:
        async with database.begin() as connection:
            found = await transactional.claim(connection, limit=9, now=now + 2 * HOUR)
            return [one.kind for one in found]

    return go


async def states(database) -> list[str]:
    async with database.read() as connection:
        return list(await connection.scalars(select(table.c.state).order_by(table.c.id)))


@pytest.mark.parametrize("reason", list(Reason))
@pytest.mark.parametrize("after", [HOUR, -HOUR])
async def test_nobody_is_asked_for_an_import_who_was_suppressed_while_the_question_waited(
    database, waits, stop, claimed, reason, after
):
    await waits(Kind.ASK)
    await stop(reason, after)
    assert await claimed() == []
    assert await states(database) == [State.SUPPRESSED]


async def test_nobody_is_asked_for_an_import_or_reminded_who_has_confirmed_meanwhile(database, waits, claimed, now):
    await waits(Kind.ASK)
    person = await waits(Kind.REMIND)
    async with database.begin() as connection:
        await signup.confirm(connection, person, ip="", now=now + HOUR)
    assert await claimed() == []


@pytest.mark.parametrize("kind", list(Kind))
async def test_nothing_goes_to_whom_staff_suppressed_while_it_waited(database, settings, waits, claimed, kind, now):
    await waits(kind, active=kind not in (Kind.ASK, Kind.CONFIRM, Kind.REMIND))
    async with database.begin() as connection:
        key = settings.secrets.hash_key.get_secret_value()
        await directory.suppress(connection, ANA, hash_key=key, note="", now=now + HOUR)
    assert await claimed() == []


@pytest.mark.parametrize("reason", [Reason.HARD_BOUNCE, Reason.COMPLAINT])
async def test_a_confirmation_goes_to_whom_mail_was_stopped_before_they_asked_and_not_after(
    waits, stop, claimed, reason
):
    await waits(Kind.CONFIRM)
    await stop(reason, -HOUR)
    assert await claimed() == [Kind.CONFIRM]


@pytest.mark.parametrize("reason", [Reason.HARD_BOUNCE, Reason.COMPLAINT])
async def test_a_confirmation_does_not_go_to_whom_mail_was_stopped_since(waits, stop, claimed, reason):
    await waits(Kind.CONFIRM)
    await stop(reason)
    assert await claimed() == []


async def test_who_leaves_gets_the_goodbye_and_their_link_and_no_welcome(database, waits, claimed, now):
    person = await waits(Kind.WELCOME, active=True)
    async with database.begin() as connection:
        rows = [
            {"subscriber_id": person, "kind": kind, "created_at": now, "due_at": now}
            for kind in (Kind.GOODBYE, Kind.LINK)
        ]
        await connection.execute(insert(table), rows)
        await preferences.leave(connection, person, source="page", ip="", now=now + HOUR)
    assert await claimed() == [Kind.GOODBYE, Kind.LINK]


async def test_what_is_given_up_holds_nobody_up_who_waits_behind_it(database, settings, waits, stop, now):
    await waits(Kind.ASK)
    await stop(Reason.STAFF)
    key = settings.secrets.hash_key.get_secret_value()
    async with database.begin() as connection:
        ben = signup.Request(addresses.parse("ben@example.org"), source="form")
        due = await signup.join(connection, ben, hash_key=key, now=now)
        assert isinstance(due, signup.ConfirmationDue)
        await transactional.ask(connection, [due.subscriber_id], now=now + HOUR)
        (one,) = await transactional.claim(connection, limit=1, now=now + 2 * HOUR)
    assert one.address == "ben@example.org"


async def test_who_was_not_asked_after_all_may_be_asked_when_staff_let_them_again(
    database, settings, waits, stop, claimed
):
    person = await waits(Kind.ASK)
    await stop(Reason.STAFF)
    await claimed()
    async with database.read() as connection:
        assert await transactional.never_asked(connection, [person]) == [person]
