"""Who takes the mail of a domain whose name tells no family: Google, Microsoft and others take many companies' mail.

The DNS says so (MX). It is asked beside all else, one domain after the other, and only for those that many mails go to:
nobody waits for it. Until it has answered, or while it is down, a domain stands alone.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from newsletter import families
from newsletter.settings import Settings

log = structlog.get_logger(__name__)

_ENOUGH = 5
"""Fewer mails to a domain are no burden to whoever takes them."""

_SECONDS = 2.0
_KEPT_FOR = timedelta(hours=6)
_REST = timedelta(minutes=1)
_MOST_KEPT = 10_000


class Operators:
    """What is known of domains, in this process; asks only where a [[pace]] is that of a family."""

    def __init__(self, settings: Settings, clock: Callable[[], datetime]) -> None:
        self._asks = settings.delivery.pace_by_mx and any(one.to in families.NAMES for one in settings.pace)
        self._name_server = settings.joining.name_server
        self._clock = clock
        self._known: dict[str, tuple[datetime, str]] = {}
        self._mails: Counter[str] = Counter()
        self._waiting: set[str] = set()
        self._asking: asyncio.Task[None] | None = None
        self._rests_until: datetime | None = None

    def family(self, domain: str, mails: int) -> str:
        """The family of a domain in lower case, or itself, as far as is known now; so many mails go there."""
        named = families.of(domain)
        if named != domain or not self._asks:
            return named
        until, found = self._known.get(domain, (None, domain))
        if until is None or until < self._clock():
            self._wonder(domain, mails)
        return found

    async def settled(self) -> None:
        """Wait until nothing is being asked."""
        if self._asking is not None:
            await self._asking

    def _wonder(self, domain: str, mails: int) -> None:
        if len(self._mails) >= _MOST_KEPT:
            self._mails.clear()
        self._mails[domain] += mails
        if self._mails[domain] < _ENOUGH or (self._rests_until is not None and self._clock() < self._rests_until):
            return
        self._waiting.add(domain)
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())

    async def _ask(self) -> None:
        while self._waiting:
            domain = self._waiting.pop()
            try:
                async with asyncio.timeout(_SECONDS):
                    family = await self._look_up(domain)
            except OSError as error:  # TimeoutError is one
                log.warning("no answer from the DNS", reason=" ".join(str(error).split()) or type(error).__name__)
                self._rests_until = self._clock() + _REST
                self._waiting.clear()
                return
            if len(self._known) >= _MOST_KEPT:
                self._known.clear()
            self._known[domain] = self._clock() + _KEPT_FOR, family
            del self._mails[domain]

    async def _look_up(self, domain: str) -> str:
        """The family of whoever is to be tried first (RFC 5321, section 5.1); the domain itself where none is known."""
        from newsletter import nameserver  # for those alone who have the DNS asked

        host = await nameserver.mail_exchanger(domain, self._name_server)
        return (None if host is None else families.by_host(host)) or domain
