"""A campaign from its start to its end: real database, real compilation, real server on a socket."""

import email
import email.policy
import re
import shutil
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import dkim
import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from newsletter import assets
from newsletter.campaigns import report, store
from newsletter.constellation import store as constellations
from newsletter.constellation.model import Constellation
from newsletter.database import Database
from newsletter.delivery import ledger, transactional
from newsletter.delivery.ledger import State
from newsletter.delivery.transactional import Kind
from newsletter.dkim import files
from newsletter.dkim.keys import Algorithm
from newsletter.engine import embedded, parts
from newsletter.setting_tables import Dkim
from newsletter.settings import Settings
from newsletter.tables import delivery, inbox
from newsletter.tables import transactional as transactional_table
from subscribers import consent, suppression
from subscribers.links import LinkInvalid, Links, Purpose
from subscribers.moving import Mailbox, MoveDue
from subscribers.tables import subscriber
from tests import hashes


def over(settings: Settings, server: Any, **delivery_settings: Any) -> Settings:
    """The settings with the scripted server as their relay."""
    changed = settings.delivery.model_copy(update={"window": 20, "shard": 50, **delivery_settings})
    return settings.model_copy(update={"smtp": server.settings, "delivery": changed})


async def test_everyone_gets_one_mail_of_their_own(
    database: Database, settings: Settings, clock: Any, smtp_server: Any, start: Any
) -> None:
    async with smtp_server() as server:
        settings = over(settings, server)
        campaign = await start(settings, clock, 130)
        async with embedded.opened(settings, database, clock) as engine:
            await engine.dispatcher.deliver(engine.stop)
        async with database.read() as connection:
            seen = await report.read(connection, await store.find(connection, campaign.slug))
    assert sorted(one.rcpt_to for one in server.received) == sorted(f"p{n}@example.org" for n in range(130))
    assert (seen.status, seen.states) == ("finished", {State.SENT: 130})
    mails = [email.message_from_bytes(one.data, policy=email.policy.default) for one in server.received]
    assert len({mail["Message-ID"] for mail in mails}) == 130
    for one, mail in zip(server.received, mails, strict=True):
        assert mail["To"].addresses[0].addr_spec == one.rcpt_to
        assert one.mail_from.startswith("bounce+")
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert "https://news.example.org/one-click/" in mail["List-Unsubscribe"]
        assert one.mail_from.removeprefix("bounce+").partition("@")[0] in mail["Message-ID"]


@pytest.fixture
def one_mail(
    database: Database, settings: Settings, clock: Any, smtp_server: Any, start: Any
) -> Callable[..., Awaitable[EmailMessage]]:
    """Send a campaign to one person; the mail as it arrived. `changes` are made to the settings after its start."""

    async def go(**changes: Any) -> EmailMessage:
        async with smtp_server() as server:
            here = over(settings, server)
            await start(here, clock, 1)
            async with embedded.opened(here.model_copy(update=changes), database, clock) as engine:
                await engine.dispatcher.deliver(engine.stop)
        (one,) = server.received
        return email.message_from_bytes(one.data, policy=email.policy.default)

    return go


async def test_what_stands_in_a_mails_header_can_only_leave(settings: Settings, clock: Any, one_mail: Any) -> None:
    mail = await one_mail()
    [leaves] = set(re.findall(r"/one-click/([\w.-]+)", mail["List-Unsubscribe"]))
    foot = mail.get_body(("html",)).get_content()
    [chooses] = set(re.findall(r"/preferences/([\w.-]+)", foot))
    assert set(re.findall(r"/unsubscribe/([\w.-]+)", foot)) == {leaves}
    links, doors = parts.links(settings), set(Purpose)
    assert {door for door in doors if _opens(links, door, leaves, clock())} == {Purpose.UNSUBSCRIBE}
    assert {door for door in doors if _opens(links, door, chooses, clock())} == {Purpose.PREFERENCES}


def _opens(links: Links, door: Purpose, token: str, now: datetime) -> bool:
    try:
        return links.open(door, token, now=now).subscriber_id > 0
    except LinkInvalid:
        return False


async def test_readers_links_lead_to_where_the_pages_are_when_a_mail_is_sent(one_mail: Any) -> None:
    mail = await one_mail(public_url="https://moved.example.org")
    assert "https://moved.example.org/one-click/" in mail["List-Unsubscribe"]
    for part in ("plain", "html"):
        assert "https://moved.example.org/unsubscribe/" in mail.get_body((part,)).get_content()


@pytest.mark.parametrize(("late", "moved"), [(0, 0), (119, 0), (120, 120), (5 * 60, 4 * 60)])
async def test_a_mail_that_leaves_late_is_not_dated_when_it_was_due(
    database: Database, settings: Settings, clock: Any, smtp_server: Any, start: Any, late: int, moved: int
) -> None:
    async with smtp_server() as server:
        settings = over(settings, server)
        await start(settings, clock, 1)
        async with database.begin() as connection:
            person = await connection.scalar(select(subscriber.c.id)) or 0
            await transactional.enqueue(connection, person, Kind.WELCOME, now=clock(), most_a_day=3)
        due = clock()
        clock.now = due + timedelta(minutes=late)
        async with embedded.opened(settings, database, clock) as engine:
            await engine.tick()
            await engine.dispatcher.deliver(engine.stop)
    mails = [email.message_from_bytes(one.data, policy=email.policy.default) for one in server.received]
    dates = [mail["Date"].datetime for mail in mails]
    assert dates == 2 * [due.replace(microsecond=0) + timedelta(minutes=moved)]


async def test_who_came_with_proof_from_another_list_is_not_told_that_they_confirmed_here(
    database: Database, settings: Settings, clock: Any, smtp_server: Any, start: Any
) -> None:
    async with smtp_server() as server:
        settings = over(settings, server)
        await start(settings, clock, 3)
        async with database.begin() as connection:
            people = {one.id: one.address for one in await connection.execute(select(subscriber))}
            (imported, mailed), (confirmed, _), (asked, _) = sorted(people.items())
            steps = [(imported, "imported"), (confirmed, "requested"), (confirmed, "confirmed")]
            for person, action in [*steps, (asked, "imported"), (asked, "confirmed")]:
                await consent.record(connection, person, action, actor="person", now=clock())
            await transactional.enqueue(connection, imported, Kind.WELCOME, now=clock(), most_a_day=3)
        async with embedded.opened(settings, database, clock) as engine:
            await engine.tick()
    assert len(server.received) == 4
    for one in server.received:
        mail = email.message_from_bytes(one.data, policy=email.policy.default)
        for part in ("plain", "html"):
            said = " ".join(mail.get_body((part,)).get_content().split())
            assert ("and confirmed this address" in said) is (one.rcpt_to != mailed), said
            assert ("because you said yes to mail on a list that" in said) is (one.rcpt_to == mailed), said


async def test_a_mailbox_that_is_to_be_somebody_s_new_one_can_refuse_for_itself_and_not_for_them(
    database: Database, settings: Settings, clock: Any, smtp_server: Any, start: Any
) -> None:
    new = Mailbox("stranger@example.org", hashes.of("stranger@example.org"))
    async with smtp_server() as server:
        settings = over(settings, server)
        await start(settings, clock, 1)
        async with database.begin() as connection:
            person = await connection.scalar(select(subscriber.c.id)) or 0
            await transactional.answer(connection, MoveDue(person, new), now=clock(), most_a_day=3, hash_key=hashes.KEY)
        async with embedded.opened(settings, database, clock) as engine:
            await engine.tick()
    mail = next(one for one in server.received if one.rcpt_to == new.address)
    links = Links([key.get_secret_value() for key in settings.secrets.signing_keys])
    for part in ("plain", "html"):
        content = email.message_from_bytes(mail.data, policy=email.policy.default).get_body((part,)).get_content()
        (token,) = set(re.findall(r"/refuse/([0-9a-f]{32}\.[\w-]+)", content))
        assert links.open_refusal(token) == new.hash


async def test_every_mail_is_signed_where_the_senders_domain_has_a_key(
    database: Database, settings: Settings, clock: Any, smtp_server: Any, start: Any, tmp_path: Path
) -> None:
    files.make(Algorithm.ED25519, tmp_path / "key.pem")
    async with smtp_server() as server:
        settings = over(settings, server)
        campaign = await start(settings, clock, 90)
        async with database.begin() as connection:
            sender = (await constellations.current(connection)).sender.email
            person = (await connection.execute(select(subscriber.c.id))).scalars().first()
            await transactional.enqueue(connection, person or 0, Kind.LINK, now=clock(), most_a_day=3)
        own = Dkim(domain=sender.rpartition("@")[2], selector="e1", key_file=tmp_path / "key.pem")
        settings = settings.model_copy(update={"dkim": (own,)})
        async with embedded.opened(settings, database, clock) as engine:
            await engine.tick()
        async with database.read() as connection:
            assert (await ledger.counts(connection, campaign.id)) == {State.SENT: 90}
    record = files.load(own).record.encode()
    assert len(server.received) == 91
    assert len({email.message_from_bytes(one.data)["Message-ID"] for one in server.received}) == 91
    for one in server.received:
        assert dkim.verify(one.data, dnsfunc=lambda name, timeout=5: record)


@pytest.mark.parametrize("reply", ["451 4.7.1 greylisted", "421 4.3.0 closing"])
async def test_who_is_put_off_at_the_first_offer_days_after_the_start_is_offered_again(
    reply: str, database: Database, settings: Settings, clock: Any, smtp_server: Any, start: Any
) -> None:
    answered: list[str] = []

    def answers(verb: str, argument: str) -> str | None:
        if verb == "RCPT" and len(answered) < 3:
            answered.append(argument)
            return reply
        return None

    async with smtp_server(answers=answers) as server:
        settings = over(settings, server)
        campaign = await start(settings, clock, 3)
        clock.forward(days=3)  # paused over a weekend, or a relay that is warmed up
        async with embedded.opened(settings, database, clock) as engine:
            for _ in range(8):
                await engine.dispatcher.deliver(engine.stop)
                clock.forward(minutes=7)
        async with database.read() as connection:
            assert await ledger.counts(connection, campaign.id) == {State.SENT: 3}


async def test_deferred_mails_wait_and_are_sent_later_with_the_same_message_id(
    database: Database, settings: Settings, clock: Any, smtp_server: Any, start: Any
) -> None:
    greylisted: dict[str, int] = {}

    def answers(verb: str, argument: str) -> str | None:
        if verb == "RCPT" and argument.startswith("p1"):
            greylisted[argument] = greylisted.get(argument, 0) + 1
            return "451 4.7.1 greylisted" if greylisted[argument] == 1 else None
        return None

    async with smtp_server(answers=answers) as server:
        settings = over(settings, server)
        campaign = await start(settings, clock, 12)
        async with embedded.opened(settings, database, clock) as engine:
            await engine.dispatcher.deliver(engine.stop)
            async with database.read() as connection:
                assert await ledger.counts(connection, campaign.id) == {State.SENT: 9, State.DEFERRED: 3}
            await engine.dispatcher.deliver(engine.stop)
            assert len(server.received) == 9
            clock.forward(minutes=7)
            await engine.dispatcher.deliver(engine.stop)
        async with database.read() as connection:
            assert await ledger.counts(connection, campaign.id) == {State.SENT: 12}
    assert set(greylisted.values()) == {2}


async def test_who_is_put_off_for_longer_than_that_is_worth_is_given_up_and_told_so(
    database: Database, settings: Settings, clock: Any, smtp_server: Any, start: Any
) -> None:
    asked: list[datetime] = []

    def answers(verb: str, argument: str) -> str | None:
        if verb == "RCPT" and argument.startswith("p1@"):
            asked.append(clock())
            return "450 4.2.0 not now"
        return None

    async with smtp_server(answers=answers) as server:
        hours = timedelta(hours=1)
        settings = over(settings, server, retry_first=hours, retry_longest=4 * hours, give_up_after=12 * hours)
        campaign = await start(settings, clock, 3)
        async with embedded.opened(settings, database, clock) as engine:
            for _ in range(24):
                await engine.dispatcher.deliver(engine.stop)
                clock.forward(hours=1)
        async with database.read() as connection:
            assert await ledger.counts(connection, campaign.id) == {State.SENT: 2, State.EXPIRED: 1}
            (lost,) = await report.unreached(connection, campaign)
            assert (await store.find(connection, campaign.slug)).status == "finished"
    assert (lost.address, lost.state, lost.reply) == ("p1@example.org", State.EXPIRED, "450 4.2.0 not now")
    assert timedelta(hours=12) <= asked[-1] - asked[0] <= timedelta(hours=18)
    assert 4 <= len(asked) <= 7, "longer each time"


async def test_a_refused_recipient_is_suppressed_when_the_answer_says_there_is_no_such_mailbox(
    database: Database, settings: Settings, clock: Any, smtp_server: Any, start: Any
) -> None:
    def answers(verb: str, argument: str) -> str | None:
        if verb == "RCPT" and argument.startswith("p3@"):
            return "550 5.1.1 <p3@example.org>: no such user here"
        if verb == "RCPT" and argument.startswith("p4@"):
            return "554 5.7.1 rejected: your address is listed at a blocklist"
        return None

    async with smtp_server(answers=answers) as server:
        settings = over(settings, server)
        campaign = await start(settings, clock, 6)
        async with embedded.opened(settings, database, clock) as engine:
            await engine.dispatcher.deliver(engine.stop)
            await engine.apply_reports()
        async with database.read() as connection:
            assert await ledger.counts(connection, campaign.id) == {State.SENT: 4, State.REFUSED: 2}
            assert await suppression.find(connection, hashes.of_number(3)) is suppression.Reason.HARD_BOUNCE
            assert await suppression.find(connection, hashes.of_number(4)) is None
            outcomes = list(await connection.scalars(select(inbox.c.outcome).order_by(inbox.c.id)))
            heard = list(await connection.scalars(select(delivery.c.feedback)))
    assert outcomes == ["suppressed: hard-bounce", "blocked: noted on the campaign, the person is not at fault"]
    assert sorted(filter(None, heard)) == ["block", "hard"]


async def test_a_relay_that_closes_again_and_again_loses_nobody_and_doubles_only_those_in_doubt(
    database: Database, settings: Settings, clock: Any, smtp_server: Any, start: Any
) -> None:
    count = 0

    def answers(verb: str, argument: str) -> str | None:
        nonlocal count
        count += verb == "BODY"
        return "take-and-close" if verb == "BODY" and count % 7 == 0 else None

    async with smtp_server(answers=answers) as server:
        settings = over(settings, server)
        campaign = await start(settings, clock, 60)
        async with embedded.opened(settings, database, clock) as engine:
            for _ in range(40):
                await engine.dispatcher.deliver(engine.stop)
                clock.forward(minutes=5)
        async with database.read() as connection:
            assert await ledger.counts(connection, campaign.id) == {State.SENT: 60}
    reached = [one.rcpt_to for one in server.received]
    assert set(reached) == {f"p{n}@example.org" for n in range(60)}
    assert 0 < len(reached) - 60 <= count // 7
    by_address: dict[str, set[str]] = {}
    for one in server.received:
        by_address.setdefault(one.rcpt_to, set()).add(one.mail_from)
    assert all(len(senders) == 1 for senders in by_address.values())


async def test_held_uncertain_mails_wait_for_a_person(
    database: Database, settings: Settings, clock: Any, smtp_server: Any, start: Any
) -> None:
    closed = []

    def answers(verb: str, argument: str) -> str | None:
        if verb == "BODY" and not closed:
            closed.append(argument)
            return "take-and-close"
        return None

    async with smtp_server(answers=answers) as server:
        settings = over(settings, server, on_uncertain="hold")
        campaign = await start(settings, clock, 10)
        async with embedded.opened(settings, database, clock) as engine:
            await engine.dispatcher.deliver(engine.stop)
        async with database.begin() as connection:
            assert await ledger.counts(connection, campaign.id) == {State.SENT: 9, State.UNCERTAIN: 1}
            assert await ledger.requeue(connection, campaign.id, [State.UNCERTAIN], clock()) == 1
        async with embedded.opened(settings, database, clock) as engine:
            await engine.dispatcher.deliver(engine.stop)
    assert [one.rcpt_to for one in server.received].count(closed[0]) == 2


async def test_a_relay_that_is_away_delays_the_campaign_and_spends_no_attempts(
    database: Database, settings: Settings, clock: Any, smtp_server: Any, start: Any, unused_tcp_port: int
) -> None:
    async with smtp_server() as server:
        settings = over(settings, server)
        away = settings.model_copy(update={"smtp": server.settings.model_copy(update={"port": unused_tcp_port})})
        campaign = await start(settings, clock, 5)
        async with embedded.opened(away, database, clock) as engine:
            await engine.dispatcher.deliver(engine.stop)
        async with database.read() as connection:
            assert await ledger.counts(connection, campaign.id) == {State.QUEUED: 5}
            assert not any(await connection.scalars(select(delivery.c.attempts)))
        clock.forward(minutes=2)
        async with embedded.opened(settings, database, clock) as engine:
            await engine.dispatcher.deliver(engine.stop)
    assert len(server.received) == 5


async def test_a_slip_in_a_template_while_a_campaign_is_sent_puts_mails_off_until_it_is_put_right(
    database: Database, settings: Settings, clock: Any, smtp_server: Any, start: Any, tmp_path: Path
) -> None:
    body = tmp_path / "mail" / "invitation" / "body.mjml"
    shutil.copytree(assets.TEMPLATES / "mail" / "invitation", body.parent)
    right = body.read_text()
    async with smtp_server() as server:
        settings = over(settings, server).model_copy(update={"templates": tmp_path})
        campaign = await start(settings, clock, 3)
        body.write_text("{{ nonsense }}" + right)
        async with embedded.opened(settings, database, clock) as engine:
            with capture_logs() as lines:
                await engine.dispatcher.deliver(engine.stop)
            async with database.read() as connection:
                assert await ledger.counts(connection, campaign.id) == {State.DEFERRED: 3}
                assert "nonsense is undefined" in str(await connection.scalar(select(delivery.c.reply).limit(1)))
            [told] = [line for line in lines if line["event"] == "mails not made"]
            assert (told["mails"], "nonsense is undefined" in told["reason"]) == (3, True)
            body.write_text(right)
            clock.forward(minutes=3)
            await engine.dispatcher.deliver(engine.stop)
        async with database.read() as connection:
            assert await ledger.counts(connection, campaign.id) == {State.SENT: 3}


async def test_a_slip_in_the_template_of_a_confirmation_loses_nobody_who_joins_meanwhile(
    database: Database,
    settings: Settings,
    clock: Any,
    smtp_server: Any,
    constellation: Constellation,
    add_people: Any,
    tmp_path: Path,
) -> None:
    subject = tmp_path / "mail" / "confirm" / "subject.txt"
    shutil.copytree(assets.TEMPLATES / "mail" / "confirm", subject.parent)
    right = subject.read_text()
    subject.write_text("{{ nonsense }}")
    async with smtp_server() as server:
        settings = over(settings, server).model_copy(update={"templates": tmp_path})
        async with database.begin() as connection:
            await constellations.load(connection, constellation, clock())
            await add_people(connection, 1, clock(), status="pending", confirmed_at=None)
            number = await connection.scalar(select(subscriber.c.id)) or 0
            await transactional.enqueue(connection, number, Kind.CONFIRM, now=clock(), most_a_day=3)
        async with embedded.opened(settings, database, clock) as engine:
            await engine.messenger.deliver(engine.stop)
            async with database.read() as connection:
                assert await connection.scalar(select(transactional_table.c.state)) == "deferred"
            subject.write_text(right)
            clock.forward(minutes=3)
            await engine.messenger.deliver(engine.stop)
    assert [one.rcpt_to for one in server.received] == ["p0@example.org"]


async def test_a_confirmation_is_sent_at_most_three_times_a_day(
    database: Database, settings: Settings, clock: Any, smtp_server: Any, constellation: Constellation, add_people: Any
) -> None:
    async with smtp_server() as server:
        settings = over(settings, server)
        async with database.begin() as connection:
            await constellations.load(connection, constellation, clock())
            await add_people(connection, 1, clock(), status="pending", confirmed_at=None)
            number = await connection.scalar(select(subscriber.c.id))
            asked = [
                await transactional.enqueue(connection, number or 0, Kind.CONFIRM, now=clock(), most_a_day=3)
                for _ in range(5)
            ]
        assert asked == [True, True, True, False, False]
        async with embedded.opened(settings, database, clock) as engine:
            assert await engine.messenger.deliver(engine.stop) == 3
        clock.forward(days=1, seconds=1)
        async with database.begin() as connection:
            assert await transactional.enqueue(connection, number or 0, Kind.CONFIRM, now=clock(), most_a_day=3)
            assert list(await connection.scalars(select(transactional_table.c.state)))[:3] == ["sent"] * 3
    mail = email.message_from_bytes(server.received[0].data, policy=email.policy.default)
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "List-Unsubscribe-Post" not in mail
    assert "https://news.example.org/confirm/" in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
