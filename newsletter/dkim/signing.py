"""Signatures over finished messages (RFC 6376), relaxed/relaxed.

The bodies we write are in canonical form already (content.quoting), so a body is hashed as it is: 10 µs for 16 KB.
Nearly all of it follows the first word that is a reader's own, so there is nothing to gain by hashing what stands
before once for all. An RSA signature takes 270 µs, Ed25519 35: the `signatory` has others make them.
"""

import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from newsletter.dkim import keys as choosing
from newsletter.dkim.keys import Algorithm, Key
from newsletter.dkim.signatory import Signatory

SIGNED = (
    *("From", "To", "Subject", "Date", "Message-ID", "Reply-To", "MIME-Version", "Content-Type", "Auto-Submitted"),
    *("List-Id", "List-Help", "List-Archive", "List-Unsubscribe", "List-Unsubscribe-Post"),
    *("Feedback-ID", "CFBL-Address", "CFBL-Feedback-ID"),
)
"""The fields that are signed where they stand. Lines for one provider alone are left out: it takes them off."""

_ONCE_MORE = ("From", "To", "Subject")
"""Named a second time, so that nobody can add another one in front (RFC 6376 section 8.15)."""

_WIDTH = 72
_FIELD_ENDS = re.compile(rb"\r\n(?![ \t])")
_ADDRESS = re.compile(rb"@([^@<>\s]+)>?\s*$")
_NAMES = {Algorithm.RSA: "rsa-sha256", Algorithm.ED25519: "ed25519-sha256"}


@dataclass(frozen=True, slots=True)
class Due:
    """A signature that is still to be made: its field up to the value of `b=`, and the hash to sign."""

    place: int
    """Of the key, among those of its signer."""

    field: bytes
    digest: bytes

    def made(self, signature: bytes) -> bytes:
        """The complete header field."""
        return self.field + b"\r\n ".join(_rows(binascii.b2a_base64(signature, newline=False))) + b"\r\n"


class Signer:
    """Signs messages by the keys of their senders' domains; false where there is no key at all. Close it."""

    def __init__(self, keys: Sequence[Key]) -> None:
        self.keys = tuple(keys)
        self._signatory = Signatory(self.keys)
        self._forms = lru_cache(maxsize=64)(self._formed)

    def __bool__(self) -> bool:
        return bool(self.keys)

    def due(self, message: bytes, now: datetime) -> list[Due]:
        """The signatures that a message is to get; none where its From names a domain without keys.

        The message is in wire form, its body canonical.
        """
        end = message.index(_BLANK)
        fields = _relaxed(message[:end])
        domain = _ADDRESS.search(fields.get(b"from", b""))
        if domain is None:
            return []
        names = tuple([name for name in _SIGNED if name in fields])
        forms = self._forms(domain[1], names, now)
        if not forms:
            return []
        signed = hashlib.sha256(b"".join([fields[name] for name in names]))
        body = hashlib.sha256(memoryview(message)[end + len(_BLANK) :])  # a view: to cut it off would copy it
        body_hash = binascii.b2a_base64(body.digest(), newline=False)
        return [form.due(signed.copy(), body_hash) for form in forms]

    def sign(self, message: bytes, now: datetime) -> bytes:
        """The message with its signatures in front."""
        return b"".join([*[due.made(self.keys[due.place].sign(due.digest)) for due in self.due(message, now)], message])

    async def fields(self, messages: Sequence[bytes], now: datetime) -> list[bytes]:
        """The signatures of each message, to stand in front of it, which are made beside the event loop."""
        dues = [self.due(message, now) for message in messages]
        wanted = [(due.place, due.digest) for its in dues for due in its]
        made = iter(await self._signatory.sign(wanted) if wanted else ())
        return [b"".join([due.made(next(made)) for due in its]) for its in dues]

    async def close(self) -> None:
        """End the processes that sign."""
        await self._signatory.close()

    def _formed(self, domain: bytes, names: Sequence[bytes], now: datetime) -> list["_Form"]:
        """What the signatures of all mails from a domain with these fields have in common at a moment."""
        keys = choosing.signing(self.keys, domain.decode("ascii", "replace").lower(), now)
        written = [_SIGNED[name] for name in names]
        return [_Form.of(key, self.keys.index(key), written, now) for key in keys]


_SIGNED = {name.lower().encode(): name for name in SIGNED}


@dataclass(frozen=True, slots=True)
class _Form:
    """A signature's field for many mails: what stands before the hash of each one's body, and what behind it; both
    in canonical form too."""

    place: int
    before: bytes
    behind: bytes
    relaxed_before: bytes
    relaxed_behind: bytes

    @classmethod
    def of(cls, key: Key, place: int, names: Sequence[str], now: datetime) -> "_Form":
        lines = [
            f"v=1; a={_NAMES[key.algorithm]}; c=relaxed/relaxed; t={int(now.timestamp())};",
            f"d={key.domain};",
            f"s={key.selector};",
            f"h={_folded([*names, *_ONCE_MORE])};",
            "bh=",
        ]
        before, behind = _FOLD.join(lines), f";{_FOLD}b="
        relaxed_before, relaxed_behind = before.replace(_FOLD, " "), behind.replace(_FOLD, " ")
        return cls(
            place,
            f"DKIM-Signature: {before}".encode(),
            behind.encode(),
            f"dkim-signature:{relaxed_before}".encode(),
            relaxed_behind.encode(),
        )

    def due(self, signed: "hashlib._Hash", body_hash: bytes) -> Due:
        """The signature of one mail; `signed` has its other fields in it already."""
        signed.update(self.relaxed_before + body_hash + self.relaxed_behind)
        return Due(self.place, self.before + body_hash + self.behind, signed.digest())


_BLANK = b"\r\n\r\n"
_FOLD = "\r\n "


def _relaxed(head: bytes) -> dict[bytes, bytes]:
    """The fields of a header in canonical form (RFC 6376 section 3.4.2), each ended, by their names in lower case.

    What stands above the first that names a reader is the same in mail after mail.
    """
    shared, to, own = head.partition(b"\r\nTo: ")
    return _of_many(shared) | _canonical(to[2:] + own) if to else _canonical(head)


def _canonical(head: bytes) -> dict[bytes, bytes]:
    fields = {}
    for line in _FIELD_ENDS.split(head):
        name, _, value = line.partition(b":")
        lower = name.lower()
        fields[lower] = b"%b:%b\r\n" % (lower, b" ".join(value.split()))
    return fields


_of_many = lru_cache(maxsize=64)(_canonical)


def _folded(names: Sequence[str]) -> str:
    """The names joined by colons, on lines that are not too long."""
    lines = [""]
    for name in names:
        if len(lines[-1]) + len(name) > _WIDTH:
            lines.append("")
        lines[-1] += f"{name}:"
    return "\r\n ".join(lines).rstrip(":")


def _rows(text: bytes) -> list[bytes]:
    return [text[start : start + _WIDTH] for start in range(0, len(text), _WIDTH)]
