"""Takes returned mail by LMTP (RFC 2033) or SMTP, for those who route the address for bounces to this machine.

A mail is answered 250 when it is stored, and 451 when it could not be: the sending server keeps it then. Only what is
addressed to us is taken: an address with a genuine token, or the plain one that complaints go to.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import structlog
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP

from newsletter.clock import Clock
from newsletter.database import Database
from newsletter.engine import returned_mail
from newsletter.errors import NewsletterError
from newsletter.logs import one_line
from subscribers.links import Links
from webhooks import tokens

log = structlog.get_logger(__name__)
logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # aiosmtpd's: there, any stranger writes into our log

_KEEP_IT = "451 4.3.0 It could not be stored; please keep it and try again"
MOST_BYTES = 25 * 1024 * 1024
MOST_SESSIONS = 20
IDLE_SECONDS = 120


class CannotListenForMail(NewsletterError):
    """The address is taken, is not this machine's, or needs more rights than we have."""


@dataclass(slots=True)
class Letterbox:
    """What happens to mail; `sessions` counts the connections that are open."""

    database: Database
    links: Links
    bounce_address: str
    clock: Clock
    sessions: set[Any] = field(default_factory=set)

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:  # noqa: N802 - aiosmtpd's name
        """Take what is ours, one recipient at a time: LMTP wants an answer for each (RFC 2033 4.2)."""
        if not self._is_ours(address):
            return "550 5.1.1 Nobody reads mail at this address"
        if envelope.rcpt_tos:
            return "452 4.5.3 One recipient at a time, please"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        """Store the mail, and only then say so."""
        try:
            await returned_mail.take(
                self.database,
                self.links,
                envelope.content,
                self.clock(),
                sender=envelope.mail_from.strip("<>"),  # the library tells nobody as "<>"
                recipient=envelope.rcpt_tos[0],
            )
        except Exception as error:
            return await self.handle_exception(error)
        return "250 2.0.0 Stored"

    async def handle_exception(self, error: Exception) -> str:
        """Say what went wrong, a mistake of ours too: answered otherwise, the server would give the mail up."""
        log.error("mail not stored", fault=type(error).__name__, reason=one_line(error))
        return _KEEP_IT

    def _is_ours(self, address: str) -> bool:
        if address.casefold() == self.bounce_address.casefold():
            return True
        return any(self.links.read_delivery_token(token) is not None for token in tokens.find(address))


class _Limited:
    """A session that is turned away where too many are open, as whoever sends may try again."""

    event_handler: Letterbox

    def connection_made(self, transport: Any) -> None:
        if len(self.event_handler.sessions) >= MOST_SESSIONS:
            transport.write(b"421 4.3.2 Too many connections; please try again\r\n")
            transport.abort()
            return
        self.event_handler.sessions.add(self)
        super().connection_made(transport)  # type: ignore[misc]  # of the server beside which this stands

    def connection_lost(self, error: Exception | None) -> None:
        if self in self.event_handler.sessions:
            self.event_handler.sessions.discard(self)
            super().connection_lost(error)  # type: ignore[misc]  # likewise


class _Smtp(_Limited, SMTP):
    """SMTP with that limit."""


class _Lmtp(_Limited, LMTP):
    """LMTP with that limit."""


@asynccontextmanager
async def listening(where: str, letterbox: Letterbox) -> AsyncIterator[int]:
    """Listen at `lmtp://HOST:PORT` or `smtp://HOST:PORT`; answers the port. Raises CannotListenForMail."""
    place = urlsplit(where)
    kind = _Lmtp if place.scheme == "lmtp" else _Smtp
    loop = asyncio.get_running_loop()

    def session() -> SMTP:
        return kind(
            letterbox,
            data_size_limit=MOST_BYTES,
            enable_SMTPUTF8=True,
            hostname=letterbox.bounce_address.rpartition("@")[2] or None,
            ident="newsletter",
            timeout=IDLE_SECONDS,
            loop=loop,
        )

    try:
        server = await loop.create_server(session, place.hostname, place.port or 0)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (")[0]
        raise CannotListenForMail(f"bounces.listen: cannot listen at {where}: {reason}") from error
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for open_session in list(letterbox.sessions):
            open_session.transport.abort()
