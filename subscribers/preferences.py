"""What a subscriber decides about their own mail once they are in: events, a pause, their name, and the way out."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from subscribers import choices, consent
from subscribers.audience import Rhythm
from subscribers.prepared import Prepared
from subscribers.tables import choice, subscriber


@dataclass(frozen=True, slots=True)
class Preferences:
    """What is known of a subscriber and what they chose.

    Muted events are silent even when everything is followed. An empty `timezone` is the constellation's.
    """

    subscriber_id: int
    address: str
    first_name: str
    last_name: str
    locale: str
    timezone: str
    status: str
    everything: bool
    followed: frozenset[str]
    muted: frozenset[str]
    paused_until: datetime | None
    rhythm: Rhythm


# Built once: every page and every click on “unsubscribe” passes here.
_NUMBER: BindParameter[int] = bindparam("number")
QUERY = (
    select(
        subscriber.c.id,
        subscriber.c.address,
        subscriber.c.first_name,
        subscriber.c.last_name,
        subscriber.c.locale,
        subscriber.c.timezone,
        subscriber.c.status,
        subscriber.c.paused_until,
        subscriber.c.rhythm,
        choice.c.topic,
        choice.c.stance,
    )
    .outerjoin_from(subscriber, choice)
    .where(subscriber.c.id == _NUMBER)
)
"""A row for each choice of the subscriber `number`, or one without any; `of` reads them."""

_LOCK = Prepared(select(subscriber.c.id).where(subscriber.c.id == _NUMBER).with_for_update())
_LEAVE = Prepared(
    update(subscriber)
    .where(subscriber.c.id == _NUMBER, subscriber.c.status != "left")
    .values(status="left", left_at=bindparam("now"))
)


async def read(connection: AsyncConnection, subscriber_id: int) -> Preferences | None:
    """Everything the preference page shows, or None for someone who is not there (any more)."""
    return of((await connection.execute(QUERY, {"number": subscriber_id})).all())


def of(rows: Sequence[Any]) -> Preferences | None:
    """What the rows of QUERY say."""
    if not rows:
        return None
    row = rows[0]
    chosen = choices.of_stances({row.topic: row.stance for row in rows if row.topic is not None})
    return Preferences(
        subscriber_id=row.id,
        address=row.address,
        first_name=row.first_name,
        last_name=row.last_name,
        locale=row.locale,
        timezone=row.timezone,
        status=row.status,
        everything=chosen.everything,
        followed=chosen.followed,
        muted=chosen.muted,
        paused_until=row.paused_until,
        rhythm=Rhythm(row.rhythm),
    )


async def choose(
    connection: AsyncConnection,
    subscriber_id: int,
    *,
    everything: bool,
    followed: Collection[str],
    muted: Collection[str],
    ip: str = "",
    actor: str = consent.Actor.PERSON,
    now: datetime,
) -> bool:
    """Follow these events, or everything but the muted; True if that is a change."""
    if not await _lock(connection, subscriber_id):
        return False
    before = await choices.read(connection, subscriber_id)
    after = choices.of(everything=everything, followed=followed, muted=muted)
    if before == after:
        return False
    await choices.replace(connection, subscriber_id, after)
    await consent.record(
        connection,
        subscriber_id,
        consent.Action.CHANGED,
        actor=actor,
        now=now,
        source="page",
        ip=ip,
        detail={"before": before.document(), "after": after.document()},
    )
    return True


async def pause(
    connection: AsyncConnection,
    subscriber_id: int,
    *,
    until: datetime | None,
    ip: str = "",
    actor: str = consent.Actor.PERSON,
    now: datetime,
) -> bool:
    """Send nothing until that moment, or (None) go on as before; True if that is a change."""
    changed = await connection.execute(
        update(subscriber)
        .where(subscriber.c.id == subscriber_id, subscriber.c.paused_until.is_distinct_from(until))
        .values(paused_until=until)
    )
    if changed.rowcount != 1:
        return False
    action = consent.Action.CHANGED if until is None else consent.Action.PAUSED
    detail = {"paused_until": None if until is None else until.isoformat()}
    await consent.record(connection, subscriber_id, action, actor=actor, now=now, source="page", ip=ip, detail=detail)
    return True


async def settle(
    connection: AsyncConnection,
    subscriber_id: int,
    *,
    first_name: str | None = None,
    last_name: str | None = None,
    locale: str | None = None,
    timezone: str | None = None,
    rhythm: Rhythm | None = None,
    ip: str = "",
    actor: str = consent.Actor.PERSON,
    now: datetime,
) -> bool:
    """Change name, language, time zone or rhythm (None leaves one as it is); True if any of it changed.

    The caller has checked the language and the zone and cleaned the names (`names.clean`).
    """
    if not await _lock(connection, subscriber_id):
        return False
    told = {"first_name": first_name, "last_name": last_name, "locale": locale, "timezone": timezone}
    wanted = told | {"rhythm": rhythm}
    given = {name: value for name, value in wanted.items() if value is not None}
    row = (await connection.execute(select(subscriber).where(subscriber.c.id == subscriber_id))).mappings().one()
    changed = {name: value for name, value in given.items() if row[name] != value}
    if not changed:
        return False
    await connection.execute(update(subscriber).where(subscriber.c.id == subscriber_id).values(changed))
    await consent.record(
        connection,
        subscriber_id,
        consent.Action.CHANGED,
        actor=actor,
        now=now,
        source="page",
        ip=ip,
        detail={"before": {name: row[name] for name in changed}, "after": changed},
    )
    return True


async def leave(
    connection: AsyncConnection,
    subscriber_id: int,
    *,
    source: str,
    actor: str = consent.Actor.PERSON,
    ip: str = "",
    reason: str = "",
    now: datetime,
) -> bool:
    """End it; True the first time. `source` is how: one-click, page, mail or report.

    What they had chosen is kept: it is theirs, should they come back.
    """
    if await _LEAVE.change(connection, {"number": subscriber_id, "now": now}) != 1:
        return False
    detail = {"reason": reason} if reason else {}
    await consent.record(
        connection, subscriber_id, consent.Action.LEFT, actor=actor, now=now, source=source, ip=ip, detail=detail
    )
    return True


async def _lock(connection: AsyncConnection, subscriber_id: int) -> bool:
    """Hold the subscriber's row, so that two changes come one after the other; False if there is none."""
    return bool(await _LOCK.rows(connection, {"number": subscriber_id}))
