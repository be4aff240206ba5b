"""How relays and receivers did in the last moments, as tables: `engine status` and `campaign send` show them."""

from collections.abc import Iterator, Mapping, Sequence

from rich.table import Table

from newsletter.cli import edge
from newsletter.delivery.state import State
from newsletter.engine.status import Relay

_TOLD = (State.SENT, State.DEFERRED, State.REFUSED)


def tables(relays: Sequence[Relay], domains: Mapping[str, Mapping[State, int]]) -> Iterator[Table]:
    """One of the relays and one of the domains, where there are any."""
    if relays:
        rows = [(one.name, f"{one.busy:,}", one.trouble or "takes mail") for one in relays]
        yield edge.grid(["relay", "connections", ""], rows, numbers=["connections"])
    if domains:
        yield edge.grid(
            ["domain", *_TOLD, "other"],
            [(domain, *(f"{count:,}" for count in _told(states))) for domain, states in domains.items()],
            numbers=[*_TOLD, "other"],
        )


def _told(states: Mapping[State, int]) -> list[int]:
    told = [states.get(state, 0) for state in _TOLD]
    return [*told, sum(states.values()) - sum(told)]
