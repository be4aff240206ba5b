"""The mail to staff that an endpoint is told nothing any more: sent once, kept to be sent while the relay is away."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from email.utils import format_datetime, make_msgid

import structlog

from newsletter.clock import Clock
from newsletter.constellation import store
from newsletter.constellation.model import Sender
from newsletter.database import Database
from newsletter.delivery.offer import Item
from newsletter.delivery.outcome import Accepted
from newsletter.delivery.relays import Relays
from newsletter.errors import NewsletterError
from newsletter.outgoing import endpoints
from newsletter.outgoing.endpoints import Endpoint
from newsletter.settings import Outgoing

log = structlog.get_logger(__name__)

_AGAIN = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Notices:
    """Tells staff – `outgoing.tell_staff`, else the constellation's contact – of endpoints that were disabled."""

    database: Database
    relays: Relays
    policy: Outgoing
    clock: Clock

    async def send(self) -> None:
        """Send what staff have not been told; what the relay does not take now is sent another time."""
        async with self.database.read() as connection:
            waiting = await endpoints.untold(connection, self.clock())
        if not waiting:
            return
        try:
            told = await self._offer(waiting)
        except NewsletterError as error:
            log.error("staff not told of a webhook", reason=str(error))
            told = set()
        now = self.clock()
        async with self.database.begin() as connection:
            for one in waiting:
                if one.id in told:
                    await endpoints.mark_told(connection, one.id, now)
                else:
                    await endpoints.put_off_telling(connection, one.id, now + _AGAIN)

    async def _offer(self, waiting: Sequence[Endpoint]) -> set[int]:
        async with self.database.read() as connection:
            constellation = await store.current(connection)
        sender, to = constellation.sender, self.policy.tell_staff or constellation.contact
        items = [
            Item(one.id, sender.email.encode(), to.encode(), _mail(sender, to, one, self.clock())) for one in waiting
        ]
        async with self.relays.session(sender.email) as session:
            outcomes = await session.send(items)
        return {number for number, outcome in outcomes if isinstance(outcome, Accepted)}


_TEXT = """\
Since {since:%Y-%m-%d %H:%M} UTC, {one.url} is told nothing any more of what happens here: {one.disabled_for}.

What it missed until then is kept for a while. Once it takes messages again, run “newsletter webhooks enable {one.id}”
and “newsletter webhooks redeliver --failed {one.id}”. What happens in the meantime is not kept for it.

“newsletter webhooks deliveries --endpoint {one.id}” shows what was posted and how it was answered; if nobody needs it
any more, “newsletter webhooks remove {one.id}” forgets it."""


def _mail(sender: Sender, to: str, one: Endpoint, now: datetime) -> bytes:
    text = "\n\n".join(
        textwrap.fill(paragraph, 72, break_long_words=False, break_on_hyphens=False)
        for paragraph in _TEXT.format(one=one, since=one.disabled_at).split("\n\n")
    )
    message = EmailMessage()
    message["From"] = Address(sender.name, addr_spec=sender.email)
    message["To"] = to
    message["Subject"] = f"A webhook was turned off: {one.url[:100]}"
    message["Date"] = format_datetime(now)
    message["Message-ID"] = make_msgid(domain=sender.email.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text + "\n", cte="quoted-printable")
    return message.as_bytes(policy=WIRE).replace(b"\r\n.", b"\r\n=2E")  # no line of an Item begins with a dot
