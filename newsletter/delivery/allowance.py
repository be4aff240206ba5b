"""How many mails a relay may be given now: its own limit, and what a warm-up allows it today.

Every mail counts. Of either, campaigns leave a part to mails about what one person did, which so never wait for a
campaign: what a second takes, and a tenth of the day.

A relay that says of itself that it has no room or no time is given less for a while, as receivers are who ask for that.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

import structlog
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.delivery import rates, slowing
from newsletter.delivery.rates import Bucket
from newsletter.delivery.slowing import Slowed
from newsletter.setting_tables import Delivery, Smtp
from newsletter.tables import relay_day
from subscribers import statements

log = structlog.get_logger(__name__)

_RELAY = "relay "
"""What a relay is called by beside families and domains, none of which has a space."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a relay may be given in this transaction: `left` mails; if that is none, when to ask again, and why."""

    relay: str
    left: int
    again_at: datetime
    limit: str
    bucket: Bucket | None
    counted: bool


def today(settings: Smtp, now: datetime) -> int | None:
    """How many mails a relay takes on this day (UTC) of its warm-up; None when there is no limit (any more)."""
    if not settings.warm_up or settings.warm_up_from is None:
        return None
    day = max((now.astimezone(UTC).date() - settings.warm_up_from).days, 0)
    return settings.warm_up[day] if day < len(settings.warm_up) else None


async def look(
    connection: AsyncConnection,
    relay: str,
    settings: Smtp,
    slow: Mapping[str, Slowed],
    most: int,
    now: datetime,
    *,
    urgent: bool = False,
) -> Allowance:
    """What the relay may be given, `most` if nothing limits it. Others wait until this transaction ends.

    `slow` are those that are given less now, by name. `urgent` is what one person waits for: it may take what campaigns
    leave.
    """
    left, again_at, limit, bucket = most, now, "", None
    per_second = _pace(relay, settings, slow)
    if per_second:
        kept = 0 if urgent else max(1, int(per_second))
        bucket = await _bucket(connection, relay, per_second, now)
        left = max(min(left, bucket.left - kept), 0)
        again_at = bucket.again_at(kept + max(1, min(most, int(per_second))))
        limit = f"is given {per_second:g} a second"
    allowed = today(settings, now)
    if allowed is not None:
        kept = 0 if urgent else allowed // 10
        given = await given_today(connection, relay, now)
        left = min(left, max(allowed - kept - given, 0))
        if given >= allowed - kept:
            again_at = datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), time(), UTC)
            limit = f"has had its share of the {allowed:,} mails of this day of its warm-up (UTC)"
    return Allowance(relay, left, again_at, limit, bucket, allowed is not None)


async def spend(connection: AsyncConnection, allowance: Allowance, mails: int, now: datetime) -> None:
    """Count mails that the relay is given, in the transaction of `look`."""
    if allowance.bucket is not None:
        await rates.draw(connection, allowance.bucket, mails)
    if allowance.counted and mails:
        row = {"relay": allowance.relay, "day": _day(now), "mails": mails}
        counted = statements.insert(connection, relay_day).values(**row)
        await connection.execute(
            counted.on_conflict_do_update(
                index_elements=["relay", "day"], set_={"mails": relay_day.c.mails + counted.excluded.mails}
            )
        )


async def give_back(
    connection: AsyncConnection, relay: str, settings: Smtp, slow: Mapping[str, Slowed], mails: int, now: datetime
) -> None:
    """Count mails no longer that the relay was not given after all."""
    if per_second := _pace(relay, settings, slow):
        await rates.draw(connection, await _bucket(connection, relay, per_second, now), -mails)
    if today(settings, now) is not None:
        of_today = update(relay_day).where(relay_day.c.relay == relay, relay_day.c.day == _day(now))
        counted = of_today.where(relay_day.c.mails >= mails)  # not so where the day has just begun
        await connection.execute(counted.values(mails=relay_day.c.mails - mails))


async def heed(
    connection: AsyncConnection, relay: str, settings: Smtp, replies: Iterable[str], policy: Delivery, now: datetime
) -> None:
    """Give less to a relay that asks for it often enough, by 4xx replies that are its own affair."""
    said = [(_name(relay), reply) for reply in replies]
    usual = {_name(relay): settings.per_second} if settings.per_second else {}
    for one in await slowing.note(connection, said, usual, policy, now):
        log.warning("relay asked for less", relay=relay, per_second=one.per_second, reply=one.reply)


async def given_today(connection: AsyncConnection, relay: str, now: datetime) -> int:
    """How many mails a relay that warms up was given on this day (UTC). Others wait until this transaction ends."""
    # The row comes first: while there is none, nobody could be kept from counting from nothing.
    none_yet = statements.insert(connection, relay_day).values(relay=relay, day=_day(now), mails=0)
    await connection.execute(none_yet.on_conflict_do_nothing())
    of_today = select(relay_day.c.mails).where(relay_day.c.relay == relay, relay_day.c.day == _day(now))
    return await connection.scalar(of_today.with_for_update()) or 0


async def _bucket(connection: AsyncConnection, relay: str, per_second: float, now: datetime) -> Bucket:
    return await rates.open_bucket(connection, _name(relay), per_second, now, least=2)


def _pace(relay: str, settings: Smtp, slow: Mapping[str, Slowed]) -> float | None:
    """How many mails a second it takes, or takes now; None for as many as there are."""
    slowed = slow.get(_name(relay))
    limits = [settings.per_second or None, slowed.per_second if slowed else None]
    return min((one for one in limits if one is not None), default=None)


def slowed_relay(to: str) -> str:
    """The relay's name, of one that is given less (newsletter.delivery.slowing); empty where it is receivers."""
    return to.removeprefix(_RELAY) if to.startswith(_RELAY) else ""


def _name(relay: str) -> str:
    return f"{_RELAY}{relay}"


def _day(now: datetime) -> str:
    return now.astimezone(UTC).date().isoformat()
