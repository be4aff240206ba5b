"""Which addresses we do not ask to confirm: nobody's own, on a list of staff's, or at a domain that takes no mail."""

import asyncio
from datetime import datetime, timedelta

import dns.asyncresolver
import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver

from newsletter import nameserver
from newsletter.catalogues import Voice
from newsletter.setting_tables import Joining
from subscribers.addresses import Address

_SECONDS = 2.0
_KEPT_FOR = timedelta(minutes=10)
_REST = timedelta(seconds=30)
_MOST_KEPT = 10_000

_FOR_EXAMPLES = frozenset({"example.com", "example.net", "example.org", "example", "test"})
"""Reserved for documentation and tests (RFC 2606): nobody is there to ask."""


class MailDomains:
    """Asks the DNS whether a domain takes mail, and remembers the answer for a while.

    No answer in time counts as yes, and for half a minute nothing more is asked: nobody is turned away, or made to
    wait, because the DNS is down.
    """

    def __init__(self, name_server: str = "") -> None:
        self._name_server = name_server
        self._known: dict[str, tuple[datetime, bool]] = {}
        self._rests_until: datetime | None = None

    async def takes_mail(self, domain: str, now: datetime) -> bool:
        """False only where the DNS says so."""
        if _is_in(domain, _FOR_EXAMPLES):
            return True
        until, verdict = self._known.get(domain, (now, True))
        if now < until:
            return verdict
        if self._rests_until is not None and now < self._rests_until:
            return True
        try:
            async with asyncio.timeout(_SECONDS):
                verdict = await _takes_mail(nameserver.resolver(self._name_server), domain)
        except (dns.exception.DNSException, OSError):  # TimeoutError is an OSError
            self._rests_until = now + _REST
            return True
        if len(self._known) >= _MOST_KEPT:
            self._known.clear()
        self._known[domain] = now + _KEPT_FOR, verdict
        return verdict


async def _takes_mail(resolver: dns.asyncresolver.Resolver, domain: str) -> bool:
    """By its MX; "." is none (RFC 7505). Without any, by an address of its own (RFC 5321, section 5.1).

    Raises NXDOMAIN where nobody vouches for that: a name server that knows that the domain is not there names the zone
    that says so (RFC 2308, section 2.1). One that knows none, as on a machine cut off, says the same of all.
    """
    try:
        answer = await resolver.resolve(f"{domain}.", "MX")
        return any(record.exchange != dns.name.root for record in answer)
    except dns.resolver.NXDOMAIN as error:
        if not _is_vouched_for(error):
            raise
        return False
    except dns.resolver.NoAnswer:
        pass
    for kind in ("A", "AAAA"):
        try:
            await resolver.resolve(f"{domain}.", kind)
        except (dns.resolver.NoAnswer, dns.resolver.NXDOMAIN):
            continue
        return True
    return False


def _is_vouched_for(error: dns.resolver.NXDOMAIN) -> bool:
    answers = error.responses().values()  # type: ignore[no-untyped-call] # dnspython types all but these
    return any(found.rdtype == dns.rdatatype.SOA for answer in answers for found in answer.authority)


async def refusal(domains: MailDomains, address: Address, joining: Joining, voice: Voice, now: datetime) -> str:
    """What to tell somebody whose address we do not take; empty where we do."""
    local, _, domain = address.normal.rpartition("@")
    if local.partition("+")[0] in joining.role_accounts:
        return voice.gettext("This address is not one person's own. Please give yours.")
    if _is_in(domain, joining.refused_domains):
        return voice.gettext("Addresses at %(domain)s are not taken here. Please give another.", domain=domain)
    if joining.check_domains and not await domains.takes_mail(domain, now):
        return voice.gettext("No mail can be sent to %(domain)s. Is there a slip in it?", domain=domain)
    return ""


def _is_in(domain: str, listed: tuple[str, ...] | frozenset[str]) -> bool:
    """Whether a domain, or one above it, is listed."""
    labels = domain.split(".")
    return any(".".join(labels[start:]) in listed for start in range(len(labels)))
