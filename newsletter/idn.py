"""Domains that have letters of any alphabet, as the DNS, mail and browsers carry them (IDNA 2008, RFC 5890)."""

import idna


def in_ascii(domain: str) -> str:
    """A domain as A-labels, in lower case: xn--mnchen-3ya.de for München.de. Raises idna.IDNAError for what is none."""
    return domain.lower() if domain.isascii() else idna.encode(domain, uts46=True).decode()
