"""Families of receivers' domains: those whose mail one operator takes, and counts together."""

import re

_DOMAINS = {
    "gmail": r"gmail\.com|googlemail\.com",
    "outlook": r"(?:outlook|hotmail|live|msn)(?:\.[a-z]{2,3}){1,2}|passport\.com",
    "yahoo": r"(?:yahoo|ymail|rocketmail|myyahoo)(?:\.[a-z]{2,3}){1,2}|(?:aol|aim|verizon)\.(?:com|net)",
    "icloud": r"(?:icloud|me|mac)\.com",
    "gmx": r"(?:gmx|web)\.(?:de|net|at|ch|com|fr|us)|mail\.com",
    "proton": r"(?:proton(?:mail)?)\.(?:me|com|ch)|pm\.me",
    "mailru": r"(?:mail|inbox|list|bk|internet)\.ru",
    "yandex": r"(?:yandex|ya)\.(?:ru|com|by|kz|ua)",
    "qq": r"(?:vip\.)?qq\.com|foxmail\.com",
    "netease": r"(?:163|126|yeah)\.(?:com|net)",
}
_HOSTS = {
    "gmail": ("google.com", "googlemail.com"),
    "outlook": ("outlook.com", "mx.microsoft"),
    "yahoo": ("yahoodns.net",),
    "icloud": ("icloud.com",),
    "gmx": ("gmx.net", "gmx.com"),
    "proton": ("protonmail.ch", "proton.ch"),
    "mailru": ("mail.ru",),
    "yandex": ("yandex.net", "yandex.ru"),
    "qq": ("qq.com",),
    "netease": ("netease.com", "163.com"),
}
"""Where the hosts are that take mail for a family's own domains and for those of its customers."""

_WHICH = re.compile("|".join(f"(?P<{name}>{domains})" for name, domains in _DOMAINS.items()))

NAMES = frozenset(_DOMAINS)
"""What the families are called in settings and reports."""


def of(domain: str) -> str:
    """The family of a domain in lower case, or the domain itself: whose limits mail to it counts against."""
    found = _WHICH.fullmatch(domain)
    return domain if found is None else str(found.lastgroup)


def by_host(host: str) -> str | None:
    """The family whose mail a host takes, by its name in lower case without a dot at its end."""
    return next((name for name, known in _HOSTS.items() if any(f".{host}".endswith(f".{one}") for one in known)), None)
