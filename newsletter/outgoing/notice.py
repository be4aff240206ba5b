"""What staff are told of an endpoint that is told nothing any more."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter import clock
from newsletter.constellation import store
from newsletter.delivery.staff import Matter, Note
from newsletter.outgoing import endpoints
from newsletter.outgoing.endpoints import Endpoint

_TEXT = """\
Since {since}, {one.url} is told nothing any more of what happens here: {why}.

What it missed until then is kept for a while. Once it takes messages again, run “newsletter webhooks enable {one.id}”
and “newsletter webhooks redeliver --failed {one.id}”. What happens in the meantime is not kept for it.

“newsletter webhooks deliveries --endpoint {one.id}” shows what was posted and how it was answered; if nobody needs it
any more, “newsletter webhooks remove {one.id}” forgets it."""


async def _untold(connection: AsyncConnection, now: datetime) -> Sequence[Note]:
    found = await endpoints.untold(connection, now)
    zone = await store.timezone(connection) if found else ""
    return [_note(one, zone) for one in found]


def _note(one: Endpoint, zone: str) -> Note:
    since = "" if one.disabled_at is None else clock.shown(one.disabled_at, zone)
    text = _TEXT.format(one=one, since=since, why=one.disabled_for.rstrip("."))
    return Note(one.id, f"A webhook was turned off: {one.url[:100]}", text)


TELLING = Matter("a webhook that is off", _untold, endpoints.mark_told, endpoints.put_off_telling)
"""How staff are told."""
