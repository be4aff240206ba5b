"""Whom a campaign is for, beyond following its event: an expression of one's own, or one saved under a name."""

import re
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo, available_timezones

from babel import Locale
from sqlalchemy import ColumnElement, delete, exists, insert, or_, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter import catalogues
from newsletter.constellation import store as constellations
from newsletter.constellation.model import MailKind
from newsletter.constellation.store import NoConstellation
from newsletter.delivery.state import State
from newsletter.errors import NewsletterError
from newsletter.suggest import hint, nearest
from newsletter.tables import audience as table
from newsletter.tables import campaign, delivery
from subscribers import directory, expressions
from subscribers.expressions import ExpressionError, Vocabulary
from subscribers.tables import subscriber

_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_CAME_BACK = ("soft", "block", "hard")


class AudienceError(NewsletterError):
    """There is no audience of that name, or there may not be one."""


@dataclass(frozen=True, slots=True)
class Saved:
    """An expression under a name."""

    name: str
    expression: str
    saved_at: datetime


async def condition(connection: AsyncConnection, expression: str) -> ColumnElement[bool]:
    """The condition on `subscriber` that an expression is; an empty one is everybody. Raises ExpressionError."""
    if not expression:
        return true()
    node = expressions.parse(expression)
    fields = await directory.own_fields(connection) if expressions.own_fields(node) else frozenset[str]()
    return expressions.condition(connection, expression, node, await _vocabulary(connection, fields))


async def resolve(connection: AsyncConnection, wanted: str) -> str:
    """The expression that somebody means: one they wrote, or one saved under that name.

    A plain word is a name, for no expression is one. An empty text is an error, not everybody: it is what a script's
    unset variable leaves. Raises AudienceError, ExpressionError.
    """
    if _NAME.fullmatch(wanted):
        wanted = (await find(connection, wanted)).expression
    await _check(connection, wanted)
    return wanted


async def save(connection: AsyncConnection, name: str, expression: str, now: datetime) -> bool:
    """Keep an expression under a name; False if it takes the place of another.

    Campaigns that were drafted with the one before keep that. Raises AudienceError, ExpressionError.
    """
    if not _NAME.fullmatch(name):
        raise AudienceError(f"“{name}” is no name for an audience; write a word such as new-teachers")
    await _check(connection, expression)
    replaced = await remove(connection, name)
    await connection.execute(insert(table).values(name=name, expression=expression, saved_at=now))
    return not replaced


async def find(connection: AsyncConnection, name: str) -> Saved:
    """The audience of that name. Raises AudienceError with the nearest right one."""
    every = await listed(connection)
    found = next((saved for saved in every if saved.name == name), None)
    if found is None:
        better = hint(name, [saved.name for saved in every]) if every else "; `newsletter audience save` makes one"
        raise AudienceError(f"there is no audience {name}{better}")
    return found


async def listed(connection: AsyncConnection) -> list[Saved]:
    """Every saved audience, by name."""
    rows = await connection.execute(select(table.c.name, table.c.expression, table.c.saved_at).order_by(table.c.name))
    return [Saved(*row) for row in rows]


async def remove(connection: AsyncConnection, name: str) -> bool:
    """Forget a saved audience; False if there was none."""
    return (await connection.execute(delete(table).where(table.c.name == name))).rowcount == 1


async def _check(connection: AsyncConnection, expression: str) -> None:
    """Raise ExpressionError for what staff cannot mean, now that they write it.

    That is a time zone or a language that there is not, and where the form offers roles, any other that nobody has.
    A campaign that starts later is not held to it: the form may have changed, and the last who had the role be gone.
    """
    node = expressions.parse(expression)
    await condition(connection, expression)
    for zone in expressions.texts(node, "timezone"):
        if zone.text not in available_timezones():
            raise ExpressionError(
                expression, zone.column, f"there is no time zone “{zone.text}”{_near_zone(zone.text)}"
            )
    await _check_languages(connection, expression, node)
    offered = await _offered_roles(connection)
    for role in expressions.texts(node, "role") if offered else ():
        if role.text in {"", *offered} or await directory.has_anybody(connection, "role", role.text):
            continue
        reason = f"the form offers no role {role.text}, and nobody has it{hint(role.text, offered)}"
        raise ExpressionError(expression, role.column, reason)


async def _check_languages(connection: AsyncConnection, expression: str, node: expressions.Node) -> None:
    for tag in expressions.texts(node, "language"):
        if _is_language(tag.text):
            continue
        spoken = {*catalogues.LANGUAGES, *await directory.locales(connection)}
        if tag.text not in spoken:
            dashed = tag.text.replace("_", "-")
            better = f"; did you mean {dashed}?" if _is_language(dashed) else hint(tag.text, spoken)
            raise ExpressionError(expression, tag.column, f"there is no language “{tag.text}”{better}")


def _near_zone(wrong: str) -> str:
    """The zone that is meant, as near as can be told; its place alone is as good, in whatever letters."""
    places = {zone.rpartition("/")[2].lower(): zone for zone in sorted(available_timezones(), reverse=True)}
    place = nearest(wrong.rpartition("/")[2].lower().replace(" ", "_"), places)
    best = nearest(wrong, available_timezones()) or (places[place] if place else None)
    return f"; did you mean {best}?" if best else "; write one such as Europe/Berlin"


def _is_language(tag: str) -> bool:
    """Whether it begins with the code of a language, and is built as a tag is (RFC 5646, section 2.1)."""
    return _TAG.fullmatch(tag) is not None and tag.partition("-")[0].lower() in Locale("en").languages


async def _offered_roles(connection: AsyncConnection) -> frozenset[str]:
    try:
        return frozenset(role.word for role in (await constellations.current(connection)).form.roles)
    except NoConstellation:
        return frozenset()


async def _vocabulary(connection: AsyncConnection, fields: frozenset[str]) -> Vocabulary:
    try:
        zone = (await constellations.current(connection)).timezone
    except NoConstellation:
        zone = "UTC"
    listed = await constellations.events(connection, removed=True)
    events = {stored.event.slug: str(stored.event.kind) for stored in listed}
    planned = {f"{event}/{kind}" for event in events for kind in MailKind}
    sent = await connection.scalars(select(campaign.c.slug))
    return Vocabulary(
        timezone=ZoneInfo(zone),
        events=events,
        campaigns=frozenset(planned.union(sent)),
        fields=fields,
        received=_received,
    )


def _received(slug: str) -> ColumnElement[bool]:
    """The mail was taken by the person's server and has not come back since."""
    of = select(campaign.c.id).where(campaign.c.slug == slug).scalar_subquery()
    return (
        exists()
        .where(
            delivery.c.campaign_id == of,
            delivery.c.subscriber_id == subscriber.c.id,
            delivery.c.state == State.SENT,
            or_(delivery.c.feedback.is_(None), delivery.c.feedback.not_in(_CAME_BACK)),
        )
        .correlate(subscriber)
    )
