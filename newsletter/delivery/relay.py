"""The relay that takes our mail: connections opened by aiosmtplib, kept open between windows, and its health."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiosmtplib

from newsletter.delivery import tls, tls_mismatch
from newsletter.delivery.session import Session
from newsletter.errors import NewsletterError
from newsletter.setting_tables import Relay as Configured
from newsletter.setting_tables import Smtp


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

    TLS: `implicit` from the first byte (RFC 8314) and `required` by STARTTLS, both with the certificate checked unless
    `verify` is off; `opportunistic` by STARTTLS where offered, unchecked (RFC 7435); `none` never, nor over a socket.
    Login: XOAUTH2 with the token that stands in `token_file` at that moment; else by what is offered of CRAM-MD5,
    PLAIN and LOGIN.
    """
    lmtp = settings.protocol == "lmtp"
    try:
        client = (_LmtpClient if lmtp else aiosmtplib.SMTP)(
            **_place(settings),
            **_identity(settings),
            local_hostname=local_hostname,
            use_tls=settings.tls == "implicit",
            start_tls=_start_tls(settings),
            tls_context=_context(settings),
            timeout=min(_patience(settings), settings.timeout.total_seconds()),
        )
        await client.connect()
        if client.is_ehlo_or_helo_needed:
            await client.ehlo()
    except (
        aiosmtplib.SMTPException,
        OSError,
        ValueError,
    ) as error:  # ValueError: of names in EHLO
        wrong = await tls_mismatch.advice(
            _setup(settings),
            error,
            lacks_tls="STARTTLS extension not supported" in str(error),
            is_silent=_is_silence(error),
        )
        reason = wrong or " ".join(_said(settings, error).split()) or type(error).__name__
        raise RelayUnreachable(f"{where(settings)}: {reason}") from error
    return Session(client, settings.timeout.total_seconds(), lmtp=lmtp)


def where(settings: Smtp) -> str:
    """The relay as messages name it."""
    return f"{settings.protocol} {settings.socket or f'{settings.host}:{settings.port}'}"


_LIBRARYS_WORDS = {
    "oauth_token_generator provided": "it offers no login by XOAUTH2, which token_file is for",
    "No suitable auth": "it offers no login that we know: CRAM-MD5, PLAIN, LOGIN, or XOAUTH2 by a token_file",
}
"""What aiosmtplib says in terms of its own, by how that begins, and what it comes to for whoever wrote the settings."""

_UNKNOWN_COMMAND = (500, 502)


def _said(settings: Smtp, error: Exception) -> str:
    """Why there is no connection, in words for staff: beside where the relay is, which the library would say again."""
    if isinstance(error, aiosmtplib.SMTPHeloError) and error.code in _UNKNOWN_COMMAND:
        other = "lmtp" if settings.protocol == "smtp" else "smtp"
        return f'{error.code} {error.message}; perhaps it speaks {other.upper()}: set protocol to "{other}"'
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return f"{error.code} {error.message}"
    cause = error.__cause__
    if isinstance(error, aiosmtplib.SMTPConnectError) and isinstance(cause, OSError):
        return cause.strerror or str(cause) or str(error)
    return next((ours for theirs, ours in _LIBRARYS_WORDS.items() if str(error).startswith(theirs)), str(error))


class _LmtpClient(aiosmtplib.SMTP):
    """The same client, which greets as LMTP does (RFC 2033 section 4.1)."""

    async def execute_command(self, *args: bytes, **options: Any) -> aiosmtplib.SMTPResponse:
        verb, *rest = args
        return await super().execute_command(b"LHLO" if verb == b"EHLO" else verb, *rest, **options)


def _place(settings: Smtp) -> dict[str, Any]:
    if settings.socket is not None:
        return {"socket_path": str(settings.socket)}
    return {"hostname": settings.host, "port": settings.port}


def _identity(settings: Smtp) -> dict[str, Any]:
    file = settings.token_file
    if file is None:
        return {"username": settings.username or None, "password": settings.password.get_secret_value() or None}

    async def token() -> str:
        try:
            return file.read_text("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise aiosmtplib.SMTPException(f"{file}: no access token can be read from this file") from error

    return {"username": settings.username, "oauth_token_generator": token}


def _patience(settings: Smtp) -> float:
    """Seconds to wait for a greeting; who waits for one where servers begin with TLS would do so for long."""
    is_in_vain = settings.port in tls_mismatch.TLS_PORTS and settings.tls != "implicit"
    return tls_mismatch.PATIENCE if is_in_vain else 60.0


def _setup(settings: Smtp) -> tls_mismatch.Setup:
    setting = f'tls of the relay "{settings.name}"' if isinstance(settings, Configured) else "smtp.tls"
    port = settings.port if settings.socket is None else None
    seconds = min(5.0, settings.timeout.total_seconds())
    return tls_mismatch.Setup(settings.host, port, settings.tls, setting, seconds=seconds)


def _is_silence(error: Exception) -> bool:
    """Whether no greeting came, or none that could be read."""
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return error.code == aiosmtplib.SMTPStatus.invalid_response
    silence = aiosmtplib.SMTPTimeoutError | aiosmtplib.SMTPServerDisconnected
    return any(isinstance(one, silence) for one in tls_mismatch.causes(error))


def _start_tls(settings: Smtp) -> bool | None:
    if settings.socket is not None:
        return False
    return {"required": True, "opportunistic": None}.get(settings.tls, False)


def _context(settings: Smtp) -> ssl.SSLContext:
    is_checked = settings.verify and settings.tls in ("implicit", "required")
    return tls.checking(settings.ca_file) if is_checked else tls.trusting()
