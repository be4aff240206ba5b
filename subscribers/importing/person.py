"""One row read: a person to add, an address never to write to, or the reason why it is neither."""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from json.encoder import encode_basestring
from operator import itemgetter
from typing import NamedTuple
from zoneinfo import available_timezones

from subscribers import names, spreadsheet
from subscribers.audience import EVERYTHING, Rhythm
from subscribers.importing import moments, reading, statuses
from subscribers.importing.errors import Refused
from subscribers.importing.faults import Fault, Remark
from subscribers.importing.layout import Field, Kind, Layout
from subscribers.importing.record import Row
from subscribers.suppression import Reason

Values = tuple[int, str, str, str, str, str, str, str, str, str, str, str, str, str, str, str, str, str]
COLUMNS = (
    "row",
    "address",
    "normal",
    "hash",
    "first_name",
    "last_name",
    "locale",
    "timezone",
    "fields",
    "status",
    "joined_at",
    "confirmed_at",
    "paused_until",
    "rhythm",
    "follows",
    "mutes",
    "ip",
    "detail",
)
"""What is known of a person, as the database keeps it: their row in the file, what `subscriber` has of them, the topics
of their choices (JSON lists), and two columns of the evidence. `fields` and `detail` are JSON objects; a moment that is
not known is an empty text, since Python takes longer to give SQLite a None."""

OF_SUBSCRIBER = COLUMNS[1:14]


# Tuples, not dataclasses: a million of them are made, and a frozen dataclass takes five times as long.
class Person(NamedTuple):
    """Someone to add: active if their consent `is_proven`, else pending. `values` are in the order of COLUMNS."""

    row: int
    hash: str
    is_proven: bool
    values: Values
    remarks: tuple[Remark, ...]


class Stop(NamedTuple):
    """Someone who left, complained or bounced where the file comes from: nobody is to write to them."""

    row: int
    hash: str
    reason: Reason
    at: datetime | None


_STOPPING = frozenset({Field.CLEANED_AT, Field.SUPPRESSED, Field.UNSUBSCRIBED_AT})
_OF_PACE = frozenset({Field.RHYTHM, Field.PAUSED_UNTIL})
_RHYTHMS = frozenset(Rhythm)
_Pace = tuple[str, datetime | None, tuple[Remark, ...]]
_NO_PACE: _Pace = (Rhythm.EACH.value, None, ())
_ALL = frozenset({EVERYTHING, "all", "everything"})
_NONE = "none"  # as our own export has it
_ZONES = frozenset(available_timezones()) | {""}
_EVIDENCE = (
    Field.CONSENTED_AT,
    Field.CONSENT_SOURCE,
    Field.CONSENT_IP,
    Field.CONSENT_VERSION,
    Field.CONSENT_TEXT,
    Field.REQUESTED_AT,
    Field.REQUEST_IP,
    Field.JOINED_AT,
    Field.STATUS,
)


class _Cells(NamedTuple):
    """The cells of a row by what they hold, trimmed, empty where there is no such column; in the order of Field."""

    email: str
    first_name: str
    last_name: str
    name: str
    locale: str
    timezone: str
    events: str
    muted: str
    role: str
    tags: str
    attributes: str
    status: str
    suppressed: str
    suppressed_at: str
    rhythm: str
    paused_until: str
    joined_at: str
    consented_at: str
    consent_source: str
    consent_ip: str
    consent_version: str
    consent_text: str
    requested_at: str
    request_ip: str
    unsubscribed_at: str
    cleaned_at: str


class Reader:
    """Reads rows of one layout. `file` is its name, for the evidence; `events` are the slugs there are (None: any);
    `language` is that of whose row names none; days without a time are those of the zone `days_in`; `hashed` makes an
    address' hash of its normal form."""

    def __init__(
        self,
        layout: Layout,
        *,
        file: str,
        events: Collection[str] | None,
        language: str,
        days_in: tzinfo,
        hashed: Callable[[str], str],
        now: datetime,
    ) -> None:
        self._layout = layout
        self._language = reading.language(language) or "en"
        self._events = None if events is None else frozenset(events)
        self._days_in = days_in
        self._hashed = hashed
        self._now = now
        self._latest = now + timedelta(days=1)  # a date without a time may be that of a zone further east
        self._pick = itemgetter(*[layout.places.get(name, -1) for name in Field])  # -1: the empty cell put at the end
        self._file = f'{{"file":{encode_basestring(file)},"row":'
        self._evidence = [(f',"{name}":', layout.places[name]) for name in _EVIDENCE if name in layout.places]
        self._may_stop = not _STOPPING.isdisjoint(layout.places)
        self._has_pace = not _OF_PACE.isdisjoint(layout.places)
        self._choices = lru_cache(maxsize=4096)(self._read_choices)
        self._statuses = lru_cache(maxsize=64)(self._read_status)

    def read(self, row: Row) -> Person | Stop:
        """What a row says. Raises Refused."""
        raw = self._checked(row)
        cells = _Cells._make(self._pick(list(map(str.strip, raw))))
        name, given, normal = reading.address(cells.email)
        hashed = self._hashed(normal)
        status = self._statuses(cells.status)
        if (stopped := _stopped(cells, status) if self._may_stop or status else None) is not None:
            return Stop(row.number, hashed, *stopped)
        if self._layout.membership is not None:
            _refuse_nonmember(raw[self._layout.membership])
        rhythm, paused_until, remarks = _pace(cells, self._days_in) if self._has_pace else _NO_PACE
        follows, mutes, remark = self._choices(cells.events, cells.muted)
        remarks += remark
        zone = cells.timezone
        if zone not in _ZONES:
            zone = ""
            remarks += (Remark.ZONE,)
        language = reading.language(cells.locale)
        if cells.locale and not language:
            remarks += (Remark.LANGUAGE,)
        consented_at = None
        if status != statuses.PENDING:
            consented_at, remark = self._consented_at(cells)
            remarks += remark
        first, last = _names(cells, name)
        if first is None or last is None:
            first = last = ""
            remarks += (Remark.NAME,)
        fields, remark = self._fields(cells, raw)
        remarks += remark
        joined = cells.joined_at or cells.requested_at
        joined_at = (moments.read(joined, self._days_in) if joined else None) or consented_at or self._now
        values = (
            row.number,
            given,
            normal,
            hashed,
            first,
            last,
            language or self._language,
            zone,
            fields,
            "active" if consented_at else "pending",
            moments.written(joined_at),
            moments.written(consented_at) if consented_at else "",
            moments.written(paused_until) if paused_until else "",
            rhythm,
            follows,
            mutes,
            cells.consent_ip or cells.request_ip,
            self._proof(row.number, raw),
        )
        return Person(row.number, hashed, consented_at is not None, values, remarks)

    def _checked(self, row: Row) -> list[str]:
        """The cells of a row that has the shape of one, as many as there are columns, and an empty one behind."""
        cells, width = row.cells, self._layout.width
        if len(cells) > width and any(cells[width:]):
            raise Refused(Fault.CELLS, f"the row has {len(cells)} cells, the header {width}: is one not quoted?")
        if row.is_long and any("\n" in cell and "@" in cell for cell in self._without_text(cells)):
            raise Refused(Fault.LINES, "a cell spans several rows: is a quotation mark not closed?")
        return cells + [""] * (width + 1 - len(cells)) if len(cells) <= width else [*cells[:width], ""]

    def _without_text(self, cells: list[str]) -> list[str]:
        """All cells but the text that somebody agreed to, which may have lines."""
        place = self._layout.places.get(Field.CONSENT_TEXT, len(cells))
        return cells[:place] + cells[place + 1 :]

    def _read_status(self, text: str) -> Reason | str | None:
        if Field.STATUS not in self._layout.places:
            return None
        try:
            status = statuses.status(text)
        except KeyError as error:
            raise Refused(Fault.STATUS, f"the status “{names.clean(text)[:40]}” is not known") from error
        if status == statuses.NEVER:
            raise Refused(Fault.NEVER, f"the status is “{names.clean(text)}”: nobody asked to be written to here")
        return status

    def _read_choices(self, events: str, muted: str) -> tuple[str, str, tuple[Remark, ...]]:
        """The topics that two cells ask for and mute, as JSON lists; with a remark on an event that is not known."""
        topics, has_unknown = self._topics(events)
        mutes = dict.fromkeys(slug for slug in reading.slugs(muted) if slug != EVERYTHING)
        follows = [topic for topic in topics if topic not in mutes]
        return reading.as_json(follows), reading.as_json(list(mutes)), (Remark.EVENT,) if has_unknown else ()

    def _topics(self, text: str) -> tuple[tuple[str, ...], bool]:
        """The topics a cell asks for (empty: everything), and whether it names an event that is not known."""
        reading.refuse_formula(text)
        named = dict.fromkeys(reading.slugs(text))
        wanted = [name for name in named if name not in _ALL]
        all_of_them = () if named and len(wanted) == len(named) else (EVERYTHING,)
        if wanted == [_NONE]:
            return all_of_them, False
        known = tuple(name for name in wanted if self._events is None or name in self._events)
        if all_of_them:
            return (*all_of_them, *known), len(known) < len(wanted)
        if not known:
            raise Refused(Fault.EVENTS, f"“{names.clean(text)[:60]}” names no event of this constellation")
        return known, len(known) < len(wanted)

    def _consented_at(self, cells: _Cells) -> tuple[datetime | None, tuple[Remark, ...]]:
        """When the person agreed, if the file proves it.

        Wix: by a form, not by an import of Wix' own, when the contact was made. Mailchimp: confirmed from an
        address on the net; without one the contact was put there by somebody else.
        """
        text, kind = cells.consented_at, self._layout.kind
        if kind is Kind.WIX and not text:
            source = cells.consent_source.casefold()
            text = cells.joined_at if source and not source.startswith("import") else ""
        if not text or (kind is Kind.MAILCHIMP and not cells.consent_ip):
            return None, ()
        moment = moments.read(text, self._days_in)
        if moment is None:
            return None, (Remark.MOMENT,)
        return (moment, ()) if moment <= self._latest else (None, (Remark.FUTURE,))

    def _fields(self, cells: _Cells, raw: list[str]) -> tuple[str, tuple[Remark, ...]]:
        """What else is known, as a JSON object."""
        extra = self._layout.extra
        if not (extra or cells.role or cells.tags or cells.attributes):
            return "{}", ()
        held = spreadsheet.plain(cells.attributes)
        attributes, are_readable = reading.attributes(held) if held else ((), True)
        mapped = tuple((name, reading.own(raw[place].strip())) for name, place in extra.items())
        fields = reading.fields(
            reading.unformulated(cells.role), reading.unformulated(cells.tags), (*attributes, *mapped)
        )
        return fields, () if are_readable else (Remark.ATTRIBUTES,)

    def _proof(self, number: int, raw: list[str]) -> str:
        proof = [key + reading.as_evidence(raw[place]) for key, place in self._evidence if raw[place]]
        return f"{self._file}{number}{''.join(proof)}}}"


def _stopped(cells: _Cells, status: Reason | str | None) -> tuple[Reason, datetime | None] | None:
    """Why nobody may write to whom a row is about, and since when; None where they may."""
    if cells.cleaned_at:
        return Reason.HARD_BOUNCE, moments.read(cells.cleaned_at)
    if cells.suppressed and (reason := _suppressed(cells.suppressed)) is not None:
        return reason, moments.read(cells.suppressed_at)
    if cells.unsubscribed_at:
        return Reason.UNSUBSCRIBE, moments.read(cells.unsubscribed_at)
    return (status, None) if isinstance(status, Reason) else None


def _refuse_nonmember(role: str) -> None:
    """Raise Refused for whom Mailman knows since they once wrote to a list."""
    if role.strip().casefold() == "nonmember":
        raise Refused(Fault.NEVER, "the role is “nonmember”: they wrote to the list, and did not subscribe to it")


def _pace(cells: _Cells, days_in: tzinfo) -> _Pace:
    """The rhythm that somebody chose, the end of their pause, and what of either cannot be read."""
    remarks: tuple[Remark, ...] = ()
    rhythm = cells.rhythm.casefold() or Rhythm.EACH.value
    if rhythm not in _RHYTHMS:
        rhythm, remarks = Rhythm.EACH.value, (Remark.RHYTHM,)
    paused_until = moments.read(cells.paused_until, days_in) if cells.paused_until else None
    if cells.paused_until and paused_until is None:
        remarks += (Remark.PAUSE,)
    return rhythm, paused_until, remarks


def _suppressed(text: str) -> Reason | None:
    """Why our own list, or another, says that nobody is to write there."""
    try:
        return statuses.suppressed(text)
    except KeyError as error:
        raise Refused(Fault.STATUS, f"suppressed for “{names.clean(text)[:40]}”, which is not known") from error


def _names(cells: _Cells, display: str) -> tuple[str | None, str | None]:
    """First and last name; None for one that nobody can have typed as a name."""
    first, last = reading.name(cells.first_name), reading.name(cells.last_name)
    if first == "" and last == "":
        whole = reading.cleaned_name(cells.name) or display
        if whole:
            first, _, last = whole.partition(" ")
            return reading.plain_name(first), reading.plain_name(last)
    return first, last
