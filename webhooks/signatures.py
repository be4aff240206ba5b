"""The ways in which providers prove who they are, each over the raw bytes and compared in constant time."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from webhooks.errors import NotAuthentic, NotConfigured

TOLERANCE = timedelta(minutes=5)
"""How far a signed time may lie from ours, either way."""


def header(headers: Mapping[str, str], name: str) -> str:
    """A header by its name, whatever its case; empty when it is missing."""
    found = headers.get(name.lower())
    if found is not None:
        return found
    return next((value for key, value in headers.items() if key.lower() == name.lower()), "")


def required(headers: Mapping[str, str], name: str) -> str:
    """A header that must be there. Raises NotAuthentic."""
    value = header(headers, name)
    if not value:
        raise NotAuthentic(f"the header {name} is missing")
    return value


def keys(secret: str, setting: str) -> list[str]:
    """The secrets in force: one, or several separated by spaces while a key is being rotated. Raises NotConfigured."""
    found = secret.split()
    if not found:
        raise NotConfigured(f"no key is set for this provider: set {setting}")
    return found


def same(given: str | bytes, expected: str | bytes) -> bool:
    """Whether the two are equal, in a time that does not depend on where they differ."""
    return hmac.compare_digest(_bytes(given), _bytes(expected))


def _bytes(value: str | bytes) -> bytes:
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value


def fresh(timestamp: str, now: datetime, *, within: timedelta = TOLERANCE) -> None:
    """Refuse a signed time (seconds since 1970) that is too far from `now`, and so a replay. Raises NotAuthentic."""
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise NotAuthentic("the signed timestamp is not a number of seconds")
    if abs(now.timestamp() - int(timestamp)) > within.total_seconds():
        raise NotAuthentic(f"the signed timestamp is more than {int(within.total_seconds() / 60)} minutes away")


def basic(headers: Mapping[str, str], username: str, password: str, setting: str) -> None:
    """HTTP Basic authentication (RFC 7617). Raises NotConfigured or NotAuthentic."""
    if not username or not password:
        raise NotConfigured(f"no key is set for this provider: set {setting}")
    scheme, _, encoded = required(headers, "Authorization").partition(" ")
    try:
        given = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError) as error:
        raise NotAuthentic("the Authorization header is not Basic") from error
    if scheme.lower() != "basic" or not same(given, f"{username}:{password}"):
        raise NotAuthentic("wrong user name or password")


def basic_header(username: str, password: str) -> dict[str, str]:
    """The header that `basic` accepts."""
    return {"Authorization": "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()}


def bearer(headers: Mapping[str, str], secret: str, setting: str) -> None:
    """A bearer token in the Authorization header (RFC 6750). Raises NotConfigured or NotAuthentic."""
    known = keys(secret, setting)
    scheme, _, given = required(headers, "Authorization").partition(" ")
    if scheme.lower() != "bearer" or not any(same(given.strip(), key) for key in known):
        raise NotAuthentic("wrong bearer token")


def basic_or_bearer(headers: Mapping[str, str], username: str, password: str, secret: str, setting: str) -> None:
    """Whichever of the two is configured, where a provider offers both; bearer where it is both."""
    if secret.strip():
        bearer(headers, secret, setting)
    else:
        basic(headers, username, password, setting)


def credentials(username: str, password: str, secret: str) -> dict[str, str]:
    """The header that `basic_or_bearer` accepts."""
    if secret.strip():
        return {"Authorization": f"Bearer {secret.split()[0]}"}
    return basic_header(username, password)


def hmac_sha256_hex(given: str | Sequence[str], signed: bytes, secret: str, setting: str) -> None:
    """A hexadecimal HMAC-SHA256, or several of which one must fit. Raises NotConfigured or NotAuthentic."""
    expected = [hmac.new(key.encode(), signed, hashlib.sha256).hexdigest() for key in keys(secret, setting)]
    found = [one.strip().lower() for one in ([given] if isinstance(given, str) else given)]
    if not any(same(one, signature) for one in found for signature in expected):
        raise NotAuthentic("the signature does not match the body")


def standard_webhooks(
    headers: Mapping[str, str], body: bytes, secret: str, setting: str, *, now: datetime, prefix: str = "webhook"
) -> str:
    """A Standard Webhooks signature, version 1; `prefix` is `svix` where a provider still writes svix-id and so on.

    Returns the message id, which is signed. Raises NotConfigured or NotAuthentic.
    """
    known = [standard_key(key, setting) for key in keys(secret, setting)]
    identifier = required(headers, f"{prefix}-id")
    timestamp = required(headers, f"{prefix}-timestamp")
    signatures = required(headers, f"{prefix}-signature").split()
    fresh(timestamp, now)
    expected = [_standard_signature(key, identifier, timestamp, body) for key in known]
    if not any(same(given, signature) for given in signatures for signature in expected):
        raise NotAuthentic("the signature does not match the body")
    return identifier


def sign_standard_webhooks(body: bytes, secret: str, *, identifier: str, now: datetime) -> dict[str, str]:
    """The three headers that `standard_webhooks` accepts for this body, signed with the newest key."""
    timestamp = str(int(now.timestamp()))
    key = standard_key(keys(secret, "a secret")[0], "a secret")
    return {
        "webhook-id": identifier,
        "webhook-timestamp": timestamp,
        "webhook-signature": _standard_signature(key, identifier, timestamp, body),
    }


def standard_key(secret: str, setting: str) -> bytes:
    """The key in a `whsec_…` secret. Raises NotConfigured when it is not base64."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise NotConfigured(f"{setting} must be base64, written as whsec_…") from error
    if not key:
        raise NotConfigured(f"{setting} is an empty key")
    return key


def _standard_signature(key: bytes, identifier: str, timestamp: str, body: bytes) -> str:
    signed = f"{identifier}.{timestamp}.".encode("utf-8", "surrogatepass") + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
