"""Domains that are left alone for a while: the only writer of `domain_pause`, which every claim looks at."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.tables import domain_pause
from subscribers import statements
from subscribers.columns import Instant
from subscribers.prepared import Prepared


class Cause(StrEnum):
    """Why: `block`, it refuses us; `hard`, it says of too many people at once that they do not exist."""

    BLOCK = "block"
    HARD = "hard"


@dataclass(frozen=True, slots=True)
class Pause:
    """A domain that gets no mail until then, and whose hard bounces suppress nobody if they are the cause."""

    domain: str
    cause: Cause
    since: datetime
    until: datetime
    reports: int

    @property
    def why(self) -> str:
        """In words for staff."""
        said = "it blocks us" if self.cause is Cause.BLOCK else "it says of too many that they do not exist"
        return f"{said} ({self.reports:,} reports)"


_CURRENT = Prepared(select(domain_pause).where(domain_pause.c.until > bindparam("now", type_=Instant())))
"""Built once: every window asks."""


async def current(connection: AsyncConnection, now: datetime) -> dict[str, Pause]:
    """The domains that are left alone now; there are few."""
    rows = await _CURRENT.rows(connection, {"now": now})
    return {row.domain: Pause(row.domain, Cause(row.cause), row.since, row.until, row.reports) for row in rows}


async def begin(connection: AsyncConnection, pause: Pause) -> None:
    """Leave a domain alone; a former pause of it is replaced."""
    values = {"cause": pause.cause, "since": pause.since, "until": pause.until, "reports": pause.reports}
    await connection.execute(
        statements.insert(connection, domain_pause)
        .values(domain=pause.domain, **values)
        .on_conflict_do_update(index_elements=["domain"], set_=values)
    )


async def end(connection: AsyncConnection, domain: str, now: datetime) -> bool:
    """Write to a domain again; False if it was not paused. That it was is kept: what led to it is not counted again."""
    ended = await connection.execute(
        update(domain_pause).where(domain_pause.c.domain == domain, domain_pause.c.until > now).values(until=now)
    )
    return ended.rowcount == 1
