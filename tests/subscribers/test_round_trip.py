"""What is exported and imported into an empty database says the same there, on both databases."""

import asyncio
import csv
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select

from newsletter import database as databases
from newsletter.database import Database
from subscribers import exporting, importing, names, suppression
from subscribers.audience import Rhythm
from subscribers.consent import Action, Actor
from subscribers.suppression import Reason
from subscribers.tables import choice, subscriber
from subscribers.tables import consent as consent_table
from subscribers.tables import suppression as suppression_table

KEY = "h" * 40
NOW = datetime(2021, 1, 15, 12, 0, tzinfo=UTC)
EVENTS = ("opening", "equity-lab", "closing")

MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2021, 1, 14), timezones=st.just(UTC))  # noqa: DTZ001 - given one
LINES = st.text(max_size=30).map(names.clean)
NAMES = LINES.filter(lambda text: names.is_plain(text) and text != "-")  # which is how others write that there is none
TAGS = st.lists(LINES.filter(lambda text: text and not set(text) & set(';,"')), max_size=3)
WORDS = st.dictionaries(st.from_regex(r"\A[a-z][a-z0-9_]{0,9}\Z").filter("tags".__ne__), LINES.filter(bool), max_size=3)
STANCES = st.dictionaries(st.sampled_from([*EVENTS, "*", "kind:story"]), st.sampled_from(["follow", "mute"]))
STEPS = st.lists(
    st.fixed_dictionaries(
        {
            "at": MOMENTS,
            "source": LINES,
            "text_version": LINES,
            "text_shown": st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40),
            "ip": st.sampled_from(["", "192.0.2.7", "2001:db8::7"]),
        }
    ),
    min_size=1,
    max_size=2,
)
PEOPLE = st.fixed_dictionaries(
    {
        "first_name": NAMES,
        "last_name": NAMES,
        "locale": st.sampled_from(["en", "de", "de-AT", "es-419", "fr-CA"]),
        "timezone": st.sampled_from(["", "Europe/Berlin", "America/Argentina/Buenos_Aires"]),
        "fields": WORDS,
        "tags": TAGS,
        "stances": STANCES.map(lambda known: {t: s for t, s in known.items() if (t, s) not in _NEVER}),
        "status": st.sampled_from(["pending", "active", "active", "left"]),
        "suppressed": st.none() | st.none() | st.sampled_from(Reason),
        "joined_at": MOMENTS,
        "at": MOMENTS,
        "paused_until": st.none() | st.datetimes(timezones=st.just(UTC), min_value=datetime(2001, 1, 1)),  # noqa: DTZ001
        "rhythm": st.sampled_from(Rhythm),
        "steps": STEPS,
    }
)
_NEVER = {("*", "mute"), ("kind:story", "follow")}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(people=st.lists(PEOPLE, max_size=4))
def test_an_export_that_is_imported_and_exported_again_is_the_same(
    migrated_url: str, tmp_path: Path, people: list[Mapping[str, Any]]
) -> None:
    asyncio.run(_there_and_back(migrated_url, tmp_path / "people.csv", people))


async def _there_and_back(url: str, path: Path, people: Sequence[Mapping[str, Any]]) -> None:
    database = databases.connect(url)
    try:
        await _forget(database)
        await _add(database, people)
        before, gone = await _export(database), await _suppressed(database)
        path.write_text(before, encoding="utf-8", newline="")  # noqa: ASYNC240 - a test may wait
        await _forget(database)
        refused: list[importing.Rejected] = []
        report = await importing.run(
            path, database=database, hash_key=KEY, now=NOW, events=EVENTS, rejected=refused.append
        )
        assert (refused, report.remarks) == ([], {})
        assert _rows(await _export(database)) == [
            row for row in _rows(before) if not (row["left_at"] or row["suppressed"])
        ]
        left = {_hash(n): one for n, one in enumerate(people) if one["status"] == "left" and not one["suppressed"]}
        assert await _suppressed(database) == gone | {
            hashed: (Reason.UNSUBSCRIBE, one["at"]) for hashed, one in left.items()
        }
    finally:
        await database.close()


async def _forget(database: Database) -> None:
    async with database.begin() as connection:
        await connection.execute(delete(suppression_table))
        await connection.execute(delete(subscriber))


async def _add(database: Database, people: Sequence[Mapping[str, Any]]) -> None:
    async with database.begin() as connection:
        for number, one in enumerate(people):
            address = f"p{number}@example.org"
            tags = {"tags": one["tags"]} if one["tags"] else {}
            person = await connection.scalar(
                insert(subscriber)
                .values(
                    address=address,
                    normal=address,
                    hash=_hash(number),
                    fields={**one["fields"], **tags},
                    confirmed_at=None if one["status"] == "pending" else one["at"],
                    left_at=one["at"] if one["status"] == "left" else None,
                    **{name: one[name] for name in _COLUMNS},
                )
                .returning(subscriber.c.id)
            )
            for topic, stance in one["stances"].items():
                await connection.execute(insert(choice).values(subscriber_id=person, topic=topic, stance=stance))
            actions = [Action.REQUESTED] if one["status"] == "pending" else [Action.REQUESTED, Action.CONFIRMED]
            for action, step in zip(actions, one["steps"], strict=False):
                row = {"subscriber_id": person, "action": action, "actor": Actor.PERSON, **step}
                await connection.execute(insert(consent_table).values(row))
            if one["suppressed"]:
                row = {"hash": _hash(number), "reason": one["suppressed"], "at": one["at"]}
                await connection.execute(insert(suppression_table).values(row))


_COLUMNS = ("first_name", "last_name", "locale", "timezone", "status", "joined_at", "paused_until", "rhythm")


def _hash(number: int) -> str:
    return suppression.address_hash(f"p{number}@example.org", KEY)


async def _export(database: Database) -> str:
    file = io.StringIO(newline="")
    async with database.read() as connection:
        await exporting.run(connection, exporting.comma_separated(file))
    return file.getvalue()


def _rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


async def _suppressed(database: Database) -> dict[str, tuple[str, datetime]]:
    async with database.read() as connection:
        rows = await connection.execute(select(suppression_table))
        return {row.hash: (row.reason, row.at) for row in rows}


async def test_what_somebody_agreed_to_goes_along_from_list_to_list(
    people: Any, database: Database, tmp_path: Path
) -> None:
    text = "Yes, write to me.\nAsk hello@example.org for anything."
    await people.active("ana@example.org", ip="192.0.2.1", text_version="2021-1", text_shown=text)
    await people.join("ana@example.org", ip="198.51.100.9", text_version="another")
    told = _rows(await _export(database))
    proof = {
        "consent_source": "form",
        "consent_ip": "192.0.2.7",
        "consent_version": "2021-1",
        "consent_text": text,
        "requested_at": NOW.isoformat(),
        "request_ip": "192.0.2.1",
    }
    assert proof.items() <= told[0].items()
    for _ in range(2):
        path = tmp_path / "people.csv"
        path.write_text(await _export(database), encoding="utf-8", newline="")
        await _forget(database)
        await importing.run(path, database=database, hash_key=KEY, now=NOW)
        assert _rows(await _export(database)) == told
