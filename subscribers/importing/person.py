"""One row read: a person to add, an address never to write to, or the reason why it is neither."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any
from zoneinfo import available_timezones

from subscribers import addresses, names
from subscribers.addresses import Address, AddressError
from subscribers.importing.layout import Field, Kind, Layout
from subscribers.importing.source import Row
from subscribers.suppression import Reason


class Fault(StrEnum):
    """Why a row is refused."""

    EMPTY = "the address is empty"
    ADDRESS = "the address cannot be written to"
    FORMULA = "a cell begins like a formula"
    CELLS = "there are more cells than columns"
    LINES = "a cell spans several rows"
    EVENTS = "no event of that name"
    NEVER = "the person never subscribed"
    STATUS = "the status is not known"


class Remark(StrEnum):
    """What was put right, or left out, in a row that was taken."""

    ZONE = "unknown time zone: the constellation's is used"
    EVENT = "unknown event: left out"
    MOMENT = "consent date not readable: asked again instead"
    FUTURE = "consent date in the future: asked again instead"


class Refused(Exception):
    """A row that is not taken; the text is for the person who will mend it."""

    def __init__(self, fault: Fault, reason: str) -> None:
        super().__init__(reason)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Person:
    """Someone to add: active if `consented_at` is known, else pending."""

    row: int
    address: Address
    first_name: str
    last_name: str
    locale: str
    timezone: str
    topics: tuple[str, ...]
    joined_at: datetime | None
    consented_at: datetime | None
    ip: str
    fields: dict[str, Any]
    evidence: dict[str, str]
    remarks: tuple[Remark, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Stop:
    """Someone who left, complained or bounced where the file comes from: nobody is to write to them."""

    row: int
    address: Address
    reason: Reason
    at: datetime | None


_STATUSES = {
    "subscribed": None,
    "active": None,
    "confirmed": None,
    "enabled": None,
    "pending": "pending",
    "unconfirmed": "pending",
    "": "pending",
    "unsubscribed": Reason.UNSUBSCRIBE,
    "left": Reason.UNSUBSCRIBE,
    "blocklisted": Reason.UNSUBSCRIBE,
    "cleaned": Reason.HARD_BOUNCE,
    "bounced": Reason.HARD_BOUNCE,
    "complained": Reason.COMPLAINT,
    "spam": Reason.COMPLAINT,
    "neversubscribed": "never",
    "nonsubscribed": "never",
    "transactional": "never",
}
_ALL = frozenset({"", "*", "all", "everything"})
_ZONES = frozenset(available_timezones())
_LANGUAGE = re.compile(r"([A-Za-z]{2,3})(?:[-_].*)?\Z")
_EARLIEST = datetime(1995, 1, 1, tzinfo=UTC)
_EVIDENCE = (
    Field.CONSENTED_AT,
    Field.CONSENT_SOURCE,
    Field.CONSENT_IP,
    Field.REQUESTED_AT,
    Field.REQUEST_IP,
    Field.JOINED_AT,
    Field.STATUS,
)
_TEXTS = (
    Field.EMAIL,
    Field.FIRST_NAME,
    Field.LAST_NAME,
    Field.NAME,
    Field.ROLE,
    Field.EVENTS,
    Field.TAGS,
    Field.CONSENT_SOURCE,
)


class Reader:
    """Reads rows of one layout. `events` are the slugs there are; None takes any."""

    def __init__(self, layout: Layout, *, events: Collection[str] | None, now: datetime) -> None:
        self._layout = layout
        self._events = None if events is None else frozenset(events)
        self._latest = now + timedelta(days=1)  # a date without a time may be that of a zone further east
        self._topics = lru_cache(maxsize=4096)(self._read_topics)
        self._texts = [layout.places[name] for name in _TEXTS if name in layout.places] + list(layout.extra.values())
        self._evidence = [(name.value, layout.places[name]) for name in _EVIDENCE if name in layout.places]

    def read(self, row: Row) -> Person | Stop:
        """What a row says. Raises Refused."""
        cells = self._checked(row)
        name, address = self._address(cells)
        get = self._get
        if (at := get(cells, Field.CLEANED_AT)) != "":
            return Stop(row.number, address, Reason.HARD_BOUNCE, _moment(at))
        if (at := get(cells, Field.UNSUBSCRIBED_AT)) != "":
            return Stop(row.number, address, Reason.UNSUBSCRIBE, _moment(at))
        status = self._status(cells)
        if isinstance(status, Reason):
            return Stop(row.number, address, status, None)
        remarks: list[Remark] = []
        topics, has_unknown = self._topics(get(cells, Field.EVENTS))
        if has_unknown:
            remarks.append(Remark.EVENT)
        zone = get(cells, Field.TIMEZONE)
        if zone not in _ZONES and zone:
            zone = ""
            remarks.append(Remark.ZONE)
        first, last = self._names(cells, name)
        return Person(
            row=row.number,
            address=address,
            first_name=first,
            last_name=last,
            locale=_language(get(cells, Field.LOCALE)),
            timezone=zone,
            topics=topics,
            joined_at=_moment(get(cells, Field.JOINED_AT) or get(cells, Field.REQUESTED_AT)),
            consented_at=None if status == "pending" else self._consented_at(cells, remarks),
            ip=get(cells, Field.CONSENT_IP) or get(cells, Field.REQUEST_IP),
            fields=self._fields(cells),
            evidence={name: cells[place] for name, place in self._evidence if cells[place]},
            remarks=tuple(remarks),
        )

    def _get(self, cells: list[str], name: Field) -> str:
        place = self._layout.places.get(name)
        return "" if place is None else cells[place].strip()

    def _checked(self, row: Row) -> list[str]:
        """The cells of a row that has the shape of one, as many as there are columns."""
        cells, width = row.cells, self._layout.width
        if len(cells) > width and any(cells[width:]):
            raise Refused(Fault.CELLS, f"the row has {len(cells)} cells, the header {width}: is one not quoted?")
        if row.is_long and any("\n" in cell and "@" in cell for cell in cells):
            raise Refused(Fault.LINES, "a cell spans several rows: is a quotation mark not closed?")
        if len(cells) < width:
            cells = cells + [""] * (width - len(cells))
        for place in self._texts:
            cell = cells[place]
            if cell and cell[0] in "=+-@\t\r" and len(cell.strip()) > 1 and cell.lstrip()[0] in "=+-@":
                raise Refused(Fault.FORMULA, f"“{names.clean(cell)[:60]}” begins like a formula")
        return cells

    def _address(self, cells: list[str]) -> tuple[str, Address]:
        text = cells[self._layout.places[Field.EMAIL]]
        try:
            return addresses.parse_mailbox(text)
        except AddressError as error:
            raise Refused(Fault.ADDRESS if text.strip() else Fault.EMPTY, str(error)) from error

    def _status(self, cells: list[str]) -> Reason | str | None:
        if Field.STATUS not in self._layout.places:
            return None
        text = self._get(cells, Field.STATUS)
        key = re.sub(r"[\W_]+", "", text.casefold())
        if key not in _STATUSES:
            raise Refused(Fault.STATUS, f"the status “{names.clean(text)[:40]}” is not known")
        status = _STATUSES[key]
        if status == "never":
            raise Refused(Fault.NEVER, f"the status is “{names.clean(text)}”: nobody asked to be written to here")
        return status

    def _names(self, cells: list[str], display: str) -> tuple[str, str]:
        first = names.clean(self._get(cells, Field.FIRST_NAME))
        last = names.clean(self._get(cells, Field.LAST_NAME))
        if not first and not last:
            whole = names.clean(self._get(cells, Field.NAME)) or display
            first, _, last = whole.partition(" ")
        return first.strip("-"), last.strip("-")

    def _read_topics(self, text: str) -> tuple[tuple[str, ...], bool]:
        """The events named in a cell (none: everything), and whether one of them is not known."""
        named = [name.strip().casefold() for name in re.split(r"[;,|]", text)]
        wanted = dict.fromkeys(name for name in named if name)
        if not wanted or _ALL & wanted.keys():
            return (), False
        known = tuple(name for name in wanted if self._events is None or name in self._events)
        if not known:
            raise Refused(Fault.EVENTS, f"“{names.clean(text)[:60]}” names no event of this constellation")
        return known, len(known) < len(wanted)

    def _consented_at(self, cells: list[str], remarks: list[Remark]) -> datetime | None:
        """When the person agreed, if the file proves it.

        Wix: by a form, not by an import of Wix' own, when the contact was made. Mailchimp: confirmed from an
        address on the net; without one the contact was put there by somebody else.
        """
        kind = self._layout.kind
        text = self._get(cells, Field.CONSENTED_AT)
        if kind is Kind.WIX and not text:
            source = self._get(cells, Field.CONSENT_SOURCE).casefold()
            text = self._get(cells, Field.JOINED_AT) if source and not source.startswith("import") else ""
        if not text or (kind is Kind.MAILCHIMP and not self._get(cells, Field.CONSENT_IP)):
            return None
        moment = _moment(text)
        if moment is None:
            remarks.append(Remark.MOMENT)
        elif moment > self._latest:
            remarks.append(Remark.FUTURE)
            moment = None
        return moment

    def _fields(self, cells: list[str]) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        if role := self._get(cells, Field.ROLE):
            fields["role"] = names.clean(role)
        if tags := self._get(cells, Field.TAGS):
            fields["tags"] = [tag for tag in (names.clean(tag.strip(' "')) for tag in re.split("[;,]", tags)) if tag]
        for name, place in self._layout.extra.items():
            if cells[place].strip():
                fields[name] = names.clean(cells[place])
        return fields


@lru_cache(maxsize=8192)
def _moment(text: str) -> datetime | None:
    """An ISO 8601 date or time, UTC unless it says otherwise; None for anything else (01/02/2021 is no date)."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        return None
    return moment if moment >= _EARLIEST else None


@lru_cache(maxsize=256)
def _language(text: str) -> str:
    """The language of a locale (`es-us` is es); English where there is none."""
    found = _LANGUAGE.match(text)
    return found[1].lower() if found else "en"
