"""The relay that takes our mail: connections opened by aiosmtplib, kept open between windows, and its health."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache

import aiosmtplib

from newsletter.delivery.session import Session
from newsletter.errors import NewsletterError
from newsletter.settings import Smtp


class RelayUnreachable(NewsletterError):
    """The relay did not take a connection: nothing was offered to it. The text says which relay and why."""


@dataclass(slots=True)
class Relay:
    """One configured relay. Sessions given back in order are lent again; `close` ends them all."""

    settings: Smtp
    local_hostname: str
    _idle: list[Session] = field(default_factory=list)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """Lend a session for as long as the block runs. Raises RelayUnreachable."""
        session = await self._take()
        try:
            yield session
        finally:
            if session.lost:
                await session.close()
            else:
                self._idle.append(session)

    async def _take(self) -> Session:
        while self._idle:
            session = self._idle.pop()
            if not session.lost:
                return session
            await session.close()
        return await connect(self.settings, self.local_hostname)

    async def close(self) -> None:
        """End every idle session with QUIT."""
        while self._idle:
            await self._idle.pop().close()


async def connect(settings: Smtp, local_hostname: str) -> Session:
    """Open, secure and log in one connection. Raises RelayUnreachable with the relay's name and the reason.

    TLS: `implicit` from the first byte (RFC 8314), `required` by STARTTLS with a verified certificate,
    `opportunistic` by STARTTLS where offered without verifying (RFC 7435), `none` never.
    """
    client = aiosmtplib.SMTP(
        hostname=settings.host,
        port=settings.port,
        username=settings.username or None,
        password=settings.password.get_secret_value() or None,
        local_hostname=local_hostname,
        use_tls=settings.tls == "implicit",
        start_tls={"required": True, "opportunistic": None}.get(settings.tls, False),
        tls_context=_context(verify=settings.tls != "opportunistic"),
        timeout=min(60.0, settings.timeout.total_seconds()),
    )
    try:
        await client.connect()
        if client.is_ehlo_or_helo_needed:
            await client.ehlo()
    except (aiosmtplib.SMTPException, OSError, ssl.SSLError) as error:
        client.close()
        reason = " ".join(str(error).split()) or type(error).__name__
        raise RelayUnreachable(f"smtp {settings.host}:{settings.port}: {reason}") from error
    return Session(client, settings.timeout.total_seconds())


@cache
def _context(*, verify: bool) -> ssl.SSLContext:
    """One for all connections: reading the machine's certificates takes 20 ms, in which nothing else runs."""
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
