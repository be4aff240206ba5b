"""Signed links: a token opens one door, for one person, and every key that ever signed may still be honoured."""

import base64
import binascii
import hashlib
import hmac
import re
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Literal, NamedTuple

from itsdangerous import Signer
from itsdangerous.signer import HMACAlgorithm, SigningAlgorithm

from subscribers.errors import SubscribersError
from subscribers.keyed import Keyed


class Purpose(StrEnum):
    """What a link may do; the purpose is the signature's salt, so that no token opens another door.

    UNSUBSCRIBE stands in a mail's header, where every server on its way reads it, and at its foot; it can only leave,
    or less. PREFERENCES stands at the foot and changes what comes; mails are forwarded, so it shows no more than the
    mail did.
    What shows or moves all there is of a person is ACCOUNT: short-lived, and only ever made for a mail that was asked
    for. CALENDAR is for programs that ask again and again: it reads somebody's events, no more. RSVP says whether they
    come to one event, and carries that event's number where others carry a campaign's. MAIL is made no more: it stood
    for both of the first two, and does so still in mails that are out.
    """

    MAIL = "mail"
    CONFIRM = "confirm"
    PREFERENCES = "preferences"
    UNSUBSCRIBE = "unsubscribe"
    ACCOUNT = "account"
    MOVE = "move"
    REFUSE = "refuse"
    CALENDAR = "calendar"
    RSVP = "rsvp"


ACCOUNT_WITHIN = timedelta(hours=2)
"""For how long a link to a person's data works; the mail that brings it says so."""


NOBODY = 0
"""The number of the reader who does not exist: test mails and previews are to them."""


class LinkInvalid(SubscribersError):
    """A link was cut off, altered, made for another purpose, or not made by us."""


class LinkExpired(SubscribersError):
    """A link was ours and is too old: `subscriber_id` is whose it was, `expired_at` since when."""

    def __init__(self, subscriber_id: int, expired_at: datetime) -> None:
        super().__init__(f"this link expired on {expired_at:%Y-%m-%d at %H:%M} UTC")
        self.subscriber_id = subscriber_id
        self.expired_at = expired_at


@dataclass(frozen=True, slots=True)
class Opened:
    """What a link said: whose it is, the campaign whose mail carried it (0 for none), and when it was made."""

    subscriber_id: int
    campaign_id: int
    issued_at: datetime

    @property
    def event_id(self) -> int:
        """The event that an RSVP link asks about."""
        return self.campaign_id


class DeliveryRef(NamedTuple):
    """One mail we sent. `number` is the subscriber's id for a campaign, else transactional.id (campaign_id 0).

    A tuple, since one is made for every mail.
    """

    kind: Literal["campaign", "transactional"]
    campaign_id: int
    number: int


_OPENED_BY = {
    Purpose.PREFERENCES: (Purpose.PREFERENCES, Purpose.MAIL),
    Purpose.UNSUBSCRIBE: (Purpose.UNSUBSCRIBE, Purpose.MAIL),
}
"""Doors that more than their own token opens."""


class _Shortened(HMACAlgorithm):
    """HMAC-SHA256 of which 128 bits are kept, against which there is no guessing either."""

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        return super().get_signature(key, value)[:_MAC]


_MAC = 16
_LINK = struct.Struct(">QII")  # subscriber, campaign, seconds since 1970
_DIGITS_OF_16 = 22  # base64 digits of 16 bytes, without the "==" behind them: payload and signature alike
_LINK_TOKEN = re.compile(r"[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{22}")

# As links were until 0.1.0. They stand in old mails, some of them for good.
_OLD_LINK = struct.Struct(">QIQ")
_OLD_LINK_TOKEN = re.compile(r"[A-Za-z0-9_-]{27}\.[A-Za-z0-9_-]{43}")

_REFUSAL = re.compile(r"(?P<hash>[0-9a-f]{32})\.[A-Za-z0-9_-]{22}")

_DELIVERY = struct.Struct(">IQ")  # campaign (0: transactional), number
_DELIVERY_MAC = 13  # bytes: 104 bits, and with the 12 before them 40 base32 digits without padding
_DELIVERY_TOKEN = re.compile(r"[a-z2-7]{40}")


class Links:
    """Makes and opens tokens with `keys`, newest first: the first signs, every one is honoured."""

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise ValueError("at least one key is needed")
        oldest_first = list(reversed(keys))  # as itsdangerous has it
        self._signers = {purpose: _signer(oldest_first, purpose, _Shortened(hashlib.sha256)) for purpose in Purpose}
        self._old_signers = {
            purpose: _signer(oldest_first, purpose, HMACAlgorithm(hashlib.sha256)) for purpose in Purpose
        }
        # What Signer does, but for the keys, which it derives anew each time: three quarters of its cost.
        self._keyed = {
            purpose: [Keyed(signer.derive_key(key)) for key in reversed(signer.secret_keys)]
            for purpose, signer in self._signers.items()
        }
        self._delivery = [Keyed(hmac.digest(key.encode(), b"delivery", "sha256")) for key in keys]

    def token(self, purpose: Purpose, subscriber_id: int, campaign_id: int = 0, *, issued_at: datetime) -> str:
        """A token of 45 characters, fit for a URL's path; `issued_at` is kept to the second."""
        return self.tokens((purpose,), subscriber_id, campaign_id, issued_at=issued_at)[0]

    def tokens(
        self, purposes: Iterable[Purpose], subscriber_id: int, campaign_id: int = 0, *, issued_at: datetime
    ) -> list[str]:
        """A token for each purpose, that differ in their signatures alone."""
        payload = _base64(_LINK.pack(subscriber_id, campaign_id, int(issued_at.timestamp())))
        head = payload + b"."
        return [(head + _base64(self._keyed[one][0].sign(payload)[:_MAC])).decode("ascii") for one in purposes]

    def open(self, purpose: Purpose, token: str, *, now: datetime, within: timedelta | None = None) -> Opened:
        """What a token says. Raises LinkInvalid, or LinkExpired if it is older than `within`."""
        # The form is checked first: base64 readers skip what they do not know, and a token has one spelling only.
        if _LINK_TOKEN.fullmatch(token):
            is_ours, packing = self._is_ours, _LINK
        elif _OLD_LINK_TOKEN.fullmatch(token):
            is_ours, packing = self._is_old, _OLD_LINK
        else:
            raise LinkInvalid(_NOT_OURS)
        if not any(is_ours(accepted, token) for accepted in _OPENED_BY.get(purpose, (purpose,))):
            raise LinkInvalid(_NOT_OURS)
        subscriber_id, campaign_id, seconds = packing.unpack(_unpadded(token.partition(".")[0]))
        issued_at = datetime.fromtimestamp(seconds, UTC)
        if within is not None and now > issued_at + within:
            raise LinkExpired(subscriber_id, issued_at + within)
        return Opened(subscriber_id, campaign_id, issued_at)

    def _is_ours(self, purpose: Purpose, token: str) -> bool:
        payload, _, signature = token.encode("ascii").partition(b".")
        return any(
            hmac.compare_digest(_base64(keyed.sign(payload)[:_MAC]), signature) for keyed in self._keyed[purpose]
        )

    def _is_old(self, purpose: Purpose, token: str) -> bool:
        return _is_canonical(token.rpartition(".")[2]) and self._old_signers[purpose].validate(token)

    def refusal(self, address_hash: str) -> str:
        """A token to have an address never written to again. It carries the keyed hash and never expires, so that it is
        honoured when nobody with that address is here any more."""
        return self._signers[Purpose.REFUSE].sign(address_hash).decode("ascii")

    def open_refusal(self, token: str) -> str:
        """The hash of the address that is never to be written to again. Raises LinkInvalid."""
        found = _REFUSAL.fullmatch(token)
        if found is None or not self._signers[Purpose.REFUSE].validate(token):
            raise LinkInvalid("this link is not complete, or not one of ours")
        return found["hash"]

    def delivery_token(self, ref: DeliveryRef) -> str:
        """The name of one mail, for its envelope sender, Message-ID and CFBL-Feedback-ID: 40 lower-case letters."""
        packed = _DELIVERY.pack(ref.campaign_id, ref.number)
        return _base32(packed + self._delivery[0].sign(packed)[:_DELIVERY_MAC])

    def read_delivery_token(self, token: str) -> DeliveryRef | None:
        """The mail a token names, or None if we did not make it. Upper case is accepted: mail servers rewrite."""
        token = token.lower()
        if _DELIVERY_TOKEN.fullmatch(token) is None:
            return None
        raw = base64.b32decode(token.upper())
        packed, mac = raw[: _DELIVERY.size], raw[_DELIVERY.size :]
        for keyed in self._delivery:
            if hmac.compare_digest(keyed.sign(packed)[:_DELIVERY_MAC], mac):
                campaign_id, number = _DELIVERY.unpack(packed)
                return DeliveryRef("campaign" if campaign_id else "transactional", campaign_id, number)
        return None


_NOT_OURS = "this link is not complete, or not one of ours"


def _signer(oldest_first: list[str], purpose: Purpose, algorithm: SigningAlgorithm) -> Signer:
    return Signer(
        oldest_first,
        salt=f"link.{purpose}",
        key_derivation="hmac",
        digest_method=hashlib.sha256,
        algorithm=algorithm,
    )


def _base64(raw: bytes) -> bytes:
    """URL-safe base64 of 16 bytes, without the "==" behind it (RFC 4648 section 5)."""
    return binascii.b2a_base64(raw, newline=False)[:_DIGITS_OF_16].translate(_URL_SAFE)


_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def _base32(raw: bytes) -> str:
    """Lower-case base32 of 25 bytes (RFC 4648 section 6): every mail needs one, and the library takes thrice as long.

    Each digit's five bits get a byte of their own, all at once: the number is spread by halves, from five pieces of 40
    bits that have 64 each to forty of 5 that have 8.
    """
    number = int.from_bytes(b"\0\0\0".join([b"", raw[:5], raw[5:10], raw[10:15], raw[15:20], raw[20:]]), "big")
    for width, lower, upper in _HALVES:
        number = (number & upper) << (3 * width // 5) | number & lower
    return number.to_bytes(_DELIVERY_DIGITS, "big").translate(_DIGITS).decode("ascii")


_DELIVERY_DIGITS = 40


def _halves(width: int) -> tuple[int, int, int]:
    """The lower and the upper halves, of so many bits each, of all the pieces of a number."""
    lower = sum(((1 << width) - 1) << place for place in range(0, 8 * _DELIVERY_DIGITS, 16 * width // 5))
    return width, lower, lower << width


_HALVES = [_halves(width) for width in (20, 10, 5)]
_DIGITS = bytes.maketrans(bytes(range(32)), b"abcdefghijklmnopqrstuvwxyz234567")


def _unpadded(digits: str) -> bytes:
    return base64.urlsafe_b64decode(digits + "=" * (-len(digits) % 4))


def _is_canonical(signature: str) -> bool:
    """Whether the unused bits of the last base64 digit are zero, as we write them."""
    try:
        return base64.urlsafe_b64encode(_unpadded(signature)).decode("ascii").rstrip("=") == signature
    except binascii.Error:
        return False
