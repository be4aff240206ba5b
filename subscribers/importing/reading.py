"""What single cells of a row hold, cleaned; the same cells come again and again in a list of people."""

import json
import re
from functools import lru_cache
from json.encoder import encode_basestring

from subscribers import addresses, names, spreadsheet
from subscribers.addresses import AddressError
from subscribers.importing.errors import Refused
from subscribers.importing.faults import Fault
from subscribers.importing.layout import is_own_field

_FORMULA = frozenset("=+-@")
_NUMBER = re.compile(r"[+-][\d\s().,/-]*\d[\d\s().,/-]*\Z")
_LANGUAGE = re.compile(r"([A-Za-z]{2,3})(?:[-_][A-Za-z]{4})?(?:[-_]([A-Za-z]{2}|\d{3}))?(?:[-_].*)?\Z")
_TAGS = "tags"
"""The one field that holds several texts, whichever column or attribute brings it."""
Pairs = tuple[tuple[str, str], ...]


def slugs(text: str) -> tuple[str, ...]:
    """The topics that a cell lists."""
    return tuple(slug for name in re.split(r"[;,|]", text) if (slug := name.strip().casefold()))


def refuse_formula(cell: str) -> None:
    """Raise Refused for what a spreadsheet would run."""
    if cell[:1] in _FORMULA and len(cell) > 1:
        raise Refused(Fault.FORMULA, f"“{names.clean(cell)[:60]}” begins like a formula")


def unformulated(cell: str) -> str:
    """A cell without the apostrophe that keeps a spreadsheet from running it. Raises Refused where it would be run."""
    refuse_formula(cell)
    return spreadsheet.plain(cell)


def own(cell: str) -> str:
    """A cell of a column that is kept by a name of its own: numbers may have a sign there, those of telephones too.
    Raises Refused."""
    return cell if _NUMBER.match(cell) else unformulated(cell)


def address(text: str) -> tuple[str, str, str]:
    """The display name, and both forms of the address. Raises Refused."""
    if text[:1].isalnum() and (plain := addresses.forms(text)) is not None:  # neither a formula nor made safe for one
        return "", *plain
    refuse_formula(text)
    try:
        display, found = addresses.parse_mailbox(spreadsheet.plain(text))
    except AddressError as error:
        raise Refused(Fault.ADDRESS if text else Fault.EMPTY, str(error)) from error
    return display, found.given, found.normal


@lru_cache(maxsize=16384)  # in a list of people the same names come again and again
def name(cell: str) -> str | None:
    """A name, cleaned; None for one that nobody can have typed as a name. Raises Refused."""
    return plain_name(cleaned_name(cell))


def plain_name(name: str) -> str | None:
    """A name; None for one that nobody can have typed as a name."""
    return name if names.is_plain(name) else None


@lru_cache(maxsize=16384)
def cleaned_name(cell: str) -> str:
    """What is called a name, whatever it is; empty for a dash. Raises Refused."""
    cleaned = names.clean(unformulated(cell))
    return "" if cleaned == "-" else cleaned


def listed(tags: str) -> list[str]:
    """The tags that a line of text is, between commas or semicolons."""
    return [tag for tag in (names.clean(tag.strip(' "')) for tag in re.split("[;,]", tags)) if tag]


@lru_cache(maxsize=4096)
def fields(role: str, tags: str, extra: Pairs) -> str:
    """What else is known of somebody, as a JSON object."""
    known: dict[str, object] = {name: names.clean(value) for name, value in extra if value and name != _TAGS}
    if role:
        known["role"] = names.clean(role)
    all_tags = listed(tags)
    all_tags += [tag for name, value in extra if name == _TAGS for tag in listed(value) if tag not in all_tags]
    if all_tags:
        known[_TAGS] = all_tags
    return as_json(known)


def as_json(value: object) -> str:
    """Compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@lru_cache(maxsize=4096)
def attributes(text: str) -> tuple[Pairs, bool]:
    """What listmonk keeps of a person as JSON, as far as it is plain words, numbers and tags; False where it is no
    JSON."""
    try:
        held = json.loads(text)
    except (ValueError, RecursionError):
        return (), False
    if not isinstance(held, dict):
        return (), False
    named = ((_attribute(key), _line(key, value)) for key, value in held.items())
    return tuple(
        (key, str(value))
        for key, value in named
        if is_own_field(key) and isinstance(value, str | int | float) and not isinstance(value, bool)
    ), True


def _line(name: str, value: object) -> object:
    """Tags as a column has them, where they are a list; anything else as it is."""
    if _attribute(name) != _TAGS or not isinstance(value, list):
        return value
    return ";".join(tag for tag in value if isinstance(tag, str))


def _attribute(name: str) -> str:
    """The name of a field, as it is or made of another program's: `Home town` is home_town."""
    return name if is_own_field(name) else re.sub(r"\W+", "_", name.casefold()).strip("_")


@lru_cache(maxsize=256)
def language(text: str) -> str:
    """A locale as we keep it, the language and where it is spoken: `es_us` is es-US; empty where there is none."""
    found = _LANGUAGE.match(text)
    return "-".join(filter(None, (found[1].lower(), (found[2] or "").upper()))) if found else ""


@lru_cache(maxsize=16384)
def as_evidence(cell: str) -> str:
    """A cell as it stood, as JSON."""
    return encode_basestring(spreadsheet.plain(cell))
