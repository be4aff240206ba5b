"""Whether what a mail links to is there, asked for real, with a time limit."""

import asyncio
import socket
from collections.abc import Iterable

import httpx2

from newsletter.campaigns.preflight.findings import Finding, Rule, error, note, warning

PATIENCE = 8.0
"""How many seconds an address is given."""

_AT_ONCE = 8
_GONE = frozenset({404, 410})
_PRIVATE = frozenset({401, 403, 405, 429})
"""Answers of what is there, though not for a program."""


async def check(addresses: Iterable[str], *, patience: float = PATIENCE, ends_at: float | None = None) -> list[Finding]:
    """Ask for each address, several at once; a finding for each that does not answer, or says that it is not there.

    What may be otherwise in an hour is a warning: an error is only what nobody will find. At `ends_at`, by the loop's
    clock, the answers that have come are enough; how many have not is a warning, too.
    """
    gate = asyncio.Semaphore(_AT_ONCE)
    within = None if ends_at is None else max(0.0, ends_at - asyncio.get_running_loop().time())
    async with httpx2.AsyncClient(
        timeout=patience, follow_redirects=True, max_redirects=5, headers={"User-Agent": "newsletter-preflight"}
    ) as client:
        asked = [asyncio.create_task(_ask(client, gate, address, patience)) for address in sorted(set(addresses))]
        try:
            late = (await asyncio.wait(asked, timeout=within))[1] if asked else set()
        finally:
            for task in asked:
                task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
    found = [finding for task in asked if task not in late and (finding := task.result()) is not None]
    if late:
        told = f"there was no time to ask for {len(late)} of {len(asked)} links"
        found.append(warning(Rule.LINK_UNREACHABLE, told))
    return found


async def _ask(client: httpx2.AsyncClient, gate: asyncio.Semaphore, address: str, patience: float) -> Finding | None:
    try:
        async with gate, asyncio.timeout(patience):
            response = await client.head(address)
            if response.status_code >= 400:  # many a server answers HEAD with an error of its own
                async with client.stream("GET", address) as response:
                    pass
    except TimeoutError:
        return warning(Rule.LINK_UNREACHABLE, f"{_short(address)} did not answer within {patience:g} seconds")
    except (httpx2.HTTPError, httpx2.InvalidURL) as failure:
        return await _failed(address, failure)
    if response.status_code in _PRIVATE or response.status_code < 400:
        return None
    told = f"{_short(address)} answers {response.status_code}"
    return (error if response.status_code in _GONE else warning)(Rule.LINK_UNREACHABLE, told)


async def _failed(address: str, failure: Exception) -> Finding:
    try:
        host = httpx2.URL(address).host
        await asyncio.get_running_loop().getaddrinfo(host, None)
    except socket.gaierror as unknown:
        if unknown.errno in (socket.EAI_AGAIN, socket.EAI_FAIL):
            return note(Rule.LINK_UNREACHABLE, f"no name server answered about {host}")
        return error(Rule.LINK_UNREACHABLE, f"{_short(address)}: there is no host {host}")
    except (httpx2.InvalidURL, UnicodeError):
        return error(Rule.LINK_UNREACHABLE, f"{_short(address)} is no address")
    why = " ".join(str(failure).split()) or type(failure).__name__
    return warning(Rule.LINK_UNREACHABLE, f"{_short(address)} cannot be reached: {why}")


def _short(address: str) -> str:
    return address if len(address) <= 90 else f"{address[:87]}…"
