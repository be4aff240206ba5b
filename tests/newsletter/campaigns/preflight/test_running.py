"""A campaign's preflight, from the people in the database to the list of findings."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from newsletter.campaigns import lifecycle, store, writing
from newsletter.campaigns.preflight import gathering, running
from newsletter.campaigns.preflight.findings import Rule, Severity
from newsletter.constellation import store as constellations
from newsletter.constellation.model import Constellation
from newsletter.database import Database
from newsletter.engine import parts
from newsletter.settings import Settings
from newsletter.tables import delivery
from subscribers import consent
from subscribers.tables import subscriber


@pytest.fixture
async def crowd(database: Database, constellation: Constellation, add_people: Any, now: datetime) -> list[int]:
    """Nine people: six in English, three without a name; two in German, one of them far away; one in Italian, of
    another list, while all others confirmed here."""
    async with database.begin() as connection:
        await constellations.load(connection, constellation, now)
        numbers = await add_people(connection, 9, now)
        for some, values in (
            (numbers[:3], {"first_name": ""}),
            (numbers[6:8], {"locale": "de"}),
            (numbers[7:8], {"timezone": "Asia/Tokyo", "last_name": "x" * 60}),
            (numbers[8:], {"locale": "it-CH"}),
        ):
            await connection.execute(update(subscriber).where(subscriber.c.id.in_(some)).values(**values))
        for number in numbers[:8]:
            await consent.record(connection, number, "confirmed", actor="person", now=now)
    return numbers


async def test_each_mail_that_differs_is_looked_at_once_as_its_longest_reader_gets_it(
    database: Database, settings: Settings, crowd: list[int], now: datetime
) -> None:
    async with database.begin() as connection:
        made = await store.draft(connection, "opening", "invitation", now=now)
        seen = await running.gather(connection, settings, parts.stationery(settings), made, now)
    assert seen.people == 9
    mails = list(running.mails(seen))
    assert [(mail.reader, mail.people) for mail in mails] == [
        ("en, without a name", 3),
        ("en", 3),
        ("de", 1),
        ("de, Asia/Tokyo", 1),
        ("it-CH, of another list", 1),
    ]
    assert str(mails[3].message["To"]).count("Ŵ") == len("Zoë") + 60
    assert [finding.text for finding in running.of_audience(seen)] == [
        "one person reads it, and would get it in en",
    ]
    checked = await running.check(seen, settings, [])
    assert checked.is_clear, checked.findings
    assert (checked.people, checked.mails) == (9, 5)
    assert checked.findings[-1].text == "links and the sender's records were not looked up: no network"


async def test_a_translation_that_is_there_is_used_and_what_it_lacks_is_said(
    database: Database, settings: Settings, crowd: list[int], now: datetime, tmp_path: Path
) -> None:
    own = tmp_path / "own" / "mail" / "invitation"
    own.mkdir(parents=True)
    ours = Path(__file__).parents[4] / "templates" / "mail" / "invitation" / "body.mjml"
    (own / "body.de.mjml").write_text(ours.read_text(encoding="utf-8"), encoding="utf-8")
    settings = settings.model_copy(update={"templates": tmp_path / "own"})
    async with database.begin() as connection:
        made = await store.draft(connection, "opening", "invitation", now=now)
        seen = await running.gather(connection, settings, parts.stationery(settings), made, now)
    assert [finding.text for finding in running.of_audience(seen)] == [
        "one person reads it, and would get it in en",
        "invitation: there is no subject.de.txt; readers of de get subject.txt",
        "invitation: there is no body.de.txt; readers of de get body.txt",
    ]


async def test_a_template_that_is_wrong_is_an_error_with_its_place(
    database: Database, settings: Settings, crowd: list[int], now: datetime, tmp_path: Path
) -> None:
    own = tmp_path / "own" / "mail" / "invitation"
    own.mkdir(parents=True)
    (own / "body.txt").write_text("{{ evnt }}", encoding="utf-8")
    settings = settings.model_copy(update={"templates": tmp_path / "own"})
    async with database.begin() as connection:
        made = await store.draft(connection, "opening", "invitation", now=now)
        seen = await running.gather(connection, settings, parts.stationery(settings), made, now)
    checked = await running.check(seen, settings, [])
    assert [(one.severity, one.rule) for one in checked.findings][:1] == [(Severity.ERROR, Rule.TEMPLATE)]
    assert "body.txt:1:4: evnt is undefined; did you mean event?" in checked.findings[0].text


async def test_an_audience_of_nobody_is_looked_at_for_somebody(
    database: Database, settings: Settings, constellation: Constellation, now: datetime, tmp_path: Path
) -> None:
    (tmp_path / "word.md").write_text(
        "---\nsubject: A word\npreheader: One word before the holidays.\n---\nSee [it](x).\n"
    )
    async with database.begin() as connection:
        await constellations.load(connection, constellation, now)
        made = await writing.draft(connection, writing.read(tmp_path / "word.md", constellation, ""), now=now)
        assert await gathering.readers(connection, subscriber.c.id > 0) == []
        seen = await running.gather(connection, settings, parts.stationery(settings), made, now)
    checked = await running.check(seen, settings, [])
    assert [(one.severity, one.rule) for one in checked.findings[:2]] == [
        (Severity.ERROR, Rule.LINK_RELATIVE),
        (Severity.WARNING, Rule.AUDIENCE),
    ]


async def test_a_second_mail_of_its_kind_says_who_was_sent_the_first_and_how_to_reach_the_others(
    database: Database, settings: Settings, crowd: list[int], now: datetime
) -> None:
    async with database.begin() as connection:
        first = await store.draft(connection, "opening", "invitation", now=now, expression='language = "de"')
        await lifecycle.start(connection, settings, first, now=now)
        sent = await connection.scalar(select(delivery.c.subscriber_id).limit(1))
        await connection.execute(update(delivery).where(delivery.c.subscriber_id == sent).values(state="sent"))
        again = await store.draft(connection, "opening", "invitation", now=now, suffix="again")
        other = await store.draft(connection, "closing", "invitation", now=now)
        seen = [
            await running.gather(connection, settings, parts.stationery(settings), one, now) for one in (again, other)
        ]
    said = [[one.text for one in running.of_audience(gathered) if one.rule is Rule.AUDIENCE] for gathered in seen]
    others = "for the others alone: --to 'not received(\"opening/invitation\")'"
    assert said == [[f"1 of 9 were sent opening/invitation already; {others}"], []]


async def test_a_mail_for_some_in_the_place_of_the_plans_is_a_warning(
    database: Database, settings: Settings, crowd: list[int], now: datetime
) -> None:
    async with database.begin() as connection:
        for suffix, expected in (("", [Severity.WARNING]), ("beside", [])):
            options = {"suffix": suffix, "expression": 'language = "de"'}
            made = await store.draft(connection, "opening", "reminder", now=now, **options)
            seen = await running.gather(connection, settings, parts.stationery(settings), made, now)
            found = [one.severity for one in running.of_audience(seen) if one.rule is Rule.AUDIENCE]
            assert found == expected
