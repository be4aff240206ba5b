"""Whom we tell: the only writer of `endpoint` and `endpoint_event`."""

import base64
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Row, Select, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.errors import NewsletterError
from newsletter.outgoing.types import Type
from newsletter.tables import endpoint, endpoint_event
from webhooks import destinations

_SECRET_BYTES = 32


class EndpointError(NewsletterError):
    """There is no such endpoint, or there is one already."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Somebody who is told; `disabled_for` is why no longer, if `disabled_at` is set."""

    id: int
    url: str
    secret: str = field(repr=False)
    added_at: datetime
    failures: int
    failing_since: datetime | None
    resting_until: datetime | None
    disabled_at: datetime | None
    disabled_for: str
    types: tuple[Type, ...] = ()


async def add(
    connection: AsyncConnection, url: str, types: Sequence[Type], *, allow_private: bool, now: datetime
) -> Endpoint:
    """Tell this URL from now on, signed with a secret of its own. Raises EndpointError or NoDestination."""
    destinations.check(url, allow_private=allow_private)
    if await connection.scalar(select(endpoint.c.id).where(endpoint.c.url == url)) is not None:
        raise EndpointError(f"{url} is told already; `newsletter webhooks remove` it first to choose other events")
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
    number = (
        await connection.execute(insert(endpoint).values(url=url, secret=secret, added_at=now).returning(endpoint.c.id))
    ).scalar_one()
    await connection.execute(insert(endpoint_event), [{"endpoint_id": number, "type": one} for one in types])
    return await find(connection, number)


async def remove(connection: AsyncConnection, number: int) -> Endpoint:
    """Tell it nothing any more, and forget what it was told; what it was. Raises EndpointError."""
    found = await find(connection, number)
    await connection.execute(delete(endpoint).where(endpoint.c.id == number))
    return found


async def enable(connection: AsyncConnection, number: int) -> Endpoint:
    """Tell it again after it was disabled. Raises EndpointError."""
    found = await find(connection, number)
    await connection.execute(
        update(endpoint)
        .where(endpoint.c.id == number)
        .values(failures=0, failing_since=None, resting_until=None, disabled_at=None, disabled_for="", told_at=None)
    )
    return found


async def listed(connection: AsyncConnection) -> list[Endpoint]:
    """Every endpoint, oldest first."""
    return await _read(connection, _select())


async def find(connection: AsyncConnection, number: int) -> Endpoint:
    """The endpoint with a number. Raises EndpointError."""
    found = await _read(connection, _select().where(endpoint.c.id == number))
    if not found:
        raise EndpointError(f"there is no endpoint {number}; `newsletter webhooks list` lists them")
    return found[0]


async def require_enabled(connection: AsyncConnection, number: int) -> None:
    """Raises EndpointError where there is no such endpoint, or it was disabled."""
    if (await find(connection, number)).disabled_at is not None:
        raise EndpointError(f"endpoint {number} was turned off; run `newsletter webhooks enable {number}` first")


async def untold(connection: AsyncConnection, now: datetime) -> list[Endpoint]:
    """Those that were disabled, of which staff are to be told now."""
    is_due = or_(endpoint.c.resting_until.is_(None), endpoint.c.resting_until <= now)
    of_those = _select().where(endpoint.c.disabled_at.is_not(None), endpoint.c.told_at.is_(None), is_due)
    return await _read(connection, of_those)


async def put_off_telling(connection: AsyncConnection, number: int, until: datetime) -> None:
    """Staff could not be told that it was disabled: another time."""
    await connection.execute(update(endpoint).where(endpoint.c.id == number).values(resting_until=until))


async def mark_told(connection: AsyncConnection, number: int, now: datetime) -> None:
    """Staff have been told that it was disabled."""
    await connection.execute(update(endpoint).where(endpoint.c.id == number).values(told_at=now))


def _select() -> Select[*tuple[object, ...]]:
    columns = [column for column in endpoint.c if column.name != "told_at"]
    return select(*columns).order_by(endpoint.c.id)


async def _read(connection: AsyncConnection, statement: Select[*tuple[object, ...]]) -> list[Endpoint]:
    rows: Sequence[Row[*tuple[object, ...]]] = (await connection.execute(statement)).all()
    events = await connection.execute(select(endpoint_event.c.endpoint_id, endpoint_event.c.type))
    wanted: dict[int, set[str]] = {}
    for number, kind in events:
        wanted.setdefault(number, set()).add(kind)
    return [Endpoint(**row._asdict(), types=_in_order(wanted.get(row.id, set()))) for row in rows]


def _in_order(words: set[str]) -> tuple[Type, ...]:
    return tuple(one for one in Type if one in words)
