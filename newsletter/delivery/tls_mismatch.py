"""Where a relay's port speaks otherwise than `tls` says: which setting to change, in words for whoever set it."""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import suppress

import aiosmtplib

from newsletter.settings import Relay, Smtp

TLS_PORT = 465
"""Where servers begin with TLS (RFC 8314 section 3.3)."""

_SECONDS = 5.0
_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")
"""What OpenSSL calls an answer that is none of TLS."""


async def advice(settings: Smtp, error: Exception, unverified: ssl.SSLContext) -> str:
    """What to set, where that is why a connection failed with this error; empty where it is not.

    A server that begins with TLS says nothing to whoever waits for its greeting. So it is asked by TLS then.
    """
    setting = f'tls of the relay "{settings.name}"' if isinstance(settings, Relay) else "smtp.tls"
    if settings.tls == "implicit":
        is_plain = any(isinstance(one, ssl.SSLError) and one.reason in _NO_TLS for one in _causes(error))
        return (
            f'it does not begin with TLS: set {setting} to "required", for STARTTLS, or to "none"' if is_plain else ""
        )
    if "STARTTLS extension not supported" in str(error):
        return (
            f'it offers no STARTTLS: set {setting} to "implicit" and port to its TLS port, often 465, or tls to "none"'
        )
    if settings.socket is None and _is_silence(error) and await _begins_with_tls(settings, unverified):
        return f'it begins with TLS: set {setting} to "implicit"'
    return ""


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _is_silence(error: Exception) -> bool:
    """Whether no greeting came, or none that could be read."""
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return error.code == aiosmtplib.SMTPStatus.invalid_response
    silence = aiosmtplib.SMTPTimeoutError | aiosmtplib.SMTPServerDisconnected
    return any(isinstance(one, silence) for one in _causes(error))


async def _begins_with_tls(settings: Smtp, unverified: ssl.SSLContext) -> bool:
    with suppress(OSError):  # a TimeoutError and an SSLError are
        async with asyncio.timeout(min(_SECONDS, settings.timeout.total_seconds())):
            _, writer = await asyncio.open_connection(settings.host, settings.port, ssl=unverified)
            writer.transport.abort()
            return True
    return False
