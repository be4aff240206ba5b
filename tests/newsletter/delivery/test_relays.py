"""Several relays: who is asked, how often, and what a failing one costs."""

from collections import Counter
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from newsletter.delivery.relay import Relay, RelayUnreachable
from newsletter.delivery.relays import AllBusy, Member, Relays
from newsletter.setting_tables import Smtp
from tests.servers import free_ports


def pool(clock: Any, **relays: Smtp) -> Relays:
    return Relays([Member(name, Relay(smtp, "news.example.org")) for name, smtp in relays.items()], clock)


def at(server: Any, **changes: object) -> Smtp:
    return server.settings.model_copy(update=changes)


def nowhere(**changes: object) -> Smtp:
    (port,) = free_ports(1)
    return Smtp(host="127.0.0.1", port=port, tls="none", **changes)  # type: ignore[arg-type]


async def names(relays: Relays, times: int, sender: str = "") -> Counter[str]:
    asked: Counter[str] = Counter()
    for _ in range(times):
        async with relays.lend(sender) as (member, _):
            asked[member.name] += 1
    return asked


async def test_relays_of_one_priority_are_asked_as_often_as_their_weight_says(smtp_server: Any, clock: Any) -> None:
    async with smtp_server() as server:
        relays = pool(clock, a=at(server, weight=3), b=at(server), later=at(server, priority=2))
        assert await names(relays, 8) == {"a": 6, "b": 2}
        await relays.close()


async def test_mail_flows_through_the_others_while_one_fails_and_a_single_connection_tries_it_again(
    smtp_server: Any, clock: Any
) -> None:
    async with smtp_server() as server:
        relays = pool(clock, bad=nowhere(), good=at(server, priority=2))
        assert await names(relays, 3) == {"good": 3}
        bad = relays.members[0]
        assert (bad.failures, bad.reason[:14]) == (1, "smtp 127.0.0.1"), "left alone after the first try"
        clock.forward(minutes=2)
        bad.relay = Relay(at(server), "news.example.org")
        async with AsyncExitStack() as held:
            member, _ = await held.enter_async_context(relays.lend())
            assert member is bad, "tried again"
            assert await names(relays, 2) == {"good": 2}, "by one connection, until it has answered"
            relays.does_well(bad)
            assert await names(relays, 2) == {"bad": 2}
        await relays.close()


async def test_when_all_fail_it_says_why_and_when_to_ask_again(clock: Any) -> None:
    relays = pool(clock, one=nowhere(), two=nowhere())
    with (
        capture_logs() as lines,
        pytest.raises(AllBusy, match=r"smtp 127.0.0.1:\d+: .*; smtp 127.0.0.1:\d+: ") as first,
    ):
        await names(relays, 1)
    assert first.value.until is not None
    assert clock() < first.value.until <= clock() + timedelta(seconds=3)
    with pytest.raises(RelayUnreachable):
        await names(relays, 1)
    assert [one.failures for one in relays.members] == [1, 1], "nobody was asked while they are left alone"
    clock.forward(minutes=2)
    with capture_logs() as later, pytest.raises(AllBusy):
        await names(relays, 1)
    assert [line["relay"] for line in lines + later] == ["one", "two"], "said of each once, however often it fails"


async def test_a_relay_named_for_a_senders_domain_takes_all_of_its_mail_and_no_other(
    smtp_server: Any, clock: Any
) -> None:
    async with smtp_server() as server:
        relays = pool(clock, every=at(server), own=at(server, senders=("school.example",)))
        assert await names(relays, 2, "news@School.example") == {"own": 2}
        assert await names(relays, 2, "news@other.example") == {"every": 2}
        await relays.close()


@pytest.mark.parametrize(
    ("relays", "connections"),
    [
        ({"a": {}}, 8),
        ({"a": {}, "b": {}}, 16),
        ({"a": {}, "reserve": {"priority": 2}}, 8),
        ({"new": {"connections": 1}, "reserve": {"priority": 2}}, 8),
        ({"a": {}, "own": {"senders": ("school.example",)}}, 16),
        (
            {"a": {}, "own": {"senders": ("school.example",)}, "more": {"senders": ("school.example",), "priority": 2}},
            16,
        ),
    ],
)
def test_campaigns_use_as_many_connections_as_the_relays_of_one_priority_have(
    clock: Any, relays: dict[str, Any], connections: int
) -> None:
    members = {name: Smtp(**settings) for name, settings in relays.items()}
    assert pool(clock, **members).connections == connections


async def test_a_reserve_is_left_alone_while_the_first_is_only_busy_and_used_when_it_may_be_given_no_more(
    smtp_server: Any, clock: Any
) -> None:
    async with smtp_server() as server, AsyncExitStack() as held:
        relays = pool(clock, first=at(server, connections=1), reserve=at(server, connections=8, priority=2))
        member, _ = await held.enter_async_context(relays.lend())
        with pytest.raises(AllBusy, match="every connection is in use"):
            await names(relays, 1)
        member.rest(clock() + timedelta(seconds=1), "is given 1 a second")
        assert await names(relays, 2) == {"reserve": 2}
        clock.forward(seconds=2)
        with pytest.raises(AllBusy, match="every connection is in use"):
            await names(relays, 1)
        member.failed("it closed", clock())
        assert await names(relays, 1) == {"reserve": 1}
    await relays.close()


async def test_no_relay_has_more_connections_than_it_allows(smtp_server: Any, clock: Any) -> None:
    async with smtp_server() as server, AsyncExitStack() as held:
        relays = pool(clock, a=at(server, connections=1), b=at(server, connections=2))
        lent = [(await held.enter_async_context(relays.lend()))[0].name for _ in range(3)]
        assert sorted(lent) == ["a", "b", "b"]
        with pytest.raises(AllBusy, match="every connection is in use") as busy:
            await names(relays, 1)
        assert busy.value.until is None
        for _ in range(2):  # one more of each for what is urgent
            await held.enter_async_context(relays.lend(urgent=True))
        with pytest.raises(AllBusy, match="every connection is in use"):
            await held.enter_async_context(relays.lend(urgent=True))
        for one in relays.members:
            one.rest(clock() + timedelta(seconds=1), "is given 1 a second", urgent=True)
        with pytest.raises(AllBusy, match="given all it may be given"):
            await held.enter_async_context(relays.lend(urgent=True))
    await relays.close()
