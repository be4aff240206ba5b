"""A relay that refuses all of our mail: nobody is settled for it, other relays go on, and staff are told once."""

import asyncio
import email
import email.policy
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from newsletter.clock import wall_clock
from newsletter.constellation.model import Constellation
from newsletter.database import Database
from newsletter.delivery import backoff, ledger, pauses, refusing_relays, transactional
from newsletter.delivery.ledger import State
from newsletter.delivery.outcome import Accepted, Refused, Stage
from newsletter.delivery.transactional import Kind
from newsletter.delivery.turned_away import ENOUGH, About, Offered, Welcome, about
from newsletter.engine import embedded, sending
from newsletter.engine.embedded import Engine
from newsletter.setting_tables import Relay
from newsletter.settings import Settings
from newsletter.tables import delivery, inbox
from newsletter.tables import transactional as transactional_table
from subscribers.tables import subscriber
from tests.postfix import running
from tests.servers import free_ports

DENIED = "554 5.7.1 <{}>: Relay access denied"
REJECTED = "554 5.7.1 <{}>: Sender address rejected: not wanted"


class Temper:
    """Answers RCPT by `reply` for as long as it is set, to those whom it `concerns`."""

    def __init__(self, reply: str, concerns: Callable[[str], bool] = lambda address: True) -> None:
        self.reply, self.concerns, self.refusals = reply, concerns, Counter[str]()

    def __call__(self, verb: str, argument: str) -> str | None:
        if verb != "RCPT" or not self.reply or not self.concerns(argument):
            return None
        self.refusals[argument] += 1
        return self.reply.format(argument)


def over(settings: Settings, server: Any, **changes: Any) -> Settings:
    """The settings with the scripted server as their relay."""
    return settings.model_copy(update={"smtp": server.settings.model_copy(update={"connections": 1}), **changes})


async def at_many_domains(database: Database) -> None:
    """Move everybody to one of seven domains."""
    async with database.begin() as connection:
        for number in list(await connection.scalars(select(subscriber.c.id))):
            address = f"p{number}@d{number % 7}.example"
            await connection.execute(
                update(subscriber).where(subscriber.c.id == number).values(address=address, normal=address)
            )


async def counts(database: Database, campaign: Any) -> dict[State, int]:
    async with database.read() as connection:
        return await ledger.counts(connection, campaign.id)


async def refusing(database: Database, clock: Any) -> list[refusing_relays.Refusing]:
    async with database.read() as connection:
        return await refusing_relays.current(connection, clock())


async def work(engine: Engine, clock: Any, *, minutes: int) -> None:
    """Deliver what is due, minute by minute."""
    for _ in range(minutes):
        await engine.dispatcher.deliver(engine.stop)
        clock.forward(minutes=1)


def mails_to(server: Any, address: str) -> list[str]:
    """The subjects of what an address got."""
    mails = [one.data for one in server.received if one.rcpt_to == address]
    return [str(email.message_from_bytes(data, policy=email.policy.default)["Subject"]) for data in mails]


@pytest.mark.parametrize("reply", [DENIED, REJECTED, "530 5.7.0 Authentication required", "554 no"])
async def test_whoever_a_relay_turns_away_with_all_others_waits_and_gets_it_once_when_it_takes_mail(
    database: Database, settings: Settings, clock: Any, smtp_server: Any, start: Any, reply: str
) -> None:
    temper = Temper(reply)
    async with smtp_server(answers=temper) as server:
        settings = over(settings, server)
        campaign = await start(settings, clock, 200)
        await at_many_domains(database)
        async with embedded.opened(settings, database, clock) as engine:
            began = clock()
            await engine.dispatcher.deliver(engine.stop)
            assert await counts(database, campaign) == {State.DEFERRED: ENOUGH, State.QUEUED: 200 - ENOUGH}
            await work(engine, clock, minutes=180)
            assert sum(temper.refusals.values()) < ENOUGH + 20, "asked seldom, with a single mail"
            (one,) = await refusing(database, clock)
            assert (one.relay, one.since, one.reply) == ("smtp", began, reply.format("[address]").replace("<[", "<["))
            async with database.read() as connection:
                assert list(await connection.scalars(select(inbox.c.id))) == [], "it is nobody's bounce"
                assert await pauses.current(connection, clock()) == {}
            temper.reply = ""
            await work(engine, clock, minutes=60)
            assert await refusing(database, clock) == []
        assert await counts(database, campaign) == {State.SENT: 200}
    assert set(Counter(one.rcpt_to for one in server.received).values()) == {1}
    assert len({one.mail_from for one in server.received}) == 200


async def test_nobody_is_given_up_however_long_a_relay_refuses_all(
    database: Database, settings: Settings, clock: Any, smtp_server: Any, start: Any
) -> None:
    temper = Temper(DENIED)
    async with smtp_server(answers=temper) as server:
        settings = over(settings, server)
        campaign = await start(settings, clock, 4)
        await at_many_domains(database)
        async with embedded.opened(settings, database, clock) as engine:
            for _ in range(4 * 24):
                await engine.dispatcher.deliver(engine.stop)
                clock.forward(hours=1)
            assert await counts(database, campaign) == {State.DEFERRED: 4}


async def test_a_relay_that_turns_us_away_in_the_middle_keeps_nobody_who_was_left(
    database: Database, settings: Settings, clock: Any, smtp_server: Any, start: Any
) -> None:
    temper = Temper(REJECTED, lambda address: len(server.received) >= 60)
    async with smtp_server(answers=temper) as server:
        settings = over(settings, server)
        campaign = await start(settings, clock, 100)
        async with embedded.opened(settings, database, clock) as engine:
            await engine.dispatcher.deliver(engine.stop)
            assert await counts(database, campaign) == {State.SENT: 60, State.DEFERRED: 40}
            assert [one.reply for one in await refusing(database, clock)] == [REJECTED.format("[address]")]
            temper.reply = ""
            await work(engine, clock, minutes=30)
    assert await counts(database, campaign) == {State.SENT: 100}
    assert len({one.rcpt_to for one in server.received}) == len(server.received) == 100


@pytest.mark.parametrize("last", [False, True], ids=["in the middle", "at the end"])
@pytest.mark.parametrize("reply", [DENIED, REJECTED])
async def test_a_554_to_single_people_stays_their_refusal(
    database: Database, settings: Settings, clock: Any, smtp_server: Any, start: Any, reply: str, *, last: bool
) -> None:
    whom = {"p58@example.org", "p59@example.org"} if last else {"p3@example.org", "p30@example.org"}
    temper = Temper(reply, lambda address: address in whom)
    async with smtp_server(answers=temper) as server:
        settings = over(settings, server)
        campaign = await start(settings, clock, 60)
        async with embedded.opened(settings, database, clock) as engine:
            await engine.dispatcher.deliver(engine.stop)
            assert (await counts(database, campaign))[State.SENT] == 58
            for _ in range(40):
                async with database.begin() as connection:
                    number = await connection.scalar(select(subscriber.c.id))
                    await transactional.enqueue(connection, number or 0, Kind.LINK, now=clock(), most_a_day=99)
                await engine.messenger.deliver(engine.stop)
                await work(engine, clock, minutes=1)
            await engine.apply_reports()
        assert await counts(database, campaign) == {State.SENT: 58, State.REFUSED: 2}
        async with database.read() as connection:
            assert set(await connection.scalars(select(delivery.c.feedback))) == {None, "block"}
            assert await refusing_relays.current(connection, clock()) == []
    assert set(temper.refusals.values()) <= {1, 2, 3, 4}
    assert (set(temper.refusals.values()) == {1}) == (reply == REJECTED and not last), "only what is unclear is asked"


async def test_a_relay_that_takes_mail_for_its_own_people_alone_settles_none_of_the_others(
    database: Database, settings: Settings, clock: Any, smtp_server: Any, start: Any
) -> None:
    temper = Temper(DENIED, lambda address: not address.endswith("@d1.example"))
    async with smtp_server(answers=temper) as server:
        settings = over(settings, server)
        campaign = await start(settings, clock, 210)
        await at_many_domains(database)
        async with embedded.opened(settings, database, clock) as engine:
            await work(engine, clock, minutes=240)
            states = await counts(database, campaign)
            assert set(states) == {State.SENT, State.DEFERRED, State.QUEUED}
            assert [one.relay for one in await refusing(database, clock)] == ["smtp"]
            temper.reply = ""
            await work(engine, clock, minutes=60)
    assert await counts(database, campaign) == {State.SENT: 210}
    assert set(Counter(one.rcpt_to for one in server.received).values()) == {1}


async def test_other_relays_take_the_mail_and_staff_are_told_by_them_once(
    database: Database, settings: Settings, clock: Any, smtp_server: Any, start: Any, constellation: Constellation
) -> None:
    temper = Temper(DENIED)
    async with smtp_server(answers=temper) as server, smtp_server() as other:
        backup = Relay(name="backup", **other.settings.model_dump() | {"priority": 2})
        settings = over(settings, server, relays=(backup,))
        campaign = await start(settings, clock, 100)
        await at_many_domains(database)
        async with embedded.opened(settings, database, clock) as engine:
            for _ in range(20):
                await engine.tick()
                clock.forward(minutes=1)
            assert await counts(database, campaign) == {State.SENT: 100}
            assert mails_to(other, constellation.contact) == ["Mails wait: smtp refuses them"]
            temper.reply = ""
            await _ask_for_a_link(database, engine, clock, hours=2)
            assert await refusing(database, clock) == []
            temper.reply = DENIED
            await _ask_for_a_link(database, engine, clock, hours=2)
            assert len(await refusing(database, clock)) == 1, "it refuses us again"
        assert len(mails_to(other, constellation.contact)) == 1, "and that is no news on the same day"
    assert len(Counter(one.rcpt_to for one in other.received)) == 101


async def _ask_for_a_link(database: Database, engine: Engine, clock: Any, *, hours: int) -> None:
    """Every minute somebody asks for a link, each of another domain."""
    async with database.read() as connection:
        people = list(await connection.scalars(select(subscriber.c.id)))
    for minute in range(hours * 60):
        async with database.begin() as connection:
            number = people[minute % len(people)]
            await transactional.enqueue(connection, number, Kind.LINK, now=clock(), most_a_day=99)
        await engine.tick()
        clock.forward(minutes=1)


async def test_staff_hear_of_the_only_relay_once_it_takes_mail_again(
    database: Database, settings: Settings, clock: Any, smtp_server: Any, start: Any, constellation: Constellation
) -> None:
    temper = Temper(DENIED)
    async with smtp_server(answers=temper) as server:
        settings = over(settings, server)
        await start(settings, clock, 30)
        await at_many_domains(database)
        async with embedded.opened(settings, database, clock) as engine:
            for _ in range(40):
                await engine.tick()
                clock.forward(minutes=1)
            assert server.received == []
            temper.reply = ""
            await work(engine, clock, minutes=20)
            await engine.tick()
            await engine.tick()
    assert mails_to(server, constellation.contact) == ["Mails had to wait: smtp refused them"]


async def test_staff_at_home_with_a_relay_that_refuses_all_others_are_told_at_once(
    database: Database, settings: Settings, clock: Any, smtp_server: Any, start: Any, constellation: Constellation
) -> None:
    temper = Temper(DENIED, lambda address: address != constellation.contact)
    async with smtp_server(answers=temper) as server:
        settings = over(settings, server)
        await start(settings, clock, 30)
        await at_many_domains(database)
        async with embedded.opened(settings, database, clock) as engine:
            for _ in range(3):
                await engine.tick()
                clock.forward(minutes=1)
    (one,) = server.received
    text = " ".join(email.message_from_bytes(one.data, policy=email.policy.default).get_content().split())
    assert text.startswith("Since Fri 2021-01-15 07:00 EST, the relay smtp")
    assert f"has refused every mail that it was offered, whoever it was for: “{DENIED.format('[address]')}”." in text


async def test_a_confirmation_waits_for_a_relay_that_refuses_all(
    database: Database, settings: Settings, clock: Any, smtp_server: Any, start: Any
) -> None:
    temper = Temper("530 5.7.0 Authentication required")
    async with smtp_server(answers=temper) as server:
        settings = over(settings, server)
        await start(settings, clock, 4)
        await at_many_domains(database)
        async with database.begin() as connection:
            for number in list(await connection.scalars(select(subscriber.c.id))):
                await transactional.enqueue(connection, number, Kind.LINK, now=clock(), most_a_day=3)
        async with embedded.opened(settings, database, clock) as engine:
            for _ in range(60):
                await engine.messenger.deliver(engine.stop)
                clock.forward(minutes=1)
            async with database.read() as connection:
                assert set(await connection.scalars(select(transactional_table.c.state))) <= {"deferred", "queued"}
            temper.reply = ""
            for _ in range(60):
                await engine.messenger.deliver(engine.stop)
                clock.forward(minutes=1)
    assert sorted(Counter(one.rcpt_to for one in server.received).values()) == [1, 1, 1, 1]


async def test_whoever_sends_a_campaign_by_hand_is_told_at_once_that_the_relay_refuses_all(
    database: Database,
    settings: Settings,
    clock: Any,
    smtp_server: Any,
    start: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They waited for a minute, in vain, where chance had the relay asked again within one."""
    monkeypatch.setattr(backoff, "_JITTER", 0.0)  # in a minute, of which a moment has passed
    temper = Temper(DENIED)
    clock.now = wall_clock()
    async with smtp_server(answers=temper) as server:
        settings = over(settings, server)
        campaign = await start(settings, clock, 60)
        await at_many_domains(database)
        result = await by_hand(settings, database, campaign)
    assert [one.relay for one in result.refusing] == ["smtp"]
    assert result.report.waiting == 60
    assert sum(temper.refusals.values()) == ENOUGH


async def test_whoever_sends_a_campaign_by_hand_waits_while_another_relay_may_take_it(
    database: Database, settings: Settings, clock: Any, smtp_server: Any, start: Any
) -> None:
    def once(verb: str, argument: str) -> str | None:
        return "451 4.7.1 later" if verb == "RCPT" and other.commands.count(f"RCPT TO:<{argument}>") == 1 else None

    clock.now = wall_clock()
    async with smtp_server(answers=Temper(DENIED)) as server, smtp_server(answers=once) as other:
        backup = Relay(name="backup", **other.settings.model_dump() | {"priority": 2})
        delivery = settings.delivery.model_copy(update={"retry_first": timedelta(seconds=1)})
        settings = over(settings, server, relays=(backup,), delivery=delivery)
        campaign = await start(settings, clock, 4)
        await at_many_domains(database)
        result = await by_hand(settings, database, campaign)
    assert result.report.states == {State.SENT: 4}


async def by_hand(settings: Settings, database: Database, campaign: Any) -> sending.Result:
    """What `campaign send` does with one that has started."""
    slug, stop = campaign.slug, asyncio.Event()
    return await sending.send(settings, database, slug, stop, on_progress=lambda progress: None, on_watch=pytest.fail)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_postfix_without_a_login_turns_nobody_of_the_campaign_away(
    database: Database, settings: Settings, clock: Any, start: Any
) -> None:
    (port,) = free_ports(1)
    denies = "mynetworks = 192.0.2.1/32\nsmtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination\n"
    master = "127.0.0.1:{port} inet n - n - - smtpd -o smtpd_error_sleep_time=0\n"
    with running(denies, master, port=port):
        smtp = settings.smtp.model_copy(update={"host": "127.0.0.1", "port": port, "tls": "none", "connections": 2})
        settings = settings.model_copy(update={"smtp": smtp})
        campaign = await start(settings, clock, 60)
        await at_many_domains(database)
        async with embedded.opened(settings, database, clock) as engine:
            await engine.dispatcher.deliver(engine.stop)
        states = await counts(database, campaign)
    assert set(states) == {State.DEFERRED, State.QUEUED}
    assert sum(states.values()) == 60
    assert [one.reply for one in await refusing(database, clock)] == [DENIED.format("[address]")]


@pytest.mark.parametrize(
    ("reply", "stage", "whom"),
    [
        ("554 5.7.1 <p@x.example>: Relay access denied", Stage.RCPT, About.US),
        ("550 5.7.1 Unable to relay", Stage.RCPT, About.US),
        ("530 5.7.0 Must issue a STARTTLS command first", Stage.MAIL, About.US),
        ("530 5.7.57 Client not authenticated to send mail", Stage.BODY, About.US),
        ("535 5.7.8 Error: authentication failed", Stage.RCPT, About.US),
        ("553 5.7.1 <news@x.example>: Sender address rejected: not owned by user", Stage.MAIL, About.US),
        ("554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked", Stage.RCPT, About.PERHAPS_US),
        ("554 no", Stage.RCPT, About.PERHAPS_US),
        ("550 5.7.1 rejected by policy", Stage.RCPT, About.PERHAPS_US),
        ("550 5.1.1 <p@x.example>: no such user", Stage.RCPT, About.MAILBOX),
        ("554 5.2.2 mailbox full", Stage.RCPT, About.MAILBOX),
        ("552 5.3.4 Message size exceeds fixed limit", Stage.MAIL, About.MESSAGE),
        ("554 5.7.1 the message is spam", Stage.BODY, About.MESSAGE),
        ("553 5.6.7 the address needs SMTPUTF8, which the relay does not offer", Stage.LOCAL, About.MESSAGE),
    ],
)
def test_whom_a_refusal_is_about(reply: str, stage: Stage, whom: About) -> None:
    assert about(Refused(reply, stage)) is whom


def test_a_relay_of_which_nothing_is_known_is_offered_few_mails_at_once_and_one_that_refuses_all_a_single_one() -> None:
    def answers(outcome: Any, count: int) -> list[Offered]:
        return [Offered(key, "x.example", 1, outcome) for key in range(count)]

    no = Refused("554 no", Stage.RCPT)
    welcome = Welcome()
    assert welcome.portion(150) == ENOUGH
    assert welcome.hear(answers(Accepted("250 ok"), 1)).is_over
    assert welcome.portion(150) == 150
    assert welcome.hear(answers(no, ENOUGH - 1)).keys == set(range(ENOUGH - 1))
    assert (welcome.refuses_us, welcome.portion(150)) == (False, ENOUGH)
    assert welcome.hear(answers(no, 1)).is_of_all
    assert welcome.portion(150) == 1
    assert welcome.hear(answers(Accepted("250 ok"), 1)).is_over
    assert welcome.portion(150) == 150
