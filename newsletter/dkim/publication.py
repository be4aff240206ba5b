"""What the DNS says of our keys now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import dns.asyncresolver
import dns.exception
import dns.resolver

from newsletter.dkim import keys as choosing
from newsletter.dkim.keys import DkimError, Key

_SECONDS = 10.0


class Verdict(StrEnum):
    """How a key and its record agree."""

    GOOD = "good"
    MISSING = "there is no such record"
    OTHER = "the record has another key"
    REVOKED = "the record is empty, which revokes the key"
    UNKNOWN = "the name server did not answer"


@dataclass(frozen=True, slots=True)
class Finding:
    """A key, whether mail is signed by it now, and what its record turned out to be."""

    name: str
    algorithm: str
    signs: bool
    verdict: Verdict

    @property
    def is_fault(self) -> bool:
        """Whether mail that is sent now fails at its receivers."""
        return self.signs and self.verdict is not Verdict.GOOD


async def check(keys: Sequence[Key], now: datetime, *, server: tuple[str, int] | None = None) -> list[Finding]:
    """Look up the record of every key, at one name server if one is named. Raises DkimError where none is known."""
    try:
        resolver = dns.asyncresolver.Resolver(configure=server is None)
    except dns.resolver.NoResolverConfiguration as error:
        raise DkimError("this machine names no name server; name one with --server") from error
    if server is not None:
        resolver.nameservers, resolver.port = [server[0]], server[1]
    resolver.lifetime = _SECONDS
    found = []
    for key in keys:
        signs = key in choosing.signing(keys, key.domain, now)
        found.append(Finding(key.name, key.algorithm, signs, await _verdict(resolver, key)))
    return found


async def _verdict(resolver: dns.asyncresolver.Resolver, key: Key) -> Verdict:
    try:
        answer = await resolver.resolve(f"{key.name}.", "TXT")
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return Verdict.MISSING
    except (dns.exception.DNSException, OSError):
        return Verdict.UNKNOWN
    records = [_tags(b"".join(record.strings).decode("utf-8", "replace")) for record in answer]
    ours = _tags(key.record)
    if any(record.get("p") == ours["p"] and record.get("k", "rsa") == ours["k"] for record in records):
        return Verdict.GOOD
    return Verdict.REVOKED if any(record.get("p") == "" for record in records) else Verdict.OTHER


def _tags(record: str) -> dict[str, str]:
    """The tags of a record; white space in them means nothing (RFC 6376 section 3.2)."""
    tags = (part.partition("=") for part in record.split(";"))
    return {name.strip(): "".join(value.split()) for name, _, value in tags}
