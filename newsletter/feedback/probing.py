"""The probe: before soft bounces stop mail to somebody, one plain mail asks whether ours arrive, and its fate decides.

Nothing is kept of a probe but the mail itself. It waits while the mail waits to be sent and for a while after that.
When it comes back, soft bounces still are at their limit, and mail stops; when nothing came back, or a mail arrived,
they are forgotten, and what is heard of it later is one bounce like any other.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.delivery import transactional
from newsletter.delivery.state import State
from newsletter.delivery.transactional import Kind
from newsletter.tables import WAITING
from newsletter.tables import transactional as mail
from subscribers import audience, scoring
from subscribers.tables import bounce_score, subscriber


@dataclass(frozen=True, slots=True)
class Probe:
    """The latest that somebody was sent: since when it is asked, what became of the mail, and until when we wait.

    `until` is None as long as it is not sent, and where it never will be.
    """

    asked_at: datetime
    state: State
    until: datetime | None


async def begin(connection: AsyncConnection, people: Collection[int], wait: timedelta, now: datetime) -> set[int]:
    """Ask these people whether our mails arrive, unless they are being asked; those whose answer is waited for.

    Who is not with us (any more) cannot be asked. Nobody is asked twice within `wait`, whatever becomes of the mail.
    """
    if not people:
        return set()
    with_us = await connection.scalars(
        select(subscriber.c.id).where(subscriber.c.id.in_(sorted(people)), audience.reachable())
    )
    asked = set(with_us)
    waited_for = await connection.scalars(
        select(mail.c.subscriber_id)
        .where(mail.c.subscriber_id.in_(sorted(asked)), mail.c.kind == Kind.PROBE)
        .where(or_(WAITING, mail.c.created_at > now - wait, (mail.c.state == State.SENT) & (mail.c.at > now - wait)))
        .distinct()
    )
    await transactional.probe(connection, sorted(asked - set(waited_for)), now=now)
    return asked


async def forgive(
    connection: AsyncConnection, wait: timedelta, now: datetime, people: Collection[int] | None = None
) -> int:
    """Forget the soft bounces of those (of all, or of these people) whose probe did not come back; how many days.

    Whoever was suppressed meanwhile keeps theirs: they say why.
    """
    statement = (
        select(mail.c.subscriber_id, func.max(mail.c.at))
        .join(subscriber, subscriber.c.id == mail.c.subscriber_id)
        .where(mail.c.subscriber_id.in_(select(bounce_score.c.subscriber_id)), audience.reachable())
        .where(mail.c.kind == Kind.PROBE, mail.c.state == State.SENT, mail.c.at <= now - wait)
        .group_by(mail.c.subscriber_id)
        .order_by(mail.c.subscriber_id)
    )
    if people is not None:
        statement = statement.where(mail.c.subscriber_id.in_(sorted(people)))
    by_day: dict[date, list[int]] = {}
    for number, sent_at in await connection.execute(statement):
        if sent_at is not None:
            by_day.setdefault(scoring.day_of(sent_at + wait), []).append(number)
    return sum([await scoring.delivered(connection, numbers, day) for day, numbers in sorted(by_day.items())])


async def latest(connection: AsyncConnection, subscriber_id: int, wait: timedelta) -> Probe | None:
    """The latest probe that somebody was sent, or is about to be."""
    row = (
        await connection.execute(
            select(mail.c.created_at, mail.c.state, mail.c.at)
            .where(mail.c.subscriber_id == subscriber_id, mail.c.kind == Kind.PROBE)
            .order_by(mail.c.created_at.desc(), mail.c.id.desc())
            .limit(1)
        )
    ).one_or_none()
    if row is None:
        return None
    until = row.at + wait if row.state == State.SENT and row.at is not None else None
    return Probe(row.created_at, State(row.state), until)
