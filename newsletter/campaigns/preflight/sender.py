"""What the DNS says of the sender's domain: SPF (RFC 7208), DMARC (RFC 7489), and DKIM (RFC 6376) where we sign."""

from collections.abc import Sequence
from datetime import datetime

import dns.asyncresolver
import dns.exception
import dns.resolver

from newsletter import idn
from newsletter.campaigns.preflight.findings import Finding, Rule, error, note, warning
from newsletter.dkim import publication
from newsletter.dkim.keys import Key

_SECONDS = 5.0


async def check(
    sender: str, returns: str, keys: Sequence[Key], now: datetime, *, server: tuple[str, int] | None = None
) -> list[Finding]:
    """Look up the records for mail from `sender`, whose returned mail goes to `returns` (whose domain SPF is about).

    `server` is one name server to ask; without it, those of this machine are.
    """
    try:
        resolver = dns.asyncresolver.Resolver(configure=server is None)
    except dns.resolver.NoResolverConfiguration:
        return [note(Rule.SPF, "this machine names no name server, so the sender's records were not looked up")]
    if server is not None:
        resolver.nameservers, resolver.port = [server[0]], server[1]
    resolver.lifetime = _SECONDS
    domain = _domain(sender)
    return [
        await _spf(resolver, _domain(returns or sender)),
        await _dmarc(resolver, domain),
        *await _dkim(domain, keys, now, server),
    ]


async def _spf(resolver: dns.asyncresolver.Resolver, domain: str) -> Finding:
    records = await _texts(resolver, domain)
    if records is None:
        return _silent(Rule.SPF, domain)
    found = [record for record in records if record.lower().split(" ")[0] == "v=spf1"]
    if not found:
        return warning(Rule.SPF, f"{domain} has no SPF record; your relay's handbook says which TXT record it needs")
    if len(found) > 1:
        return error(Rule.SPF, f"{domain} has {len(found)} SPF records, and so none (RFC 7208, 4.5); merge them")
    if found[0].lower().endswith("+all"):
        return warning(Rule.SPF, f"the SPF record of {domain} lets everyone send: {found[0]}")
    return note(Rule.SPF, f"{domain}: {found[0]}")


async def _dmarc(resolver: dns.asyncresolver.Resolver, domain: str) -> Finding:
    labels = domain.split(".")
    for start in range(max(1, len(labels) - 1)):  # a policy may stand at a domain further up
        name = f"_dmarc.{'.'.join(labels[start:])}"
        records = await _texts(resolver, name)
        if records is None:
            return _silent(Rule.DMARC, name)
        found = [record for record in records if record.replace(" ", "").lower().startswith("v=dmarc1")]
        if found:
            tags = dict(part.strip().lower().partition("=")[::2] for part in found[0].split(";") if "=" in part)
            if tags.get("p") == "none":
                return warning(Rule.DMARC, f"{name} asks for nothing (p=none); p=quarantine once all mail is signed")
            return note(Rule.DMARC, f"{name}: {found[0]}")
    return warning(
        Rule.DMARC, f"{domain} has no DMARC record; large mailboxes refuse mail to many without: _dmarc.{domain}"
    )


async def _dkim(domain: str, keys: Sequence[Key], now: datetime, server: tuple[str, int] | None) -> list[Finding]:
    mine = [key for key in keys if key.domain == domain]
    if not mine:
        return [note(Rule.DKIM, f"no key of ours signs for {domain}; look in a test mail whether your relay's does")]
    found = []
    for seen in await publication.check(mine, now, server=server):
        told = f"{seen.name} ({seen.algorithm}): {seen.verdict}"
        if seen.verdict is publication.Verdict.UNKNOWN:
            found.append(_silent(Rule.DKIM, seen.name))
        else:
            found.append(error(Rule.DKIM, told) if seen.is_fault else note(Rule.DKIM, told))
    return found


async def _texts(resolver: dns.asyncresolver.Resolver, name: str) -> list[str] | None:
    """The TXT records of a name; None where nobody answered."""
    try:
        answer = await resolver.resolve(name, "TXT")
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except (dns.exception.DNSException, OSError):
        return None
    return [b"".join(record.strings).decode(errors="replace") for record in answer]


def _silent(rule: Rule, name: str) -> Finding:
    return note(rule, f"no name server answered about {name}")


def _domain(address: str) -> str:
    return idn.in_ascii(address.rpartition("@")[2])
