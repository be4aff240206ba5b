"""How relays and receivers did in the last moments, as tables: `engine status` and `campaign send` show them."""

from collections.abc import Iterator, Mapping, Sequence

from rich.table import Table

from newsletter.cli import edge
from newsletter.delivery.pauses import Pause
from newsletter.delivery.slowing import Slowed
from newsletter.delivery.state import State
from newsletter.engine import status
from newsletter.engine.status import Relay
from newsletter.settings import Settings

_TOLD = (State.SENT, State.DEFERRED, State.REFUSED)


def tables(
    relays: Sequence[Relay],
    domains: Mapping[str, Mapping[State, int]],
    slowed: Sequence[Slowed],
    paused: Sequence[Pause],
) -> Iterator[Table]:
    """One of the relays, one of the domains, and one of receivers who get less or nothing, where there are any."""
    if relays:
        rows = [(one.name, f"{one.busy:,}", one.trouble or one.limit or "takes mail") for one in relays]
        yield edge.grid(["relay", "connections", ""], rows, numbers=["connections"])
    if domains:
        yield edge.grid(
            ["domain", *_TOLD, "other"],
            [(domain, *(f"{count:,}" for count in _told(states))) for domain, states in domains.items()],
            numbers=[*_TOLD, "other"],
        )
    if slowed or paused:
        less = [(one.to, f"{one.per_second:g} a second", one.reply) for one in slowed]
        nothing = [(one.domain, f"nothing until {edge.moment(one.until)}", one.why) for one in paused]
        yield edge.grid(["receiver", "is sent", "because"], [*nothing, *less])


async def limited_now(settings: Settings) -> list[Relay]:
    """The relays that have had their fill just now, or are given less because they asked for that."""
    async with edge.opened(settings.database) as database, database.read() as connection:
        return await status.limited(connection, settings, edge.now())


def tell_limited(relays: Sequence[Relay]) -> None:
    """Say which relays have had their fill just now: whoever waits may wait for them."""
    for one in relays:
        edge.prose(f"The relay {one.name} {one.limit.rstrip('.')}.")


def _told(states: Mapping[State, int]) -> list[int]:
    told = [states.get(state, 0) for state in _TOLD]
    return [*told, sum(states.values()) - sum(told)]
