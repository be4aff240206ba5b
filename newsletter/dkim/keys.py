"""Keys: made, kept in files, and as the TXT record that receivers look up."""

import base64
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from newsletter.errors import NewsletterError
from newsletter.settings import Dkim

PrivateKey: TypeAlias = RSAPrivateKey | Ed25519PrivateKey

_LEAST_BITS = 2048  # RFC 8301 section 3.2 says SHOULD; nothing weaker is worth publishing today
_LONGEST_STRING = 255  # of one character-string of a TXT record, RFC 1035 section 3.3


class DkimError(NewsletterError):
    """A key cannot be made, read or used."""


class Algorithm(StrEnum):
    """What a key is; the name is that of its DNS record (k=)."""

    RSA = "rsa"
    ED25519 = "ed25519"


@dataclass(frozen=True, slots=True, eq=False)  # each table of the settings is a key of its own
class Key:
    """A private key, the domain and the selector under which its other half is published, and since when it signs."""

    domain: str
    selector: str
    signs_from: datetime | None
    private: PrivateKey = field(repr=False)

    @property
    def algorithm(self) -> Algorithm:
        return Algorithm.RSA if isinstance(self.private, RSAPrivateKey) else Algorithm.ED25519

    @property
    def name(self) -> str:
        """Where the record stands in the DNS."""
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def record(self) -> str:
        """What the record says (RFC 6376 section 3.6.1; RFC 8463 section 4: an Ed25519 key is its bare 32 bytes)."""
        public = self.private.public_key()
        if self.algorithm is Algorithm.RSA:
            raw = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        else:
            raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return f"v=DKIM1; k={self.algorithm}; p={base64.b64encode(raw).decode()}"

    def is_in_force(self, now: datetime) -> bool:
        """Whether its time has come."""
        return self.signs_from is None or self.signs_from <= now


def make(algorithm: Algorithm, file: Path) -> None:
    """Write a fresh private key into a file that only we may read. Raises DkimError, also where something stands."""
    private: PrivateKey
    private = generate_private_key(65537, _LEAST_BITS) if algorithm is Algorithm.RSA else Ed25519PrivateKey.generate()
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:  # a FileExistsError, where it is no folder
        raise DkimError(f"{file.parent}: there can be no folder for the key: {error.strerror}") from error
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise DkimError(f"{file}: {_taken(file)}") from error
    except OSError as error:
        raise DkimError(f"{file}: the key cannot be written: {error.strerror}") from error
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(pem)


def _taken(file: Path) -> str:
    """What stands where a key was to be written, and what to do instead."""
    if file.is_dir():
        return "this is a folder; name a file in it"
    try:
        is_key = b" PRIVATE KEY-----" in file.read_bytes()
    except OSError:
        is_key = False
    what = "there is a key already" if is_key else "there is a file already, which is no key"
    return f"{what}; choose another selector, or another file"


def load(configured: Dkim) -> Key:
    """The key of a table in the settings. Raises DkimError, which names its file."""
    file = configured.key_file
    try:
        private = serialization.load_pem_private_key(file.read_bytes(), password=None)
    except OSError as error:
        raise DkimError(f"{file}: {error.strerror or error}; `newsletter dkim make` makes a key") from error
    except (ValueError, TypeError) as error:  # a TypeError: it is encrypted
        raise DkimError(f"{file}: there is no private key in PEM form without a password in it") from error
    if isinstance(private, RSAPrivateKey) and private.key_size < _LEAST_BITS:
        raise DkimError(f"{file}: an RSA key of {private.key_size} bits is too weak; make one of {_LEAST_BITS}")
    if not isinstance(private, RSAPrivateKey | Ed25519PrivateKey):
        raise DkimError(f"{file}: DKIM signs with RSA and Ed25519, and this key is neither")
    return Key(configured.domain, configured.selector, configured.signs_from, private)


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
