"""What holds for every request, as plain ASGI: whose address it is, how large it may be, what browsers may do."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAGE_LIMIT = 64 * 1024
WEBHOOK_LIMIT = 5 * 1024 * 1024

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# No script runs, inline or otherwise, and no other site is asked for anything or may frame a page.
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
WITH_OUR_SCRIPT = {"Content-Security-Policy": f"{_POLICY}; script-src 'self'; connect-src 'self'"}
"""For the one page that runs a script, and only ours: the form, whose address is nobody's secret."""

_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",  # a link's token must not travel on to the site that is visited next
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_HSTS = "max-age=31536000"


class SecurityHeaders:
    """Adds the headers to every response; `https` says whether visitors reach us by it."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        headers = {**_HEADERS, "Cache-Control": "no-store"} | ({"Strict-Transport-Security": _HSTS} if https else {})
        self._headers = [(name.lower().encode("ascii"), value.encode("ascii")) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, and set what the endpoint has not set itself."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = message.get("headers", [])
                names = {name.lower() for name, _ in own}
                ours = [header for header in self._headers if header[0] not in names]
                message = {**message, "headers": [*own, *ours]}
            await send(message)

        await self._app(scope, receive, send_with_headers)


@dataclass(frozen=True, slots=True)
class Limit:
    """How many bytes a request's body may have below a path."""

    prefix: str
    size: int


class BodyLimit:
    """Ends a body that is too long with 413, by its Content-Length or, where that is missing or lies, as it arrives.

    The error is raised where the endpoint reads, so that it is answered as any other error is.
    """

    def __init__(self, app: ASGIApp, *, limits: Sequence[Limit]) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, counting what is read."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = next(limit.size for limit in self._limits if scope["path"].startswith(limit.prefix))
        announced = Headers(scope=scope).get("content-length", "")
        read = 0

        async def receive_within_limit() -> Message:
            nonlocal read
            if announced.isdecimal() and int(announced) > most:
                raise HTTPException(413)
            message = await receive()
            read += len(message.get("body", b""))
            if read > most:
                raise HTTPException(413)
            return message

        await self._app(scope, receive_within_limit, send)


class ClientAddress:
    """Puts the visitor's own address in place of a trusted proxy's, from X-Forwarded-For.

    The header is read from its end: each trusted proxy adds whom it spoke to, and what stands before the first
    address that is not trusted is whatever the visitor chose to write.
    """

    def __init__(self, app: ASGIApp, *, trusted: Sequence[str]) -> None:
        self._app = app
        self._trusted = [ipaddress.ip_network(network) for network in trusted]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve as for the visitor's own address."""
        if scope["type"] == "http" and self._trusted and (peer := _address((scope.get("client") or [""])[0])):
            hops = ",".join(Headers(scope=scope).getlist("x-forwarded-for")).split(",")
            scope = {**scope, "client": (str(self._visitor(peer, hops)), 0)}
        await self._app(scope, receive, send)

    def _visitor(self, peer: Address, hops: Sequence[str]) -> Address:
        for hop in reversed(hops):
            if not any(peer in network for network in self._trusted) or (known := _address(hop)) is None:
                break
            peer = known
        return peer


def _address(text: str) -> Address | None:
    """An address as proxies write it: bare, `192.0.2.7:1234` or `[2001:db8::1]:1234`."""
    bare = text.strip()
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
