"""Which values a setting may have, and what is said of one that it may not."""

import ipaddress
import re
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import available_timezones

import idna
from pydantic import AfterValidator, SecretStr, ValidationInfo

from newsletter import database, families, idn
from newsletter.errors import NewsletterError
from newsletter.suggest import hint
from webhooks import sns

_USUAL_PORTS = {"http": ":80", "https": ":443"}


def public_url(value: str) -> str:
    """What visitors type, without a slash at its end. Raises ValueError."""
    if not value.startswith(("https://", "http://")) or any(sign in value for sign in "?# \t"):
        raise ValueError("give the address visitors see, as in https://news.example.org")
    return value.rstrip("/")


def is_only_here(url: str) -> bool:
    """Whether nobody but this machine can open an address, as the default of `public_url`."""
    return urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")


def origin(value: str) -> str:
    """A site as browsers name it, without a path: `https://xn--mnchen-3ya.de` for münchen.de. Raises ValueError."""
    found = re.fullmatch(r"(https?)://([a-z0-9.-]+|\[[0-9a-f:]+\])(:\d{1,5})?/?", _in_ascii(value.strip().lower()))
    if found is None:
        raise ValueError(f"{value} is no site; write https://www.example.org, without a path, for each site")
    scheme, host, port = found.groups()
    return f"{scheme}://{host}{'' if port == _USUAL_PORTS[scheme] else port or ''}"


def _in_ascii(url: str) -> str:
    """An address whose host is in ASCII; as it is where that cannot be."""
    try:
        return re.sub(r"(?<=://)[^/:]+", lambda host: idn.in_ascii(host[0]), url)
    except idna.IDNAError:
        return url


def interface(value: str) -> str:
    """Where a provider's API is, or nothing for its usual host; by HTTPS unless it is here. Raises ValueError."""
    found = re.fullmatch(r"https://[a-z0-9.-]+(:\d{1,5})?|http://(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?", value)
    if value and found is None:
        raise ValueError(f"{value} is no host of an API; write it as in https://api.eu.mailgun.net, without a path")
    return value


def aws_region(value: str) -> str:
    """A region of Amazon's, or nothing. Raises ValueError."""
    if value and re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d", value) is None:
        raise ValueError(f"{value} is no region; write it as in eu-west-1")
    return value


def topic(value: str) -> str:
    """The ARN of a topic of Amazon SNS, or nothing. Raises ValueError."""
    if value and sns.host(value) is None:
        raise ValueError(f"{value} is no ARN of a topic; write it as in arn:aws:sns:eu-west-1:123456789012:news")
    return value


def name_server(value: str) -> str:
    """A name server and its port, or nothing. Raises ValueError."""
    if value and re.fullmatch(r"\d{1,3}(\.\d{1,3}){3}:\d{1,5}|[0-9a-f:]+:\d{1,5}", value) is None:
        raise ValueError(f"{value} is no name server; write its address and port, as in 127.0.0.1:53")
    return value


def network(value: str) -> str:
    """A network, or one address. Raises ValueError."""
    try:
        ipaddress.ip_network(value)
    except ValueError as error:
        raise ValueError(f"{value} is no network; write 10.0.0.0/8 or 192.0.2.7") from error
    return value


def secret_of_32(value: SecretStr) -> SecretStr:
    """A key that is long enough. Raises ValueError."""
    if len(value.get_secret_value()) < 32:
        raise ValueError("a key has at least 32 characters; `newsletter init` makes fresh ones")
    return value


def backend(value: str) -> str:
    """The URL of a database that is supported. Raises ValueError."""
    try:
        database.parse(value)
    except NewsletterError as error:
        raise ValueError(str(error)) from error
    return value


def zone(value: str) -> str:
    """The name of a time zone. Raises ValueError."""
    if value not in available_timezones():
        raise ValueError(f"there is no time zone {value}{hint(value, available_timezones())}")
    return value


def listener(value: str) -> str:
    """A place to listen at for mail, or nothing. Raises ValueError."""
    found = re.fullmatch(r"(?:lmtp|smtp)://(?:\[[0-9a-fA-F:.]+\]|[^\s/:@\[\]]+):(\d{1,5})", value)
    if value and (found is None or int(found[1]) > 65535):
        raise ValueError(f"{value} is no place to listen at; write lmtp://127.0.0.1:2424 or smtp://0.0.0.0:25")
    return value


def tls_over_socket(value: str, info: ValidationInfo) -> str:
    """How a relay is secured; over a socket of this machine there is nothing to secure. Raises ValueError."""
    if info.data.get("socket") and value in ("required", "implicit"):
        raise ValueError(f"over smtp.socket, which never leaves this machine, no TLS is spoken; leave out {value}")
    return value


def mailbox(value: str) -> str:
    """An address of ours, or nothing. Raises ValueError."""
    if value and not re.fullmatch(r"[!-;=?-~]+@[!-;=?A-~]+", value):
        raise ValueError(f"{value} is no address; write staff@example.org")
    return value


def domain(value: str) -> str:
    """A sender's domain as the DNS has it. Raises ValueError."""
    if re.fullmatch(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}", value.lower()) is None:
        raise ValueError(f"{value} is no domain; write example.org, or the xn-- form of one in another script")
    return value.lower()


def selector(value: str) -> str:
    """What tells a domain's keys apart (RFC 6376 section 3.1). Raises ValueError."""
    if re.fullmatch(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9-]{1,63})*", value.lower()) is None:
        raise ValueError(f"{value} is no selector; write letters, digits and hyphens, as in s202611")
    return value.lower()


def relay_name(value: str) -> str:
    """What a relay is called in reports. Raises ValueError."""
    if re.fullmatch(r"[a-z0-9][a-z0-9-]{0,30}", value) is None or value == "smtp":
        raise ValueError(f"{value} is no name for a relay; write a word such as backup (smtp is the one under [smtp])")
    return value


def receivers(value: str) -> str:
    """A domain of receivers, or a family of them. Raises ValueError."""
    if value.lower() in families.NAMES:
        return value.lower()
    try:
        return domain(value)
    except ValueError as error:
        known = ", ".join(sorted(families.NAMES))
        raise ValueError(f"{value} is no domain; write example.org, or one of these families: {known}") from error


def hours(value: str) -> str:
    """Two hours of the day between which nothing is sent, or nothing. Raises ValueError."""
    if value and re.fullmatch(r"(?:[01]\d|2[0-3]):[0-5]\d-(?:[01]\d|2[0-3]):[0-5]\d", value) is None:
        raise ValueError(f"{value} are no hours; write 21:00-08:00")
    if value and value[:5] == value[6:]:
        raise ValueError(f"{value} is no time at all, or all of it; write 21:00-08:00")
    return value


def named_once(value: tuple[Any, ...]) -> tuple[Any, ...]:
    """Relays of which no two have the same name. Raises ValueError."""
    return _once(value, [one.name for one in value], "relays are called")


def told_once(value: tuple[Any, ...]) -> tuple[Any, ...]:
    """Paces of which no two are for the same receivers. Raises ValueError."""
    return _once(value, [one.to for one in value], "paces are for")


def _once(value: tuple[Any, ...], names: list[str], what: str) -> tuple[Any, ...]:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"two {what} {twice[0]}")
    return value


def aware(value: datetime) -> datetime:
    """A moment with its time zone. Raises ValueError."""
    if value.tzinfo is None:
        raise ValueError(f"{value} names no time zone; write 2021-03-01T09:00:00Z, or +02:00 behind it")
    return value


Key = Annotated[SecretStr, AfterValidator(secret_of_32)]
Zone = Annotated[str, AfterValidator(zone)]
