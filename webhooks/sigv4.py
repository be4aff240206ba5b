"""Signature Version 4, by which Amazon knows who asks: an HMAC over the request, by a key of this day and region.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, urlsplit

_ALGORITHM = "AWS4-HMAC-SHA256"
_PLAIN = "-_.~"


@dataclass(frozen=True, slots=True)
class Credentials:
    """An access key, and where it is used."""

    access_key: str
    secret_key: str = field(repr=False)
    region: str
    service: str


def headers(
    credentials: Credentials, method: str, url: str, body: bytes, now: datetime, extra: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The headers that sign a request, beside `extra` ones that it carries and that are signed too."""
    parts = urlsplit(url)
    moment = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    signed = {name.lower(): " ".join(value.split()) for name, value in (extra or {}).items()}
    signed |= {"host": parts.netloc, "x-amz-date": moment}
    names = ";".join(sorted(signed))
    request = "\n".join(
        [
            method,
            quote(parts.path or "/", safe=f"/{_PLAIN}"),
            _query(parts.query),
            *(f"{name}:{signed[name]}" for name in sorted(signed)),
            "",
            names,
            hashlib.sha256(body).hexdigest(),
        ]
    )
    scope = f"{moment[:8]}/{credentials.region}/{credentials.service}/aws4_request"
    text = "\n".join([_ALGORITHM, moment, scope, hashlib.sha256(request.encode()).hexdigest()])
    signature = hmac.new(_key(credentials, moment[:8]), text.encode(), hashlib.sha256).hexdigest()
    return {
        "X-Amz-Date": moment,
        "Authorization": (
            f"{_ALGORITHM} Credential={credentials.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
        ),
    }


def _query(query: str) -> str:
    pairs = [
        (quote(name, safe=_PLAIN), quote(value, safe=_PLAIN))
        for name, value in parse_qsl(query.replace("+", "%2B"), True)
    ]
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _key(credentials: Credentials, day: str) -> bytes:
    key = f"AWS4{credentials.secret_key}".encode()
    for part in (day, credentials.region, credentials.service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
