"""Keys, by what signs and what receivers look up, and which of them sign a mail. What reads them is `files`."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from newsletter.errors import NewsletterError

_LONGEST_STRING = 255  # of one character-string of a TXT record, RFC 1035 section 3.3


class DkimError(NewsletterError):
    """A key cannot be made, read or used."""


class Algorithm(StrEnum):
    """What a key is; the name is that of its DNS record (k=)."""

    RSA = "rsa"
    ED25519 = "ed25519"


@dataclass(frozen=True, slots=True, eq=False)  # each table of the settings is a key of its own
class Key:
    """A key, the domain and the selector under which its public half is published, and since when it signs."""

    domain: str
    selector: str
    signs_from: datetime | None
    algorithm: Algorithm
    public: str
    """As its record has it, in base64."""
    sign: Callable[[bytes], bytes] = field(repr=False)
    """The signature over a SHA-256 hash. Takes its time, without Python's lock."""

    private: bytes = field(repr=False)
    """The private half, for a process of ours that signs: PKCS #8 in DER."""

    @property
    def name(self) -> str:
        """Where the record stands in the DNS."""
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def record(self) -> str:
        """What the record says (RFC 6376 section 3.6.1)."""
        return f"v=DKIM1; k={self.algorithm}; p={self.public}"

    def is_in_force(self, now: datetime) -> bool:
        """Whether its time has come."""
        return self.signs_from is None or self.signs_from <= now


def signing(keys: Sequence[Key], domain: str, now: datetime) -> list[Key]:
    """The keys that sign mail from a domain now: of each algorithm the one that began last, or stands first.

    A domain without keys is signed for by the nearest domain above it that has some: DMARC takes either (RFC 7489
    section 3.1.1).
    """
    labels = domain.split(".")
    for above in range(len(labels) - 1):
        own = [key for key in keys if key.domain == ".".join(labels[above:]) and key.is_in_force(now)]
        if own:
            return [_latest([key for key in own if key.algorithm is algorithm]) for algorithm in _algorithms(own)]
    return []


def _algorithms(keys: Sequence[Key]) -> list[Algorithm]:
    return [algorithm for algorithm in Algorithm if any(key.algorithm is algorithm for key in keys)]


def _latest(keys: Sequence[Key]) -> Key:
    return max(keys, key=lambda key: key.signs_from or _LONG_AGO)  # of equals the first


_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def zone_line(key: Key) -> str:
    """The record as a zone file has it, in strings that are not too long."""
    parts = re.findall(f".{{1,{_LONGEST_STRING}}}", key.record)
    strings = "\n".join(f'    "{part}"' for part in parts)
    return f"{key.name}. IN TXT (\n{strings} )"
