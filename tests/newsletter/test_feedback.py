"""What follows from a report: on both databases, from the inbox to suppression."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from newsletter import feedback
from newsletter.database import Database
from newsletter.engine import parts
from newsletter.settings import Settings
from newsletter.tables import campaign, delivery, inbox
from subscribers import consent, erasure, preferences, scoring, suppression
from subscribers.links import DeliveryRef, Links
from subscribers.suppression import Reason
from tests import hashes
from webhooks.events import BounceClass, Event, Kind

Heard = Callable[..., Awaitable[list[str]]]


@pytest.fixture
def links(settings: Settings) -> Links:
    return parts.links(settings)


@pytest.fixture
async def people(database: Database, now: datetime, add_people: Any) -> list[int]:
    """Three subscribers; the first two were sent campaign 1, the third was not."""
    async with database.begin() as connection:
        numbers: list[int] = await add_people(connection, 3, now - timedelta(days=30))
        await connection.execute(insert(campaign).values(id=1, slug="a/b", kind="invitation", created_at=now))
        rows = [{"campaign_id": 1, "subscriber_id": n, "state": "sent", "attempts": 1, "at": now} for n in numbers[:2]]
        await connection.execute(insert(delivery), rows)
    return numbers


@pytest.fixture
def report(links: Links, people: list[int], now: datetime) -> Callable[..., Event]:
    """A report about the first person's delivery, but for what a test changes."""

    def make(kind: Kind = Kind.BOUNCED, **changes: Any) -> Event:
        values: dict[str, Any] = {
            "provider": "test",
            "id": "1",
            "address": "p0@example.org",
            "at": now,
            "token": links.delivery_token(DeliveryRef("campaign", 1, people[0])),
            "bounce": BounceClass.HARD if kind is Kind.BOUNCED else None,
            **changes,
        }
        return Event(kind=kind, **values)

    return make


@pytest.fixture
def heard(database: Database, settings: Settings, links: Links, now: datetime) -> Heard:
    """Store reports, apply them, and answer what each one's outcome is said to be."""

    async def go(*events: Event, at: datetime = now, **policy: Any) -> list[str]:
        async with database.begin() as connection:
            await feedback.store(connection, events, at)
        async with database.begin() as connection:
            rules = settings.bounces.model_copy(update=policy)
            await feedback.Applier(links, rules).apply_due(connection, at)
            return [outcome or "" for outcome in await connection.scalars(select(inbox.c.outcome).order_by(inbox.c.id))]

    return go


async def reason(database: Database, which: int = 0) -> Reason | None:
    async with database.read() as connection:
        return await suppression.find(connection, hashes.of_number(which))


@pytest.mark.parametrize(
    ("stands", "kind", "becomes"),
    [
        ("queued", Kind.DELIVERED, "sent"),
        ("deferred", Kind.DELIVERED, "sent"),
        ("uncertain", Kind.DELIVERED, "sent"),
        ("expired", Kind.COMPLAINED, "sent"),
        ("sending", Kind.DELIVERED, "sending"),
        ("refused", Kind.DELIVERED, "refused"),
        ("deferred", Kind.BOUNCED, "deferred"),
        ("uncertain", Kind.BOUNCED, "uncertain"),
    ],
)
async def test_a_mail_that_is_reported_to_have_arrived_is_not_sent_again(
    database: Database, report: Any, heard: Heard, people: list[int], stands: str, kind: Kind, becomes: str
) -> None:
    its = (delivery.c.campaign_id == 1, delivery.c.subscriber_id == people[0])
    async with database.begin() as connection:
        await connection.execute(update(delivery).where(*its).values(state=stands, reply="the connection was lost"))
    await heard(report(kind))
    async with database.read() as connection:
        found = (await connection.execute(select(delivery.c.state, delivery.c.reply).where(*its))).one()
    told = "it was reported to have arrived" if becomes == "sent" else "the connection was lost"
    assert tuple(found) == (becomes, told)


async def test_a_proven_hard_bounce_suppresses_at_once_and_leaves_evidence(
    database: Database, report: Any, heard: Heard, people: list[int]
) -> None:
    assert await heard(report()) == ["suppressed: hard-bounce"]
    assert await reason(database) is Reason.HARD_BOUNCE
    async with database.read() as connection:
        last = (await consent.evidence(connection, people[0]))[-1]
        assert (last.action, last.actor) == ("suppressed", "report")
        assert (
            await connection.scalar(select(delivery.c.feedback).where(delivery.c.subscriber_id == people[0])) == "hard"
        )


async def test_the_same_report_twice_is_one_report(database: Database, report: Any, heard: Heard) -> None:
    assert await heard(report(), report()) == ["suppressed: hard-bounce"]
    assert await heard(report()) == ["suppressed: hard-bounce"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"token": None}, "names no delivery"),
        ({"token": "a" * 40}, "names no delivery"),
        ({"address": "someone-else@example.org"}, "another address"),
    ],
)
async def test_a_report_that_nothing_proves_changes_nobody_and_is_kept_for_people(
    database: Database, report: Any, heard: Heard, change: dict[str, Any], why: str
) -> None:
    outcome = (await heard(report(**change)))[0]
    assert outcome.startswith("unproven")
    assert why in outcome
    assert await reason(database) is None
    async with database.read() as connection:
        assert len(await feedback.unproven(connection)) == 1


async def test_a_token_for_a_delivery_that_was_never_made_proves_nothing(
    database: Database, report: Any, heard: Heard, links: Links, people: list[int]
) -> None:
    token = links.delivery_token(DeliveryRef("campaign", 1, people[2]))
    assert await heard(report(token=token, address="p2@example.org")) == ["the delivery or its receiver is no more"]
    assert await reason(database, 2) is None


async def test_a_redacted_address_is_taken_at_its_tokens_word(database: Database, report: Any, heard: Heard) -> None:
    await heard(report(Kind.COMPLAINED, address="redacted@example.org"))
    assert await reason(database) is Reason.COMPLAINT


async def test_a_block_is_the_senders_fault_and_suppresses_nobody(
    database: Database, report: Any, heard: Heard
) -> None:
    assert "not at fault" in (await heard(report(bounce=BounceClass.BLOCK)))[0]
    assert await reason(database) is None


async def test_without_a_probe_soft_bounces_suppress_after_five_days_over_two_weeks_and_not_before(
    database: Database, report: Any, heard: Heard, now: datetime
) -> None:
    for day in (0, 1, 2, 3):
        await heard(report(bounce=BounceClass.SOFT, id=f"soft-{day}", at=now + timedelta(days=day)), probe=False)
    await heard(report(bounce=BounceClass.SOFT, id="again", at=now + timedelta(days=3, hours=2)), probe=False)
    assert await reason(database) is None
    await heard(report(bounce=BounceClass.SOFT, id="last", at=now + timedelta(days=14)), probe=False)
    assert await reason(database) is Reason.SOFT_BOUNCE


async def test_hard_bounces_suppress_on_as_many_different_days_as_staff_want(
    database: Database, report: Any, heard: Heard, now: datetime
) -> None:
    said = await heard(report(id="1"), report(id="same-day", at=now + timedelta(hours=1)), hard_days=2)
    assert said == ["hard bounce counted: 1 of 2 days"] * 2
    assert await reason(database) is None
    await heard(report(Kind.DELIVERED, id="arrived", at=now + timedelta(days=1)), hard_days=2)
    late = await heard(report(id="3", at=now + timedelta(days=2)), hard_days=2)
    assert late[-1] == "hard bounce counted: 1 of 2 days", "a mail that arrived proves those before it wrong"
    last = await heard(report(id="4", at=now + timedelta(days=3)), hard_days=2)
    assert last[-1] == "suppressed: hard-bounce"
    assert await reason(database) is Reason.HARD_BOUNCE


async def test_hard_bounces_from_before_a_release_by_staff_do_not_count(
    database: Database, report: Any, heard: Heard, now: datetime, people: list[int]
) -> None:
    for day in (0, 1):
        await heard(report(id=f"hard-{day}", at=now + timedelta(days=day)), hard_days=3)
    released = {"actor": consent.Actor.STAFF, "now": now + timedelta(days=2), "source": "command line"}
    async with database.begin() as connection:
        await consent.record(connection, people[0], consent.Action.RELEASED, **released)
    said = await heard(report(id="hard-3", at=now + timedelta(days=3)), hard_days=3)
    assert said[-1] == "hard bounce counted: 1 of 3 days"


@pytest.mark.parametrize("bounce", [BounceClass.HARD, BounceClass.SOFT])
async def test_a_bounce_from_before_a_release_by_staff_counts_no_more_when_it_is_applied_after_it(
    database: Database, report: Any, heard: Heard, now: datetime, people: list[int], bounce: BounceClass
) -> None:
    released = {"actor": consent.Actor.STAFF, "now": now + timedelta(hours=2), "source": "command line"}
    async with database.begin() as connection:
        await consent.record(connection, people[0], consent.Action.RELEASED, **released)
    later = now + timedelta(hours=3)
    said = await heard(report(id="1", bounce=bounce, at=now + timedelta(hours=1)), at=later)
    assert said == ["older than the release by staff"]
    assert await reason(database) is None
    async with database.read() as connection:
        assert await scoring.days(connection, people[0]) == []
    said = await heard(report(Kind.COMPLAINED, id="2", at=now + timedelta(hours=1)), at=later)
    assert said[-1] == "suppressed: complaint", "staff cannot undo what a person says"


async def test_a_bounce_of_a_mail_sent_after_a_release_counts_though_its_reporters_clock_is_slow(
    database: Database, report: Any, heard: Heard, now: datetime, people: list[int]
) -> None:
    released = {"actor": consent.Actor.STAFF, "now": now - timedelta(hours=1), "source": "command line"}
    async with database.begin() as connection:
        await consent.record(connection, people[0], consent.Action.RELEASED, **released)
    slow = report(id="1", at=now - timedelta(hours=2))
    assert await heard(slow, hard_days=2) == ["hard bounce counted: 1 of 2 days"]
    said = await heard(report(id="2", at=now + timedelta(days=1)), hard_days=2)
    assert said[-1] == "suppressed: hard-bounce", "and again with the next"


async def test_a_delivery_forgets_soft_bounces(database: Database, report: Any, heard: Heard, now: datetime) -> None:
    for day in (0, 1, 2, 3):
        await heard(report(bounce=BounceClass.SOFT, id=f"soft-{day}", at=now + timedelta(days=day)))
    await heard(report(Kind.DELIVERED, id="arrived", at=now + timedelta(days=4)))
    await heard(report(bounce=BounceClass.SOFT, id="last", at=now + timedelta(days=14)))
    assert await reason(database) is None


async def test_an_unsubscribe_reported_by_a_provider_is_obeyed(
    database: Database, report: Any, heard: Heard, people: list[int]
) -> None:
    assert await heard(report(Kind.UNSUBSCRIBED)) == ["unsubscribed"]
    async with database.read() as connection:
        found = await preferences.read(connection, people[0])
        assert found is not None
        assert found.status == "left"


@pytest.mark.parametrize("kind", [Kind.AUTO_REPLIED, Kind.DEFERRED, Kind.OTHER])
async def test_what_is_no_bounce_leaves_the_person_alone(
    database: Database, report: Any, heard: Heard, kind: Kind
) -> None:
    assert await heard(report(kind)) == ["nothing follows from it"]
    assert await reason(database) is None


async def test_a_bounce_older_than_the_opt_in_changes_nothing(
    database: Database, report: Any, heard: Heard, now: datetime
) -> None:
    async with database.begin() as connection:
        await connection.execute(update(delivery).values(at=now - timedelta(days=32)))
    assert await heard(report(at=now - timedelta(days=31))) == ["older than the opt-in"]
    assert await reason(database) is None


async def test_a_bounce_of_a_mail_since_the_opt_in_counts_on_that_mails_day_whatever_a_wrong_clock_says(
    database: Database, report: Any, heard: Heard, now: datetime, people: list[int]
) -> None:
    wrong = datetime(1970, 1, 1, tzinfo=UTC)
    assert await heard(report(at=wrong), hard_days=2) == ["hard bounce counted: 1 of 2 days"]
    await heard(report(bounce=BounceClass.SOFT, id="soft", at=wrong))
    async with database.read() as connection:
        assert await scoring.days(connection, people[0]) == [now.date()]
    assert (await heard(report(id="next", at=now + timedelta(days=1)), hard_days=2))[-1] == "suppressed: hard-bounce"


async def test_a_late_delivery_report_undoes_no_complaint(database: Database, report: Any, heard: Heard) -> None:
    await heard(report(Kind.COMPLAINED, id="1"), report(Kind.DELIVERED, id="2"))
    assert await reason(database) is Reason.COMPLAINT


async def test_what_was_stored_before_a_crash_is_applied_after_it(
    database: Database, report: Any, settings: Settings, links: Links, now: datetime
) -> None:
    async with database.begin() as connection:
        await feedback.store(connection, [report()], now)
    applier = feedback.Applier(links, settings.bounces)

    async def crash() -> None:
        async with database.begin() as connection:
            assert await applier.apply_due(connection, now) == 1
            raise RuntimeError("crash before the commit")

    with pytest.raises(RuntimeError, match="crash"):
        await crash()
    assert await reason(database) is None
    async with database.begin() as connection:
        assert await feedback.waiting(connection) == 1
        assert await applier.apply_due(connection, now) == 1
        assert await applier.apply_due(connection, now) == 0
    assert await reason(database) is Reason.HARD_BOUNCE


async def events(database: Database) -> list[dict[str, Any]]:
    async with database.read() as connection:
        return list(await connection.scalars(select(inbox.c.event).order_by(inbox.c.id)))


async def test_whoever_is_erased_is_named_by_no_report_of_their_mails_any_more_and_all_others_are(
    database: Database, report: Any, heard: Heard, people: list[int], links: Links, now: datetime
) -> None:
    said = "550 5.1.1 <p0@example.org> unknown"
    other = {
        "id": "3",
        "address": "p1@example.org",
        "token": links.delivery_token(DeliveryRef("campaign", 1, people[1])),
    }
    elsewhere = report(
        id="2", address="p0@elsewhere.example", detail="forwarded"
    )  # it follows nothing, yet it is theirs
    await heard(report(detail=said), elsewhere, report(**other, detail="550 <p1@example.org> unknown"))
    async with database.begin() as connection:
        await connection.execute(update(delivery).values(reply=said))
        assert await erasure.erase(connection, people[0], now=now)
    assert [(one["address"], one["detail"]) for one in await events(database)] == [
        ("", ""),
        ("", ""),
        ("p1@example.org", "550 <p1@example.org> unknown"),
    ]
    async with database.read() as connection:
        replies = await connection.execute(
            select(delivery.c.subscriber_id, delivery.c.reply).order_by(delivery.c.subscriber_id)
        )
        assert [tuple(row) for row in replies] == [(people[0], None), (people[1], said)]


async def test_a_report_that_comes_after_its_receiver_was_erased_is_emptied_too(
    database: Database, report: Any, heard: Heard, people: list[int], now: datetime
) -> None:
    async with database.begin() as connection:
        await erasure.erase(connection, people[0], now=now)
    assert await heard(report(detail="550 <p0@example.org> unknown")) == ["the delivery or its receiver is no more"]
    assert [(one["address"], one["detail"]) for one in await events(database)] == [("", "")]


async def test_what_a_server_said_is_kept_with_a_suppression_but_for_the_address(
    database: Database, report: Any, heard: Heard, people: list[int]
) -> None:
    await heard(report(detail="550 5.1.1 <p0@example.org>: no such user"))
    async with database.read() as connection:
        found = await suppression.finding(connection, people[0])
    assert found is not None
    assert found.detail == "550 5.1.1 <[address]>: no such user"
