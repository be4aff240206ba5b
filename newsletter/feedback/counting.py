"""How often it must be said before mail to somebody stops: hard bounces on so many days, soft ones by their score.

A soft score that has reached its limit stops nobody yet, where the policy says so: a probe is sent, and only when that
comes back as well, mail stops.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.feedback import breaker, probing
from newsletter.feedback.proof import Proven
from newsletter.setting_tables import Bounces
from newsletter.tables import inbox
from subscribers import consent, scoring
from subscribers.scoring import Bounce
from webhooks.events import from_json

Arrived = Mapping[int, datetime]
"""When a mail reached people, by the subscriber's number, as the reports that are just being applied say."""


async def hard(connection: AsyncConnection, heard: Sequence[Proven], now_heard: Arrived, policy: Bounces) -> None:
    """Give those an outcome that are not enough to suppress: too few days, counted since a mail last arrived."""
    if policy.hard_days == 1 or not heard:
        return
    people = {one.receiver.id for one in heard}
    arrived = await _arrived(connection, people, now_heard)
    days = await _hard_days(connection, {one.receiver.id: one for one in heard})
    for one in heard:
        days[one.receiver.id].add(scoring.day_of(one.event.at))
    for one in heard:
        since = arrived.get(one.receiver.id)
        counted = {day for day in days[one.receiver.id] if since is None or day > scoring.day_of(since)}
        # A provider's list says how things stand, not what happened on a day.
        if len(counted) < policy.hard_days and not one.receiver.is_probe and not one.event.is_listed:
            one.outcome = f"hard bounce counted: {len(counted)} of {policy.hard_days} days"


async def _hard_days(connection: AsyncConnection, people: Mapping[int, Proven]) -> dict[int, set[date]]:
    """The days on which mail to these people's addresses bounced hard, as applied before.

    Those before their opt-in do not count, nor those before staff released them.
    """
    released = await consent.released_by_staff(connection, people.keys())
    rows = await connection.execute(
        select(inbox.c.subscriber_id, inbox.c.event).where(
            inbox.c.subscriber_id.in_(sorted(people)),
            inbox.c.heard == "hard",
            inbox.c.outcome.not_in([breaker.HELD, breaker.LET_GO]),
        )
    )
    days: dict[int, set[date]] = {number: set() for number in people}
    for number, document in rows:
        event, receiver = from_json(document), people[number or 0].receiver
        begun = [at for at in (receiver.confirmed_at, released.get(receiver.id)) if at is not None]
        if receiver.is_named(event.address) and all(event.at >= at for at in begun):
            days[receiver.id].add(scoring.day_of(event.at))
    return days


async def soft(
    connection: AsyncConnection, heard: Sequence[Proven], now_heard: Arrived, policy: Bounces, now: datetime
) -> None:
    """Score soft bounces, but those before a mail that arrived: the mailbox is there then, and not full."""
    if not heard:
        return
    people = {one.receiver.id for one in heard}
    arrived = await _arrived(connection, people, now_heard)
    await probing.forgive(connection, policy.probe_wait, now, people)
    counted: list[Proven] = []
    for one in heard:
        since = arrived.get(one.receiver.id)
        if since is not None and scoring.day_of(since) >= scoring.day_of(one.event.at):
            one.outcome = "soft bounce: a mail has arrived since then"
        else:
            one.outcome = "soft bounce counted"
            counted.append(one)
    rule = scoring.Rule(policy.soft_days, policy.soft_span, policy.soft_memory)
    bounces = {one.row: Bounce(one.receiver.id, one.event.at, one.event.source, one.event.detail) for one in counted}
    enough = await scoring.count(connection, list(bounces.values()), rule)
    returned = {one.receiver.id: one for one in counted if one.receiver.is_probe}
    asked: set[int] = set()
    stopping = set(enough)
    if policy.probe:
        # Who cannot be asked, having left, is not suppressed either: in which order reports come must not decide.
        asked = await probing.begin(connection, enough.keys() - returned.keys(), policy.probe_wait, now)
        stopping &= returned.keys()
    last = {one.receiver.id: one for one in counted} | returned
    gone = {
        number
        for number in sorted(stopping)
        if await scoring.suppress(connection, bounces[last[number].row], enough[number])
    }
    for one in counted:
        if one.receiver.id in gone:
            why = "the probe bounced too" if one.receiver.id in returned else "it bounced softly too often"
            one.outcome = f"suppressed: {why}"
        elif one.receiver.id in asked:
            one.outcome = "soft bounce counted; a probe asks whether mail arrives before it is stopped"


async def _arrived(connection: AsyncConnection, people: Collection[int], now_heard: Arrived) -> dict[int, datetime]:
    """When a mail last reached each of these people, as far as that was ever reported."""
    arrived = {number: at for number, at in now_heard.items() if number in people}
    rows = await connection.execute(
        select(inbox.c.subscriber_id, inbox.c.event).where(
            inbox.c.subscriber_id.in_(sorted(people)), inbox.c.heard == "delivered"
        )
    )
    for number, document in rows:
        at = from_json(document).at
        arrived[number or 0] = max(at, arrived.get(number or 0, at))
    return arrived
