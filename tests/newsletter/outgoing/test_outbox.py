"""What happens is put into the outbox in its own transaction, for whoever wants to know it, on both databases."""

import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter import feedback
from newsletter.database import Database
from newsletter.engine import parts
from newsletter.outgoing import endpoints, messages
from newsletter.outgoing.messages import Subject
from newsletter.outgoing.types import Type
from newsletter.settings import Settings
from newsletter.tables import campaign, delivery, endpoint, outgoing
from subscribers import addresses, attending, consent, directory, erasure, importing, preferences, signup
from subscribers.links import DeliveryRef
from webhooks.events import BounceClass, Event, Kind

Change = Callable[[AsyncConnection, int, datetime], Awaitable[object]]
EVERYTHING = tuple(Type)


async def listening(connection: AsyncConnection, now: datetime, types: tuple[Type, ...] = EVERYTHING) -> None:
    await endpoints.add(connection, "https://crm.example.org/hook", types, allow_private=False, now=now)


async def join(connection: AsyncConnection, now: datetime, address: str = "ana@example.org") -> int:
    request = signup.Request(addresses.parse(address), "form", first_name="Ana", ip="192.0.2.1", text_shown="Yes")
    due = await signup.join(connection, request, hash_key="h" * 40, now=now)
    assert isinstance(due, signup.ConfirmationDue)
    return due.subscriber_id


async def told(connection: AsyncConnection) -> list[str]:
    return list(await connection.scalars(select(outgoing.c.type).order_by(outgoing.c.id)))


async def last(connection: AsyncConnection) -> dict[str, Any]:
    """The last message, as it would be posted."""
    rows = await connection.execute(
        select(outgoing.c.type, outgoing.c.at, outgoing.c.subscriber_id, outgoing.c.subject_id)
        .order_by(outgoing.c.id.desc())
        .limit(1)
    )
    kind, at, person, number = rows.one()
    document: dict[str, Any] = json.loads(await messages.compose(connection, Subject(Type(kind), at, person, number)))
    assert document["type"] == kind
    return document["data"]  # type: ignore[no-any-return]


async def test_the_steps_of_a_life_are_told_one_by_one(database: Database, now: datetime) -> None:
    async with database.begin() as connection:
        await listening(connection, now)
        person = await join(connection, now)
        assert await told(connection) == ["subscriber.joined"]
        data = await last(connection)
        assert data["subscriber"] == {
            "id": person,
            "address": "ana@example.org",
            "first_name": "Ana",
            "last_name": "",
            "locale": "en",
            "timezone": "",
            "status": "pending",
            "suppressed": None,
        }
        assert data["step"] == {"action": "requested", "by": "person", "source": "form"}
        assert await join(connection, now) == person
        assert await told(connection) == ["subscriber.joined"], "asking again is no new joining"
        await signup.confirm(connection, person, ip="192.0.2.1", now=now)
        await preferences.settle(connection, person, first_name="Anne", now=now)
        data = await last(connection)
        assert data["step"]["before"] == {"first_name": "Ana"}
        assert data["subscriber"]["first_name"] == data["step"]["after"]["first_name"] == "Anne"
        await preferences.leave(connection, person, source="one-click", reason="too many", now=now)
        assert (await last(connection))["step"]["reason"] == "too many"
        await erasure.erase(connection, person, now=now)
        assert await last(connection) == {"subscriber": {"id": person}}
        assert await told(connection) == ["subscriber.erased"], "what was of a person went with them"


async def test_an_answer_to_an_invitation_is_told_as_that_and_not_as_a_change(
    database: Database, now: datetime
) -> None:
    async with database.begin() as connection:
        await listening(connection, now)
        person = await join(connection, now)
        for wish in (attending.Answer.GOING, attending.Answer.NOT):
            await attending.answer(connection, person, "opening", wish, capacity=None, now=now)
        assert await told(connection) == ["subscriber.joined", "rsvp", "rsvp"]
        data = await last(connection)
        assert data["rsvp"] == {
            "event": "opening",
            "answer": "not",
            "before": "going",
            "by": "person",
            "source": "page",
        }
        assert data["subscriber"]["id"] == person


async def test_a_decision_of_staff_is_told_as_a_change(database: Database, now: datetime) -> None:
    async with database.begin() as connection:
        await listening(connection, now, (Type.CHANGED,))
        await join(connection, now)
        ana = addresses.parse("ana@example.org")
        await directory.suppress(connection, ana, hash_key="h" * 40, note="by phone", now=now)
        data = await last(connection)
        assert (data["subscriber"]["suppressed"], data["step"]["by"]) == ("staff", "staff")
        assert "phone" not in json.dumps(data)


async def test_what_is_taken_back_was_never_told(database: Database, now: datetime) -> None:
    async with database.begin() as connection:
        await listening(connection, now)

    async def undone() -> None:
        async with database.begin() as connection:
            await join(connection, now)
            assert await told(connection) == ["subscriber.joined"]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await undone()
    async with database.read() as connection:
        assert await told(connection) == []


async def test_only_what_somebody_wants_to_know_is_kept_and_for_each_of_them(database: Database, now: datetime) -> None:
    async with database.begin() as connection:
        await join(connection, now, "early@example.org")
        await listening(connection, now, (Type.JOINED,))
        await endpoints.add(connection, "https://b.example.org/", (Type.JOINED,), allow_private=False, now=now)
        await endpoints.add(connection, "https://c.example.org/", (Type.LEFT,), allow_private=False, now=now)
        off = await endpoints.add(connection, "https://d.example.org/", (Type.JOINED,), allow_private=False, now=now)
        await connection.execute(update(endpoint).where(endpoint.c.id == off.id).values(disabled_at=now))
        await signup.confirm(connection, await join(connection, now), ip="", now=now)
        rows = await connection.execute(select(outgoing.c.endpoint_id, outgoing.c.type).order_by(outgoing.c.id))
        assert [tuple(row) for row in rows] == [(1, "subscriber.joined"), (2, "subscriber.joined")]


async def test_people_who_are_imported_have_joined_and_once(database: Database, now: datetime, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("email,consented_at\na@example.org,2021-01-02\nb@example.org,\n")
    async with database.begin() as connection:
        await listening(connection, now)
    for _ in range(2):
        await importing.run(file, database=database, hash_key="h" * 40, now=now)
    file.write_text("email,consented_at\nb@example.org,2021-01-03\n")
    await importing.run(file, database=database, hash_key="h" * 40, now=now)
    async with database.read() as connection:
        assert await told(connection) == ["subscriber.joined", "subscriber.joined", "subscriber.changed"]
        data = await last(connection)
        assert (data["subscriber"]["status"], data["step"]["action"]) == ("active", "imported")


@pytest.mark.parametrize(
    ("kind", "bounce", "expected"),
    [
        (Kind.BOUNCED, BounceClass.HARD, ["subscriber.changed", "subscriber.bounced"]),
        (Kind.BOUNCED, BounceClass.BLOCK, ["subscriber.bounced"]),
        (Kind.COMPLAINED, None, ["subscriber.changed", "subscriber.complained"]),
        (Kind.DELIVERED, None, []),
    ],
)
async def test_a_proven_report_is_told_with_what_it_says(
    database: Database,
    settings: Settings,
    now: datetime,
    add_people: Any,
    kind: Kind,
    bounce: BounceClass | None,
    expected: list[str],
) -> None:
    links = parts.links(settings)
    async with database.begin() as connection:
        (person,) = await add_people(connection, 1, now)
        await connection.execute(insert(campaign).values(id=1, slug="a/b", kind="invitation", created_at=now))
        await connection.execute(insert(delivery).values(campaign_id=1, subscriber_id=person, state="sent", attempts=1))
        await listening(connection, now)
        token = links.delivery_token(DeliveryRef("campaign", 1, person))
        for number, its in enumerate([token, None]):
            event = Event("postmark", str(number), kind, "p0@example.org", now, its, bounce, detail="550 no")
            await feedback.store(connection, [event], now)
        await feedback.Applier(links, settings.bounces).apply_due(connection, now)
        assert await told(connection) == expected
        if expected:
            data = await last(connection)
            assert data["campaign"] == "a/b"
            assert data["report"]["class"] == (bounce or "complaint")
            assert (data["report"]["detail"], data["report"]["reported_by"]) == ("550 no", "postmark")


async def test_each_step_of_a_campaign_is_told_with_its_counts(database: Database, now: datetime) -> None:
    steps = ["sending", "paused", "sending", "finished"]
    async with database.begin() as connection:
        await listening(connection, now)
        await connection.execute(insert(campaign).values(id=1, slug="a/b", kind="invitation", created_at=now))
        for number, status in enumerate(steps):
            values = {"status": status} | ({"started_at": now} if number == 0 else {})
            await connection.execute(update(campaign).values(values))
        await connection.execute(insert(delivery).values(campaign_id=1, subscriber_id=7, state="sent"))
        assert await told(connection) == [
            "campaign.started",
            "campaign.paused",
            "campaign.resumed",
            "campaign.finished",
        ]
        assert (await last(connection))["campaign"] == {
            "slug": "a/b",
            "event": None,
            "kind": "invitation",
            "status": "finished",
            "started_at": now.isoformat(),
            "finished_at": None,
            "deliveries": {"sent": 1},
        }


def test_each_action_of_evidence_is_known_to_the_outbox() -> None:
    """A new action is told as a change, unless the triggers are taught better: think about it, then add it here."""
    assert {action.value for action in consent.Action} == {
        "requested",
        "imported",
        "confirmed",
        "changed",
        "paused",
        "left",
        "suppressed",
        "released",
    }
