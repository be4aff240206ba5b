"""What the sender considers: relays that fail or take only so much, paces, quiet hours, and who asks for less."""

import email
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from newsletter.campaigns import explaining, report
from newsletter.campaigns.store import Campaign
from newsletter.database import Database
from newsletter.delivery import ledger, slowing, transactional
from newsletter.delivery.gate import Gate
from newsletter.delivery.ledger import State
from newsletter.delivery.operators import Operators
from newsletter.delivery.transactional import Kind
from newsletter.delivery.turns import Portion
from newsletter.engine import embedded, presence, status
from newsletter.setting_tables import Pace, Relay, Smtp
from newsletter.settings import Settings
from newsletter.tables import delivery
from subscribers import addresses
from subscribers.tables import subscriber
from tests.servers import dns_server, free_ports

Start = Callable[..., Awaitable[Campaign]]


def over(settings: Settings, smtp: Smtp, **changes: Any) -> Settings:
    policy = settings.delivery.model_copy(update={"window": 5, "shard": 10, **changes.pop("delivery", {})})
    return settings.model_copy(update={"smtp": smtp, "delivery": policy, **changes})


async def states(database: Database, campaign: Campaign) -> dict[State, int]:
    async with database.read() as connection:
        return await ledger.counts(connection, campaign.id)


async def test_a_campaign_survives_the_loss_of_all_relays_but_one(
    database: Database, settings: Settings, clock: Any, smtp_server: Any, start: Start
) -> None:
    gone, also_gone = free_ports(2)
    async with smtp_server() as server:
        relays = (
            Relay(name="second", host="127.0.0.1", port=also_gone, tls="none"),
            Relay(name="last", **server.settings.model_dump() | {"priority": 2}),
        )
        settings = over(settings, Smtp(host="127.0.0.1", port=gone, tls="none"), relays=relays)
        campaign = await start(settings, clock, 30)
        async with embedded.opened(settings, database, clock) as engine:
            await engine.dispatcher.deliver(engine.stop)
            ill = {one.name: bool(one.reason) for one in engine.relays.members}
    assert await states(database, campaign) == {State.SENT: 30}
    assert ill == {"smtp": True, "second": True, "last": False}


async def test_a_relay_kept_in_reserve_gets_nothing_while_the_first_takes_mail(
    database: Database, settings: Settings, clock: Any, smtp_server: Any, start: Start
) -> None:
    """However busy that is: a reserve may cost more, or be known to nobody."""
    async with smtp_server(delay=0.01) as server, smtp_server() as reserve:
        relays = (Relay(name="reserve", **reserve.settings.model_dump() | {"priority": 2}),)
        settings = over(settings, server.settings, relays=relays)
        campaign = await start(settings, clock, 60)
        async with embedded.opened(settings, database, clock) as engine:
            await engine.dispatcher.deliver(engine.stop)
    assert await states(database, campaign) == {State.SENT: 60}
    assert (len(server.received), reserve.received) == (60, [])


async def test_a_relay_that_closes_before_it_took_anything_is_left_to_the_others(
    database: Database, settings: Settings, clock: Any, smtp_server: Any, start: Start
) -> None:
    def closes(verb: str, argument: str) -> str | None:
        return "421 4.3.2 going down" if verb == "MAIL" else None

    async with smtp_server(answers=closes) as closing, smtp_server() as server:
        relays = (Relay(name="other", **server.settings.model_dump() | {"priority": 2}),)
        settings = over(settings, closing.settings, relays=relays)
        campaign = await start(settings, clock, 12)
        async with embedded.opened(settings, database, clock) as engine:
            for _ in range(8):
                await engine.dispatcher.deliver(engine.stop)
                clock.forward(minutes=10)
    assert await states(database, campaign) == {State.SENT: 12}
    assert len(server.received) == 12


async def test_a_relay_is_given_no_more_than_it_takes_and_another_gets_the_rest(
    database: Database, settings: Settings, clock: Any, smtp_server: Any, start: Start
) -> None:
    async with smtp_server() as slow, smtp_server() as spare:
        limited = slow.settings.model_copy(update={"per_second": 2.0})
        relays = (Relay(name="spare", **spare.settings.model_dump() | {"priority": 2}),)
        settings = over(settings, limited, relays=relays)
        campaign = await start(settings, clock, 40)
        async with embedded.opened(settings, database, clock) as engine:
            await engine.dispatcher.deliver(engine.stop)
            told = {one["name"]: one["limit"] for one in presence.pulse(engine)["relays"]}
            clock.forward(seconds=30)
            later = {one["name"]: one["limit"] for one in presence.pulse(engine)["relays"]}
    assert told == {"smtp": "is given 2 a second", "spare": ""}
    assert later == {"smtp": "", "spare": ""}
    assert await states(database, campaign) == {State.SENT: 40}
    assert (len(slow.received), len(spare.received)) == (8, 32), "what five idle seconds hold, less one second's"


async def test_where_the_only_relay_has_had_its_share_the_campaign_waits_and_goes_on(
    database: Database, settings: Settings, clock: Any, smtp_server: Any, start: Start
) -> None:
    async with smtp_server() as server:
        warming = server.settings.model_copy(update={"warm_up": (25, 100), "warm_up_from": clock().date()})
        settings = over(settings, warming)
        campaign = await start(settings, clock, 40)
        async with embedded.opened(settings, database, clock) as engine:
            await engine.dispatcher.deliver(engine.stop)
            assert await states(database, campaign) == {State.SENT: 23, State.QUEUED: 17}
            clock.forward(hours=11)
            await engine.dispatcher.deliver(engine.stop)
            assert len(server.received) == 23
            clock.forward(hours=2)
            await engine.dispatcher.deliver(engine.stop)
    assert await states(database, campaign) == {State.SENT: 40}


async def test_a_warm_up_that_is_taken_out_or_another_relay_holds_from_the_next_start_not_from_the_next_day(
    database: Database, settings: Settings, clock: Any, smtp_server: Any, start: Start
) -> None:
    async with smtp_server() as server, smtp_server() as spare:
        warming = server.settings.model_copy(update={"warm_up": (10,), "warm_up_from": clock().date()})
        settings = over(settings, warming)
        campaign = await start(settings, clock, 40)
        async with embedded.opened(settings, database, clock) as engine:
            await engine.dispatcher.deliver(engine.stop)
        assert await states(database, campaign) == {State.SENT: 9, State.QUEUED: 31}
        clock.forward(minutes=1)
        settings = settings.model_copy(update={"relays": (Relay(name="spare", **spare.settings.model_dump()),)})
        async with embedded.opened(settings, database, clock) as engine:
            await engine.dispatcher.deliver(engine.stop)
    assert await states(database, campaign) == {State.SENT: 40}
    assert (len(server.received), len(spare.received)) == (9, 31)


async def ask_for_links(database: Database, count: int, now: datetime) -> None:
    async with database.begin() as connection:
        numbers = list(await connection.scalars(select(subscriber.c.id).order_by(subscriber.c.id).limit(count)))
        for number in numbers:
            assert await transactional.enqueue(connection, number, Kind.LINK, now=now, most_a_day=9)


async def test_what_one_person_waits_for_is_counted_too_and_goes_before_a_campaign(
    database: Database, settings: Settings, clock: Any, smtp_server: Any, start: Start
) -> None:
    async with smtp_server() as server:
        settings = over(settings, server.settings.model_copy(update={"per_second": 2.0}))
        await start(settings, clock, 40)
        async with embedded.opened(settings, database, clock) as engine:
            given = []
            await ask_for_links(database, 7, clock())
            for _ in range(5):
                for part in (engine.dispatcher, engine.messenger):
                    before = len(server.received)
                    await part.deliver(engine.stop)
                    given.append(len(server.received) - before)
                clock.forward(seconds=1)
    assert given == [8, 2, 0, 2, 0, 2, 0, 1, 1, 0]


async def test_on_a_day_of_a_warm_up_campaigns_leave_some_mails_to_those_who_wait_for_theirs(
    database: Database, settings: Settings, clock: Any, smtp_server: Any, start: Start
) -> None:
    async with smtp_server() as server:
        settings = over(
            settings, server.settings.model_copy(update={"warm_up": (30, 100), "warm_up_from": clock().date()})
        )
        campaign = await start(settings, clock, 40)
        await ask_for_links(database, 5, clock())
        async with embedded.opened(settings, database, clock) as engine:
            await engine.dispatcher.deliver(engine.stop)
            assert await engine.messenger.deliver(engine.stop) == 3
            assert len(server.received) == 30
            assert await engine.messenger.deliver(engine.stop) == 0
            clock.forward(days=1)
            assert await engine.messenger.deliver(engine.stop) == 2
            await engine.dispatcher.deliver(engine.stop)
    assert await states(database, campaign) == {State.SENT: 40}


@pytest.mark.parametrize("verb", ["MAIL", "RCPT"])
async def test_a_relay_that_has_no_room_itself_is_given_less_and_its_receivers_as_much_as_ever(
    database: Database, settings: Settings, clock: Any, smtp_server: Any, start: Start, verb: str
) -> None:
    busy_until = clock() + timedelta(minutes=1)

    def answers(given: str, _: str) -> str | None:
        return "452 4.3.1 insufficient system storage" if given == verb and clock() < busy_until else None

    async with smtp_server(answers=answers) as server, smtp_server() as spare:
        relays = (Relay(name="spare", **spare.settings.model_dump() | {"priority": 2}),)
        settings = over(settings, server.settings, relays=relays, delivery={"slowed_per_second": 1 / 30})
        campaign = await start(settings, clock, 40)
        async with embedded.opened(settings, database, clock) as engine:
            await engine.dispatcher.deliver(engine.stop)
            assert not server.received
            assert len(spare.received) >= 40 - 2 * 5 - 1, "all but two windows and one mail of a slower pace"
            async with database.read() as connection:
                slow = await slowing.current(connection, settings.delivery, clock())
                limits = await status.restraints(connection, settings.delivery, clock())
            assert [(one.to, one.per_second) for one in slow.values()] == [("relay smtp", 1 / 30)]
            told = {one.name: one.limit for one in status.relays([presence.pulse(engine)], limits)}
            words = "asked for less, is given 0.0333333 a second: 452 4.3.1 insufficient system storage"
            assert told == {"smtp": words, "spare": ""}
            assert not limits.receivers
            for _ in range(30):
                clock.forward(minutes=1)
                await engine.dispatcher.deliver(engine.stop)
    assert await states(database, campaign) == {State.SENT: 40}


async def test_a_mail_is_known_to_the_provider_of_whichever_relay_takes_it(
    database: Database, settings: Settings, clock: Any, smtp_server: Any, start: Start
) -> None:
    async with smtp_server() as one, smtp_server() as other:
        relays = (Relay(name="other", **other.settings.model_dump() | {"provider": "sparkpost"}),)
        settings = over(settings, one.settings.model_copy(update={"provider": "postmark"}), relays=relays)
        await start(settings, clock, 40)
        await ask_for_links(database, 3, clock())
        async with embedded.opened(settings, database, clock) as engine:
            await engine.dispatcher.deliver(engine.stop)
            await engine.messenger.deliver(engine.stop)
    assert one.received
    assert other.received
    for taken in [*one.received, *other.received]:
        mail = email.message_from_bytes(taken.data)
        token = taken.mail_from.partition("+")[2].partition("@")[0]
        assert mail["X-PM-Metadata-token"] == token
        assert json.loads(mail["X-MSYS-API"]) == {"metadata": {"token": token}}


async def move(database: Database, to: str, **where: Any) -> None:
    """Let the people p10 to p19 live elsewhere."""
    async with database.begin() as connection:
        rows = (await connection.execute(select(subscriber.c.id, subscriber.c.address))).all()
        for number, address in rows:
            local = address.partition("@")[0]
            if len(local) == 3:
                await connection.execute(
                    update(subscriber)
                    .where(subscriber.c.id == number)
                    .values(address=f"{local}@{to}", normal=f"{local}@{to}", **where)
                )


async def test_receivers_of_one_family_are_sent_no_more_a_second_than_they_are_to_be(
    database: Database, settings: Settings, clock: Any, smtp_server: Any, start: Start
) -> None:
    async with smtp_server() as server:
        settings = over(settings, server.settings, pace=(Pace(to="outlook", per_second=1 / 60),))
        campaign = await start(settings, clock, 20)
        await move(database, "hotmail.com")
        async with embedded.opened(settings, database, clock) as engine:
            await engine.dispatcher.deliver(engine.stop)
            assert await states(database, campaign) == {State.SENT: 11, State.QUEUED: 9}
            async with database.read() as connection:
                reasons = await connection.scalars(select(delivery.c.reply).where(delivery.c.state == State.QUEUED))
                assert set(reasons) == {"outlook is sent 0.0166667 a second"}
            for minute in range(1, 30):
                clock.forward(minutes=1)
                await engine.dispatcher.deliver(engine.stop)
                assert len(server.received) <= 11 + minute
    assert await states(database, campaign) == {State.SENT: 20}
    async with database.read() as connection:
        assert set(await connection.scalars(select(delivery.c.attempts))) == {1}, "to wait for one's turn is no attempt"


async def test_where_it_is_night_a_mail_that_can_wait_does(
    database: Database, settings: Settings, clock: Any, smtp_server: Any, start: Start
) -> None:
    async with smtp_server() as server:
        settings = over(settings, server.settings, delivery={"quiet_hours": "21:00-08:00"})
        campaign = await start(settings, clock, 20)
        await move(database, "example.org", timezone="Asia/Tokyo")
        clock.now = datetime(2021, 1, 15, 13, 0, tzinfo=UTC)
        async with embedded.opened(settings, database, clock) as engine:
            await engine.dispatcher.deliver(engine.stop)
            assert await states(database, campaign) == {State.SENT: 10, State.QUEUED: 10}
            async with database.read() as connection:
                (due_at,) = set(
                    await connection.scalars(select(delivery.c.due_at).where(delivery.c.state == State.QUEUED))
                )
            assert due_at == datetime(2021, 1, 15, 23, 0, tzinfo=UTC), "eight in the morning in Tokyo"
            async with database.read() as connection:
                assert await report.waits(connection, campaign) == {"it is quiet where they are": 10}
                address = addresses.parse("p12@example.org")
                told = await explaining.explain(connection, address, campaign, hash_key="h" * 40, now=clock())
            assert told.sentence == (
                f"p12@example.org has not got {campaign.slug} yet: it is quiet where they are; "
                "its turn comes on 2021-01-15 at 23:00 UTC."
            )
            clock.now = due_at
            await engine.dispatcher.deliver(engine.stop)
    assert await states(database, campaign) == {State.SENT: 20}


async def test_receivers_who_ask_for_less_get_less_and_then_all_of_theirs(
    database: Database, settings: Settings, clock: Any, smtp_server: Any, start: Start
) -> None:
    taken: list[datetime] = []
    busy_until = clock() + timedelta(minutes=1)

    def answers(verb: str, argument: str) -> str | None:
        if verb != "RCPT" or "gmail" not in argument:
            return None
        if clock() < busy_until:
            return "421 4.7.28 too many messages from you" if len(taken) > 100 else "450 4.7.28 slow down"
        taken.append(clock())
        return None

    async with smtp_server(answers=answers) as server:
        settings = over(settings, server.settings, delivery={"slowed_per_second": 1 / 30})
        campaign = await start(settings, clock, 20)
        await move(database, "gmail.com")
        async with embedded.opened(settings, database, clock) as engine:
            await engine.dispatcher.deliver(engine.stop)
            assert (await states(database, campaign))[State.SENT] == 10, "the others' are not held up"
            for _ in range(60):
                clock.forward(minutes=1)
                await engine.dispatcher.deliver(engine.stop)
    assert await states(database, campaign) == {State.SENT: 20}
    first = min(taken)
    assert sum(1 for moment in taken if moment < first + timedelta(minutes=1)) <= 3, "one in half a minute, at first"


async def test_a_company_whose_mail_an_operator_takes_is_sent_no_more_than_its_family(
    database: Database, settings: Settings, clock: Any, smtp_server: Any, start: Start
) -> None:
    with dns_server({"company.net MX": "1 smtp.google.com."}) as port:
        async with smtp_server() as server:
            settings = over(settings, server.settings, pace=(Pace(to="gmail", per_second=1 / 60),))
            joining = settings.joining.model_copy(update={"name_server": f"127.0.0.1:{port}"})
            settings = settings.model_copy(update={"joining": joining})
            campaign = await start(settings, clock, 20)
            await move(database, "company.net")
            async with embedded.opened(settings, database, clock) as engine:
                engine.dispatcher.operators.family("company.net", 5)  # as an earlier window would
                await engine.dispatcher.operators.settled()
                await engine.dispatcher.deliver(engine.stop)
    assert await states(database, campaign) == {State.SENT: 11, State.QUEUED: 9}


@pytest.mark.parametrize(("kind", "waiting"), [("starting-soon", 0), ("cancelled", 0), ("invitation", 1)])
async def test_what_is_of_no_use_in_the_morning_knows_no_night(
    database: Database, settings: Settings, clock: Any, kind: str, waiting: int
) -> None:
    quiet = over(settings, Smtp(), delivery={"quiet_hours": "11:00-13:00"})
    ana = ledger.Due(1, 0, "ana@example.org", "", "", "en", "", 0, True)
    async with database.begin() as connection:
        gate = Gate(quiet, kind, "UTC", Operators(quiet, clock))
        assert len((await gate.ask(connection, Portion(1, 0), [ana], {}, clock())).waits) == waiting
