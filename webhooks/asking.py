"""Asking a provider's own interface: JSON from the one host that is set, by our key, page after page, within limits.

No redirect is followed and no page is asked for at another host, since each request carries the key. What is too much,
or refused for the moment, is waited for as long as the host says, up to a minute.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

from webhooks import fetching, payload
from webhooks.errors import MalformedReport, NotConfigured, Unavailable
from webhooks.fetching import Reply, Session

MOST_BYTES = 32 * 1024 * 1024
"""Of one answer: Postmark gives a whole list at once."""

MOST_PAGES = 10_000
LONGEST_WAIT = 60
"""Seconds that a host may ask us to wait before we come back another time."""

_SENDABLE = re.compile(r"[!-~](?:[ -~]*[!-~])?")
"""A header's value, as all take it (RFC 9110 section 5.5)."""

_TRIES = 3
_FIRST_WAIT = 0.5

Sign = Callable[[str, str, bytes, datetime], Mapping[str, str]]
"""The headers that let us in: of a method, a URL and a body, at a moment."""


@dataclass(frozen=True, slots=True)
class Access:
    """Where an interface is, how we are let in, and which setting to look at when we are not.

    `refusal` stands in the answers of a host that says so by words, and not by 401 or 403.
    """

    base: str
    setting: str
    sign: Sign
    refusal: bytes = b""

    def is_refused(self, reply: Reply) -> bool:
        """Whether our key is not taken."""
        by_words = bool(self.refusal) and reply.status >= 400 and self.refusal in reply.body
        return by_words or reply.status in (401, 403)


def bearer(key: str) -> Sign:
    """The same header for each request."""
    return always({"Authorization": f"Bearer {key}"})


def always(headers: Mapping[str, str]) -> Sign:
    """The same headers for each request."""
    return lambda _method, _url, _body, _now: headers


@dataclass(frozen=True, slots=True)
class Api:
    """An interface that is open: what it answers is JSON, read whole."""

    access: Access
    session: Session
    clock: Callable[[], datetime]
    most_pages: int = MOST_PAGES

    @property
    def host(self) -> str:
        """Whom we ask, for people to read."""
        return urlsplit(self.access.base).hostname or ""

    async def get(self, target: str) -> Any:
        """The JSON at a path or a URL of this host. Raises NotConfigured or Unavailable."""
        found = await self._ask("GET", target, None)
        if found is None:
            raise Unavailable(f"{self.host} answered 404")
        return _read(found, self.host)

    async def delete(self, target: str, document: Any = None) -> bytes | None:
        """What is answered when something is deleted, or None where it was not there. Raises as `get`."""
        return await self._ask("DELETE", target, document)

    async def post(self, target: str, document: Any) -> Any:
        """The JSON that is answered. Raises as `get`."""
        found = await self._ask("POST", target, document)
        if found is None:
            raise Unavailable(f"{self.host} answered 404")
        return _read(found, self.host)

    async def pages(self, first: str, following: Callable[[Any, int], str | None]) -> AsyncIterator[Any]:
        """Every page from the first on; `following` says of one, and of how many there were, where the next is.

        Raises Unavailable for pages that come again, or never end.
        """
        seen: set[str] = set()
        target: str | None = first
        while target is not None:
            if target in seen:
                raise Unavailable(f"{self.host} gives the same page again and again")
            if len(seen) >= self.most_pages:
                raise Unavailable(f"{self.host} gives more than {self.most_pages:,} pages")
            seen.add(target)
            document = await self.get(target)
            yield document
            target = following(document, len(seen))

    async def _ask(self, method: str, target: str, document: Any) -> bytes | None:
        url = self._here(target)
        body = b"" if document is None else json.dumps(document).encode()
        for attempt in range(1, _TRIES + 1):
            reply = await self._once(method, url, body)
            status, wait = reply.status, reply.retry_after
            if self.access.is_refused(reply):
                raise NotConfigured(f"{self.host} does not take the key ({status}): look at {self.access.setting}")
            if status == 429 or status >= 500:
                seconds = _FIRST_WAIT * attempt if wait is None else wait
                if attempt == _TRIES or seconds > LONGEST_WAIT:
                    later = f", and wants to be left alone for {wait:,} seconds" if wait else ""
                    raise Unavailable(f"{self.host} answered {status}{later}; try again later")
                await asyncio.sleep(seconds)
                continue
            break
        if status == 404:
            return None
        if 300 <= status < 400:
            raise Unavailable(f"{self.host} answered {status}, as if its interface were elsewhere")
        if not 200 <= status < 300:
            raise Unavailable(f"{self.host} answered {status} {fetching.words(reply.body)}".rstrip())
        return reply.body

    def _here(self, target: str) -> str:
        """The URL of a target, which may name no other host: our key would go there too."""
        try:
            url = urljoin(self.access.base, target)
            base, found = urlsplit(self.access.base), urlsplit(url)
        except ValueError as error:
            raise Unavailable(f"{self.host} names a page that is no URL") from error
        if (found.scheme, found.netloc.lower()) != (base.scheme, base.netloc.lower()):
            raise Unavailable(f"{self.host} names a page at another host, {found.hostname}: it is not asked for")
        return url

    async def _once(self, method: str, url: str, body: bytes) -> Reply:
        headers = {"Accept": "application/json", "User-Agent": "newsletter"}
        if body:
            headers["Content-Type"] = "application/json"
        signed = self.access.sign(method, url, body, self.clock())
        if not all(map(_SENDABLE.fullmatch, signed.values())):  # what refuses to send it would say the key
            raise NotConfigured(
                f"{self.access.setting}: no key has a space at its end, a line's end, or other than ASCII"
            )
        headers |= signed
        return await self.session.send(method, url, headers, body, most=MOST_BYTES)


@asynccontextmanager
async def opened(access: Access, clock: Callable[[], datetime], *, most_pages: int = MOST_PAGES) -> AsyncIterator[Api]:
    """An interface, for as long as the block lasts."""
    async with fetching.session() as session:
        yield Api(access, session, clock, most_pages)


def _read(answer: bytes, host: str) -> Any:
    try:
        return payload.load(answer)
    except MalformedReport as error:
        raise Unavailable(f"{host} answered what is no JSON") from error
