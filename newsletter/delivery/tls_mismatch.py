"""Where a server's port speaks otherwise than `tls` says: which setting to change, in words for whoever set it."""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from newsletter.delivery import tls

TLS_PORTS = frozenset({465, 993, 995})
"""Where servers begin with TLS (RFC 8314 section 3.3)."""

PATIENCE = 10.0
"""Seconds to wait there for a greeting in clear: whoever waits for longer hears nothing either."""

_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")
"""What OpenSSL calls an answer that is none of TLS."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What is set of a server: where it is (no port: at a socket), how TLS is spoken, and what that setting is called.

    `verb` is how it is asked for TLS in clear, and `tls_port` where its kind usually begins with that; `seconds` are
    how long it is asked.
    """

    host: str
    port: int | None
    tls: str
    setting: str
    verb: str = "STARTTLS"
    tls_port: int = 465
    seconds: float = 5.0


async def advice(setup: Setup, error: Exception, *, lacks_tls: bool, is_silent: bool) -> str:
    """What to set, where that is why a connection failed with this error; empty where it is not.

    `lacks_tls` says that the server offers none in clear, `is_silent` that no greeting came, or none that could be
    read. A server that begins with TLS says nothing to whoever waits for its greeting; so it is asked by TLS then.
    """
    if setup.tls == "implicit":
        is_plain = any(isinstance(one, ssl.SSLError) and one.reason in _NO_TLS for one in causes(error))
        other = f'set {setup.setting} to "required", for {setup.verb}, or to "none"'
        return f"it does not begin with TLS: {other}" if is_plain else ""
    if lacks_tls:
        port = f"port to its TLS port, often {setup.tls_port}"
        other = f'set {setup.setting} to "implicit" and {port}, or tls to "none"'
        return f"it offers no {setup.verb}: {other}"
    if setup.port is not None and is_silent and await _begins_with_tls(setup.host, setup.port, setup.seconds):
        return f'it begins with TLS: set {setup.setting} to "implicit"'
    return ""


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and those that it came of."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


async def _begins_with_tls(host: str, port: int, seconds: float) -> bool:
    with suppress(OSError):  # a TimeoutError and an SSLError are
        async with asyncio.timeout(seconds):
            _, writer = await asyncio.open_connection(host, port, ssl=tls.trusting())
            writer.transport.abort()
            return True
    return False
