"""The one place from which HTTP is spoken to others: what a protocol makes us fetch, what we tell, and asking APIs.

None follows a redirect, asks a proxy, or waits for long.
"""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit

import httpx2

from webhooks import destinations
from webhooks.destinations import Destination
from webhooks.errors import Unavailable

MOST_BYTES = 64 * 1024
TIMEOUT = 5.0
"""Seconds for each step of a fetch."""

ANSWER_WITHIN = 15.0
"""Seconds that whoever is told something may take in all."""

API_TIMEOUT = 30.0
"""Seconds for each step of asking an API."""

_KEPT_OF_ANSWER = 200
_SECONDS = re.compile(r"[0-9]{1,9}")


def get(url: str, *, transport: httpx2.BaseTransport | None = None) -> bytes:
    """The body at this URL, which the caller has checked. Follows no redirect. Raises Unavailable."""
    try:
        with (
            httpx2.Client(timeout=TIMEOUT, follow_redirects=False, trust_env=False, transport=transport) as client,
            client.stream("GET", url) as response,
        ):
            if response.status_code != 200:
                raise Unavailable(f"{response.url.host} answered {response.status_code}")
            body = b""
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > MOST_BYTES:
                    raise Unavailable(f"{response.url.host} answered with more than {MOST_BYTES} bytes")
            return body
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise Unavailable(f"a signature's certificate could not be fetched: {type(error).__name__}") from error


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered to a message: the status, the beginning of the text, and Retry-After in seconds, if given."""

    status: int
    text: str
    retry_after: int | None

    def __str__(self) -> str:
        return f"{self.status} {self.text}".strip()


async def post(url: str, headers: Mapping[str, str], body: bytes, *, allow_private: bool) -> Answer:
    """Post a message to a URL that is fit for it (see webhooks.destinations), and answer what was said.

    Raises NoDestination or Unavailable.
    """
    try:
        async with asyncio.timeout(ANSWER_WITHIN):
            return await _post(await destinations.resolve(url, allow_private=allow_private), headers, body)
    except TimeoutError as error:
        raise Unavailable(f"{urlsplit(url).hostname} did not answer within {ANSWER_WITHIN:.0f} seconds") from error
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise _unavailable(urlsplit(url).hostname, error) from error


async def _post(to: Destination, headers: Mapping[str, str], body: bytes) -> Answer:
    address = httpx2.URL(to.url).copy_with(host=to.address)
    default = {"https": 443, "http": 80}[address.scheme]
    shown = f"[{to.host}]" if ":" in to.host else to.host
    named = {"Host": shown if to.port == default else f"{shown}:{to.port}", "User-Agent": "newsletter"}
    async with (
        # without a timeout of its own, which is of 5 seconds: `post` waits
        httpx2.AsyncClient(verify=_context(), timeout=None, follow_redirects=False, trust_env=False) as client,
        client.stream(
            "POST", address, headers=named | dict(headers), content=body, extensions={"sni_hostname": to.host}
        ) as response,
    ):
        start = b""
        async for chunk in response.aiter_raw():
            start += chunk
            if len(start) >= _KEPT_OF_ANSWER:
                break
        return Answer(response.status_code, words(start), _retry_after(response))


@dataclass(frozen=True, slots=True)
class Reply:
    """What an API answered: the status, the whole body, and Retry-After in seconds, if given."""

    status: int
    body: bytes
    retry_after: int | None


@dataclass(frozen=True, slots=True)
class Session:
    """Connections to an API, kept for many requests."""

    client: httpx2.AsyncClient

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes, *, most: int) -> Reply:
        """What is answered to a request. Raises Unavailable, also for an answer of more than `most` bytes."""
        host = urlsplit(url).hostname
        try:
            async with self.client.stream(method, url, headers=dict(headers), content=body or None) as response:
                answer = bytearray()
                async for chunk in response.aiter_bytes():
                    answer += chunk
                    if len(answer) > most:
                        raise Unavailable(f"{host} answered with more than {most:,} bytes")
                return Reply(response.status_code, bytes(answer), _retry_after(response))
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise _unavailable(host, error) from error


@asynccontextmanager
async def session() -> AsyncIterator[Session]:
    """A session, for as long as the block lasts."""
    async with httpx2.AsyncClient(
        verify=_context(), timeout=API_TIMEOUT, follow_redirects=False, trust_env=False
    ) as client:
        yield Session(client)


def words(answer: bytes) -> str:
    """The beginning of an answer as people, terminals and databases can bear it."""
    text = answer[:_KEPT_OF_ANSWER].decode("ascii", "replace")
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _retry_after(response: httpx2.Response) -> int | None:
    """Seconds (RFC 9110 section 10.2.3), where the header says a number of them."""
    said = response.headers.get("Retry-After", "")
    return int(said) if _SECONDS.fullmatch(said) else None


def _unavailable(host: str | None, error: Exception) -> Unavailable:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return Unavailable(f"{host}: {reason}")


@cache
def _context() -> ssl.SSLContext:
    """One for all messages: reading the machine's certificates takes 20 ms."""
    return ssl.create_default_context()
