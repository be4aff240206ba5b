"""Who asks for fewer mails: 4xx replies halve the pace of a family of receivers, or of the relay; time gives it back.

What stands in the table is the pace at its last change. How it has recovered since is a matter of the clock alone:
doubled after each `slowed_for`, until it is as fast as before. So nothing has to wake up and mend it.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.delivery.outcome import Deferred, Stage
from newsletter.setting_tables import Delivery
from newsletter.tables import slowed
from subscribers import statements
from subscribers.prepared import Prepared

_ASKS_FOR_LESS = re.compile(r"(?:421|450|451|452)\b(?! [45]\.2\.)|4\d\d 4\.7\.")
"""RFC 5321 section 4.2.2 and RFC 3463 section 3.8. 4.2.x speaks of one mailbox, not of us."""

_OF_ITSELF = re.compile(r"4\d\d 4\.3\.|452(?! [45]\.)")
"""A system without room or time: RFC 3463 section 3.4, and what 452 is by RFC 5321 where nothing closer is said."""

_ENOUGH = 3
"""So many replies in one window are no accident of greylisting."""

_ONCE_IN = timedelta(seconds=20)
"""Replies to mails that were on their way when the pace fell say nothing about the new one."""

_ALL = Prepared(select(slowed))
"""Built once: every window asks."""

_SLOWEST = 1 / 60
_FULL_SPEED = 8
"""So many times faster than where it began, nobody is held back at all any more."""


@dataclass(frozen=True, slots=True)
class Slowed:
    """A family of domains or a relay, the mails a second that it is sent for now, and how it asked for less."""

    to: str
    per_second: float
    at: datetime
    reply: str


def asks_for_less(reply: str) -> bool:
    """Whether a 4xx reply is about how much we send, rather than about one mailbox."""
    return _ASKS_FOR_LESS.match(reply) is not None


def is_relays_own(answer: Deferred) -> bool:
    """Whether a 4xx is the relay's own affair, whoever the mail is for: before it had heard that, or in so many words.

    Not a 421: with that it closes, and is left alone for a while anyway.
    """
    if answer.reply.startswith("421"):
        return False
    return answer.stage is Stage.MAIL or _OF_ITSELF.match(answer.reply) is not None


async def current(connection: AsyncConnection, policy: Delivery, now: datetime) -> dict[str, Slowed]:
    """Those that are sent less now, by name; few, if any."""
    found = {}
    for row in await _ALL.rows(connection, {}):
        pace = _recovered(row.per_second, row.at, policy, now)
        if pace < policy.slowed_per_second * _FULL_SPEED:
            found[row.to] = Slowed(row.to, pace, row.at, row.reply)
    return found


async def note(
    connection: AsyncConnection,
    replies: Iterable[tuple[str, str]],
    paces: Mapping[str, float],
    policy: Delivery,
    now: datetime,
) -> list[Slowed]:
    """Slow those that asked for less often enough; `replies` are who asked, and in which words, each time.

    `paces` are the mails a second that each of them is sent at most anyway.
    """
    words = dict(asked := list(replies))
    counts = Counter(to for to, _ in asked)
    begun = []
    for to in sorted(to for to, count in counts.items() if count >= _ENOUGH):
        row = (await connection.execute(select(slowed).where(slowed.c.to == to))).first()
        if row is not None and now - row.at < _ONCE_IN:
            continue
        usual = paces.get(to, policy.slowed_per_second * 2)
        before = usual if row is None else min(usual, _recovered(row.per_second, row.at, policy, now))
        begun.append(Slowed(to, max(before / 2, _SLOWEST), now, words[to]))
        values = {"per_second": begun[-1].per_second, "at": now, "reply": words[to]}
        await connection.execute(
            statements.insert(connection, slowed)
            .values(to=to, **values)
            .on_conflict_do_update(index_elements=["to"], set_=values)
        )
    return begun


async def forget(connection: AsyncConnection, policy: Delivery, now: datetime) -> None:
    """Delete what has recovered."""
    over = now - policy.slowed_for * 12  # from the slowest pace to full speed takes no more doublings
    await connection.execute(delete(slowed).where(slowed.c.at < over))


def _recovered(per_second: float, since: datetime, policy: Delivery, now: datetime) -> float:
    return per_second * 2.0 ** min((now - since) // policy.slowed_for, 20)
