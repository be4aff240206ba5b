"""E-mail addresses: what may be written to, and the form under which two of them are the same."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email

from subscribers import names
from subscribers.errors import SubscribersError

LONGEST_LOCAL_PART = 64  # octets, RFC 5321 section 4.5.3.1.1
LONGEST = 254  # octets, RFC 5321 section 4.5.3.1.3 less the angle brackets (RFC 3696, erratum 1690)

_INVISIBLE = "\u200b\u2060\ufeff\u00ad"  # what a copy from a web page or a spreadsheet brings along at the ends

# Plain ASCII, nothing an IDNA library or a list of special names would have to look at: those go the slow way.
_ATOM = r"[A-Za-z0-9_#$&'*+/=?^`{}~-]+"
_LABEL = r"(?!..--)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_SPECIAL = r"(?:arpa|invalid|local|localhost|onion|test)"
_LOCAL = re.compile(rf"(?!/){_ATOM}(?:\.{_ATOM})*")
_DOMAIN = re.compile(
    rf"(?:{_LABEL}\.)+(?!{_SPECIAL}\Z)(?!..--)[A-Za-z](?:[A-Za-z0-9-]{{0,61}}[A-Za-z])?",
    re.ASCII | re.IGNORECASE,  # without ASCII, [a-z] would take the long s and the Kelvin sign
)

# What a relay may take for a route, a pipe or a file; the usual default configurations refuse them, and so do we.
_ROUTING = re.compile(r"[/|]|.*[%!|]")

_PLAIN_LOCAL = re.compile(
    rf"(?=[^@]{{1,{LONGEST_LOCAL_PART}}}@)(?P<local>(?!/){_ATOM}(?:\.{_ATOM})*)@(?P<domain>[^@]+)\Z"
)

_MAILBOX = re.compile(r"(?P<name>[^<>]*)<(?P<address>[^<>]+)>")


_LIKE_AN_ADDRESS = re.compile(r"""[^\s<>()\[\],;:"'=]+@[^\s<>()\[\],;:"'=]+""")


def hidden(text: str) -> str:
    """A text of somebody's, a server's answer say, in which nothing that looks like an address is left."""
    return _LIKE_AN_ADDRESS.sub("[address]", text)


class AddressError(SubscribersError):
    """A text is no address that mail can be sent to; `reason` says why without repeating the text."""

    def __init__(self, text: str, reason: str) -> None:
        shown = ascii(text)[1:-1] if not text.isprintable() else text
        super().__init__(f"“{shown[:100]}” is not an e-mail address: {reason}" if text else reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Address:
    """An address that was checked.

    `given` is what mail is sent to: as the person wrote it, its domain as lower-case A-labels (RFC 5890).
    `normal` is unique: NFC, the local part casefolded too. (RFC 5321 lets hosts tell `Ana@` from `ana@`; none that
    matters does, and people write both.)
    """

    given: str
    normal: str


def mailbox(normal: str) -> str:
    """The address of the mailbox that a normal form most likely leads to: without its detail (RFC 5233 section 4), as
    `ana@example.org` for `ana+news@example.org`. It tells how often somebody is written to, and never who they are."""
    local, _, domain = normal.rpartition("@")
    return f"{local.partition('+')[0] or local}@{domain}"


def parse(text: str) -> Address:
    """Read a bare address. Raises AddressError."""
    if (plain := forms(text)) is not None:
        return Address(*plain)
    text = text.strip().strip(_INVISIBLE).strip()
    plain = forms(text)
    return _parse_with_care(text) if plain is None else Address(*plain)


def parse_mailbox(text: str) -> tuple[str, Address]:
    """Read an address as lists hold it: bare, `Zoë <zoe@example.org>`, `<zoe@example.org>` or `mailto:zoe@…`.

    Answers the display name (empty if there is none) and the address. Raises AddressError.
    """
    if (plain := forms(text)) is not None:
        return "", Address(*plain)
    text = text.strip().strip(_INVISIBLE).strip()
    name = ""
    if text.endswith(">") and (mailbox := _MAILBOX.fullmatch(text)) is not None:
        name = names.clean(mailbox["name"].strip().strip('"').replace('\\"', '"'))
        text = mailbox["address"].strip()
    if text[:7].lower() == "mailto:":
        text = text[7:]
    return name, parse(text)


def forms(text: str) -> tuple[str, str] | None:
    """`given` and `normal` of a bare address in plain ASCII, as nearly all are; None for what `parse` must look at."""
    local, _, domain = text.partition("@")
    if len(local) > LONGEST_LOCAL_PART or len(text) > LONGEST or _LOCAL.fullmatch(local) is None:
        return None
    lowered = _plain_domain(domain)
    if lowered is None:
        return None
    given = text if lowered == domain else f"{local}@{lowered}"
    return given, given.lower()


@lru_cache(maxsize=4096)  # lists name the same domains over and over
def _plain_domain(domain: str) -> str | None:
    """A domain in lower case; None if it is not one of plain ASCII."""
    return None if _DOMAIN.fullmatch(domain) is None else domain.lower()


def _parse_with_care(text: str) -> Address:
    if (quick := _PLAIN_LOCAL.match(text)) is not None and len(text) <= LONGEST:
        domain, length = _international(quick["domain"])
        if domain and len(quick["local"]) + 1 + length <= LONGEST:
            return Address(f"{quick['local']}@{domain}", f"{quick['local'].lower()}@{domain}")
    if not text:
        raise AddressError("", "the address is empty")
    if len(text) > 4 * LONGEST:
        raise AddressError(text, f"it is {len(text)} characters long; an address has at most {LONGEST}")
    if text.endswith("."):
        raise AddressError(text, "it ends with a dot")
    try:
        found = validate_email(text, check_deliverability=False, strict=True)
    except EmailNotValidError as error:
        reason = str(error).rstrip(".")
        raise AddressError(text, reason[:1].lower() + reason[1:]) from error
    local = found.local_part
    if len(local.encode()) > LONGEST_LOCAL_PART:
        raise AddressError(text, f"there are more than {LONGEST_LOCAL_PART} bytes before the @-sign")
    if _ROUTING.match(local):
        raise AddressError(text, "%, ! or | before the @-sign, or / at its start, name a route or a file, not a person")
    domain = found.ascii_domain.lower()
    normal = unicodedata.normalize("NFC", local.casefold())
    return Address(f"{local}@{domain}", f"{normal}@{domain}")


@lru_cache(maxsize=4096)  # lists name the same few international domains over and over, at 0.1 ms each
def _international(domain: str) -> tuple[str, int]:
    """A domain's lower-case A-labels and the bytes of its longest form; an empty text if it is not valid."""
    try:
        found = validate_email(f"a@{domain}", check_deliverability=False, strict=True)
    except EmailNotValidError:
        return "", 0
    return found.ascii_domain.lower(), max(len(form.encode()) for form in (domain, found.domain, found.ascii_domain))
