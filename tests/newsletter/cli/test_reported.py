"""What was reported, as staff look at it: listed, counted, one in full, and in the evidence about a person."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from newsletter import database as databases
from newsletter import feedback, settings
from newsletter.cli import edge
from newsletter.delivery import pauses
from newsletter.delivery.pauses import Cause, Pause
from newsletter.engine import parts
from newsletter.feedback import breaker
from newsletter.tables import campaign, delivery
from subscribers.links import DeliveryRef
from webhooks.events import BounceClass, Event, Kind, Reason

NOW = datetime(2021, 1, 20, 12, tzinfo=UTC)
CLASSES = {"hard": BounceClass.HARD, "soft": BounceClass.SOFT, "block": BounceClass.BLOCK}


@pytest.fixture
def told(newsletter: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, add_people: Any) -> Path:
    """A folder whose database has heard a hard bounce, a soft one, a block and a complaint, each of one person."""
    monkeypatch.chdir(tmp_path)
    newsletter("init")
    newsletter("db", "upgrade")
    asyncio.run(_hear(settings.read(Path("newsletter.toml")), add_people))
    return tmp_path


async def _hear(made: settings.Settings, add_people: Any) -> None:
    database = databases.connect(made.database)
    signer = parts.links(made)
    async with database.begin() as connection:
        key = made.secrets.hash_key.get_secret_value()
        people = await add_people(connection, 4, datetime(2020, 12, 1, tzinfo=UTC), key=key)
        await connection.execute(insert(campaign).values(id=1, slug="opening/invitation", kind="x", created_at=NOW))
        sent = {"campaign_id": 1, "state": "sent", "attempts": 1, "at": NOW}
        await connection.execute(insert(delivery), [{**sent, "subscriber_id": number} for number in people])
        events = [
            Event(
                provider="test",
                id=f"event-{number}",
                kind=Kind.COMPLAINED if heard == "complaint" else Kind.BOUNCED,
                address=f"p{number - 1}@example.org",
                at=NOW,
                token=signer.delivery_token(DeliveryRef("campaign", 1, number)),
                bounce=CLASSES.get(heard),
                reason=Reason.MAILBOX_FULL if heard == "soft" else Reason.UNKNOWN,
                detail=f"550 said about a {heard} one",
            )
            for number, heard in zip(people, ["hard", "soft", "block", "complaint"], strict=True)
        ]
        await feedback.store(connection, events, NOW)
        await feedback.Applier(signer, made.bounces).apply_due(connection, NOW)
    await database.close()


def test_reports_are_listed_latest_first_and_by_kind_campaign_and_domain(told: Path, newsletter: Any) -> None:
    listed = json.loads(newsletter("bounces", "list", "--json").out)
    assert [one["heard"] for one in listed] == ["complaint", "block", "soft", "hard"]
    assert {one["campaign"] for one in listed} == {"opening/invitation"}
    only = json.loads(newsletter("bounces", "list", "--heard", "soft", "--domain", "EXAMPLE.org", "--json").out)
    assert [one["event"]["reason"] for one in only] == ["mailbox-full"]
    assert json.loads(newsletter("bounces", "list", "--domain", "example.net", "--json").out) == []
    shown = newsletter("bounces", "list", "--campaign", "opening/invitation").out
    assert "p1@example.org" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_a_campaign_that_is_not_there_is_one_line_with_the_nearest(told: Path, newsletter: Any) -> None:
    ended = newsletter("bounces", "list", "--campaign", "opening/invitatoin")
    assert (ended.code, ended.out, ended.err.count("\n")) == (1, "", 1)
    assert "did you mean opening/invitation?" in ended.err


@pytest.mark.parametrize(("by", "name"), [("domain", "example.org"), ("campaign", "opening/invitation")])
def test_reports_are_counted(told: Path, newsletter: Any, by: str, name: str) -> None:
    (row,) = json.loads(newsletter("bounces", "list", "--by", by, "--json").out)["counts"]
    assert row == {"name": name, "hard": 1, "soft": 1, "block": 1, "complaint": 1, "unsubscribe": 0}
    assert name in newsletter("bounces", "list", "--by", by).out
    assert newsletter("bounces", "list", "--by", by, "--heard", "hard").code == 2


def test_a_report_is_shown_in_full_with_what_followed(told: Path, newsletter: Any) -> None:
    number = json.loads(newsletter("bounces", "list", "--heard", "hard", "--json").out)[0]["id"]
    shown = newsletter("bounces", "show", number).out
    assert "550 said about a hard one" in shown
    assert "suppressed: hard-bounce" in shown
    assert json.loads(newsletter("bounces", "show", number, "--json").out)["event"]["id"] == "event-1"
    ended = newsletter("bounces", "show", "4711")
    assert (ended.code, ended.err.count("\n")) == (1, 1)


def test_a_persons_evidence_says_why_nothing_is_sent_and_what_was_reported(told: Path, newsletter: Any) -> None:
    suppressed = newsletter("subscribers", "show", "p0@example.org")
    assert "Suppressed since 2021-01-20 12:00 (hard-bounce, by test:event-1): 550 said" in suppressed.out
    seen = json.loads(newsletter("subscribers", "show", "p0@example.org", "--json").out)
    assert [one["heard"] for one in seen["reports"]] == ["hard"]
    assert [step["action"] for step in seen["consent"]] == ["suppressed"]
    full = json.loads(newsletter("subscribers", "show", "p1@example.org", "--json").out)
    assert (full["soft_bounce_days"], full["suppression"]) == (["2021-01-20"], None)
    assert "Soft bounces count on 2021-01-20." in newsletter("subscribers", "show", "p1@example.org").out


def test_a_domain_that_is_left_alone_is_told_wherever_it_matters_and_released_by_staff(
    told: Path, newsletter: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEWSLETTER_BOUNCES__BREAKER_LEAST", "1")
    monkeypatch.setattr(edge, "now", lambda: NOW)
    asyncio.run(_look(settings.read(Path("newsletter.toml"))))
    assert json.loads(newsletter("bounces", "list", "--by", "domain", "--json").out)["paused"][0]["cause"] == "hard"
    shown = newsletter("bounces", "list", "--by", "domain", "--campaign", "opening/invitation").out
    assert "example.org gets no mail until 2021-01-20 13:00 (UTC): it says of too many" in " ".join(shown.split())
    assert max(map(len, shown.splitlines())) <= 80
    seen = json.loads(newsletter("campaign", "report", "opening/invitation", "--json").out)
    assert [one["domain"] for one in seen["paused_domains"]] == ["example.org"]
    review = newsletter("bounces", "review").out
    assert "example.org gets no mail until 2021-01-20 13:00 (UTC)" in review
    assert "example.org said of 1 people at once" in review
    assert "1 held hard bounces are believed" in newsletter("bounces", "release", "example.org", "--suppress").out
    waiting = json.loads(newsletter("bounces", "review", "--json").out)
    assert (waiting["held"], waiting["paused"]) == ({}, [])
    assert json.loads(newsletter("subscribers", "show", "p0@example.org", "--json").out)["suppressed"] == "hard-bounce"
    ended = newsletter("bounces", "release", "example.org")
    assert (ended.code, ended.out, ended.err.count("\n")) == (1, "", 1)


def test_a_domain_is_known_by_what_stands_behind_the_at_sign_and_no_person_is_taken_for_one(
    told: Path, newsletter: Any
) -> None:
    assert "p1@example.org" in newsletter("bounces", "list", "--domain", "@example.org").out
    assert newsletter("bounces", "release", "@example.org").err.startswith("newsletter: example.org is not paused")
    assert "subscribers release" in newsletter("bounces", "release", "p1@example.org").err


def test_a_domain_that_blocks_us_waits_for_staff_too(
    told: Path, newsletter: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge, "now", lambda: NOW)
    asyncio.run(_pause(settings.read(Path("newsletter.toml"))))
    assert "newsletter bounces release example.net\n" in newsletter("bounces", "review").out
    assert newsletter("bounces", "release", "example.net").out == "example.net gets mail again.\n"


def test_who_complains_gives_no_reason(told: Path, newsletter: Any) -> None:
    (line,) = [one for one in newsletter("bounces", "list").out.splitlines() if "complaint" in one]
    assert "unknown" not in line


async def _pause(made: settings.Settings) -> None:
    database = databases.connect(made.database)
    async with database.begin() as connection:
        await pauses.begin(connection, Pause("example.net", Cause.BLOCK, NOW, NOW + timedelta(hours=1), 20))
    await database.close()


async def _look(made: settings.Settings) -> None:
    database = databases.connect(made.database)
    async with database.begin() as connection:
        await breaker.look(connection, made.bounces, {"example.org"}, NOW)
    await database.close()
