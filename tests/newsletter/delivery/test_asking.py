"""People who were imported without proof of consent: asked once, ever, and after all who ask by themselves."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from newsletter.cli.people_import import ByMail
from newsletter.delivery import transactional
from newsletter.delivery.transactional import Kind
from newsletter.tables import transactional as table
from subscribers import addresses, importing, preferences, signup
from subscribers.importing import Report
from subscribers.tables import subscriber

PEOPLE = "email,consented_at\nana@example.org,2020-12-03\nben@example.org,\ncem@example.org,\ndua@example.org,\neve@,\n"


@pytest.fixture
def take(database, settings, now, tmp_path):
    """Import the people, by default with asking."""
    (tmp_path / "people.csv").write_text(PEOPLE)
    key = settings.secrets.hash_key.get_secret_value()

    async def run(*, ask: bool = True, dry_run: bool = False) -> Report:
        path = tmp_path / "people.csv"
        return await importing.run(
            path, database=database, hash_key=key, now=now, asking=ByMail(now) if ask else None, dry_run=dry_run
        )

    return run


async def asked(database) -> list[tuple[str, str]]:
    async with database.read() as connection:
        rows = await connection.execute(
            select(subscriber.c.address, table.c.kind).join_from(table, subscriber).order_by(table.c.id)
        )
        return [tuple(row) for row in rows]


async def test_each_is_asked_once_however_often_the_file_is_imported(database, take):
    report = await take()
    assert (report.counts.active, report.counts.pending, report.asked) == (1, 3, 3)
    again = await take()
    assert (again.counts.known, again.asked) == (4, 0)
    assert await asked(database) == [(f"{name}@example.org", "ask") for name in ("ben", "cem", "dua")]


async def test_whoever_was_imported_without_asking_can_be_asked_later_but_not_who_joined_or_left_since(
    database, settings, take, now
):
    await take(ask=False)
    assert await asked(database) == []
    key = settings.secrets.hash_key.get_secret_value()
    async with database.begin() as connection:
        joining = signup.Request(addresses.parse("ben@example.org"), source="form")
        due = await signup.join(connection, joining, hash_key=key, now=now)
        await transactional.answer(connection, due, now=now, most_a_day=3, hash_key=key)
        cem = await connection.scalar(select(subscriber.c.id).where(subscriber.c.address == "cem@example.org"))
        await preferences.leave(connection, cem, source="mail", now=now)
    assert (await take(dry_run=True)).asked == 1
    assert (await take()).asked == 1
    assert await asked(database) == [("ben@example.org", "confirm"), ("dua@example.org", "ask")]


async def test_a_dry_run_says_how_many_it_would_ask_and_asks_nobody(database, take):
    assert (await take(dry_run=True)).asked == 3
    assert await asked(database) == []


async def test_who_asked_for_a_mail_gets_it_before_all_who_did_not(database, take, now):
    await take()
    async with database.begin() as connection:
        ana = await connection.scalar(select(subscriber.c.id).where(subscriber.c.address == "ana@example.org"))
        later = now + timedelta(minutes=1)
        assert await transactional.enqueue(connection, ana, Kind.LINK, now=later, most_a_day=3)
        claimed = await transactional.claim(connection, limit=2, now=later)
        assert [one.kind for one in await transactional.claim(connection, limit=9, now=later)] == [Kind.ASK, Kind.ASK]
    assert {one.kind for one in claimed} == {Kind.LINK, Kind.ASK}
