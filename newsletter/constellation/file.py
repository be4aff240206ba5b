"""The constellation file: TOML in; a Constellation, or every fault at once, out.

    [constellation]     its name, zone and language, who sends its mail, its colours
    [form]              what the form asks beside the address; may be left out
    [mails]             when each mail of an event goes out
    [digest]            when the weekly digest does; may be left out
    [[event]]           one for each event, experience or story

Times without an offset are in the event's zone (its `timezone`, or the constellation's); of an hour that a clock
change repeats, the first is meant, and an offset (`-05:00`) means either. An hour in [mails] is by the constellation's
clock (`at = "09:00"`) or by each reader's own (`at = "09:00 local"`). An event has every mail of [mails] unless
its own `mails` names some of them; a story has one, when it is published.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import partial
from pathlib import Path

from newsletter import tomlfile
from newsletter.constellation import form_table, planning, values
from newsletter.constellation.faults import ConstellationError, Fault, Section
from newsletter.constellation.model import (
    Anchor,
    Brand,
    Constellation,
    Digest,
    Event,
    EventKind,
    Mail,
    MailKind,
    Place,
    Sender,
)
from newsletter.constellation.values import Wrong, shown
from newsletter.suggest import hint

__all__ = ["ConstellationError", "Fault", "read"]

DEFAULT_BRAND = Brand(color="#2b4a6f", accent="#d98e04")

_FILE = {
    "constellation": "a table [constellation] with its name, zone and sender",
    "form": 'a table [form], as in name = "first"',
    "digest": '[digest] with day = "monday" and at = "09:00"',
    "mails": '[mails] with a line for each mail, as in reminder = { offset = "-1d", at = "15:00" }',
}
_DIGEST = {"day": 'write day = "monday"', "at": 'write at = "09:00"'}
_CONSTELLATION = {
    "slug": 'write a short name for commands and addresses, as in slug = "afl-2021"',
    "name": "write what readers call the series",
    "timezone": 'write the zone most of its events are in, as in timezone = "America/New_York"',
    "website": 'write its address, as in website = "https://example.org"',
    "privacy": 'write where it says what becomes of people\'s data, as in privacy = "https://example.org/privacy"',
    "imprint": 'write where it says who is responsible, as in imprint = "https://example.org/imprint"',
    "contact": 'write where readers reach a person, as in contact = "hello@example.org"',
    "postal_address": "every mail must show where the sender is found (CAN-SPAM, CASL); write street, town and country",
    "sender": '[constellation.sender] with name = "…" and email = "…"',
    "brand": '[constellation.brand] with color = "#5b2a86" and accent = "#f2a900"',
}
_SENDER = {
    "name": "write whom the mails are from, as readers see it",
    "email": 'write the address the mails are from, as in email = "news@example.org"',
}
_EVENT = {
    "slug": 'write a short name for commands and addresses, as in slug = "opening"',
    "title": "write what readers call it",
    "kind": 'write kind = "event", "experience" or "story"',
    "starts": "write when it begins, as in starts = 2021-02-03T15:00:00, or 2021-02-03 for a whole day",
    "ends": "write when it is over, as in ends = 2021-02-03T17:00:00; of whole days the last, as in 2021-02-04",
    "published": "write when it can be read, as in published = 2021-03-10T08:00:00",
    "url": "write where it can be read, as in https://example.org/story",
    "place": 'place = { online = "https://…" }, or one with a name and an address',
}
_MAILS = dict.fromkeys((kind.value for kind in MailKind), '{ offset = "-1d", at = "15:00" }')
_MAIL = {
    "offset": 'write how long before the start it goes out, as in offset = "-14d", or after the end: after = "+1d"',
}
_NOT_IN_AN_EVENT = {
    "published": "only a story has it; an event has starts and ends",
    "date": "write starts and ends",
    "online": 'write place = { online = "https://…" }',
}
_NOT_IN_A_STORY = dict.fromkeys(
    ("starts", "ends", "capacity", "rsvp"), "a story has only the moment at which it is published: published = …"
)


_TOO_NEAR = (
    "by each reader's own clock, the same day's hour comes after the start for some, and before the end for others; "
    "count a day at least, or leave `local` out"
)


@dataclass(frozen=True, slots=True)
class _Rules:
    """The mails of [mails] that are right, in the file's order, and the names of all, right or wrong.

    `named` is None where there is no [mails]: one fault says so, not one for each event.
    """

    mails: dict[MailKind, Mail]
    named: frozenset[str] | None


def read(path: Path) -> Constellation:
    """Read a constellation file. Raises ConstellationError, whose text has a line for every fault."""
    try:
        file = tomlfile.read(path)
    except tomlfile.UnreadableFile as error:
        raise ConstellationError(path, [Fault(error.line, error.reason)]) from error
    faults: list[Fault] = []
    constellation = _constellation(Section(file, (), "the file", file.data, _FILE, faults))
    if faults:
        raise ConstellationError(path, sorted(faults, key=lambda fault: fault.line or 0))
    return constellation


def _constellation(root: Section) -> Constellation:
    section = root.table("constellation", "constellation", _CONSTELLATION)
    timezone = section.need("timezone", values.zone, "UTC")
    contact = section.need("contact", values.email, "")
    language = section.may("language", values.language, "en")
    constellation = Constellation(
        slug=section.need("slug", values.slug, ""),
        name=section.need("name", values.line, ""),
        tagline=section.may("tagline", values.line, ""),
        timezone=timezone,
        language=language,
        website=section.need("website", values.url, ""),
        contact=contact,
        postal_address=section.need("postal_address", values.paragraph, ""),
        organisers=section.may("organisers", values.lines, ()),
        sender=_sender(section.table("sender", "constellation.sender", _SENDER), contact),
        brand=_brand(section.table("brand", "constellation.brand", {}, needed=False)),
        events=_events(root, timezone),
        form=form_table.read(root, language),
        privacy=section.may("privacy", values.url, ""),
        imprint=section.may("imprint", values.url, ""),
        digest=_digest(root.table("digest", "digest", _DIGEST, needed=False)),
    )
    section.done()
    root.done(dict.fromkeys(("events", "event"), "write [[event]] for each, in double brackets"))
    return constellation


def _sender(section: Section, contact: str) -> Sender:
    sender = Sender(
        name=section.need("name", values.line, ""),
        email=section.need("email", values.email, ""),
        reply_to=section.may("reply_to", values.email, contact),
    )
    section.done()
    return sender


def _brand(section: Section) -> Brand:
    brand = Brand(
        color=section.may("color", values.color, DEFAULT_BRAND.color),
        accent=section.may("accent", values.color, DEFAULT_BRAND.accent),
    )
    section.done({"colour": "write color"})
    return brand


def _digest(section: Section) -> Digest:
    weekday = section.may("day", values.weekday, 0)
    at, local = section.may("at", values.hour, (time(9), False))
    if local:
        section.fault("a digest goes out by the constellation's clock; leave `local` out", "at")
    section.done({"weekday": 'write day = "monday"', "hour": 'write at = "09:00"'})
    return Digest(weekday, at)


def _events(root: Section, timezone: str) -> tuple[Event, ...]:
    sections = root.tables("event", "event", _EVENT)
    rules = _rules(root, timezone, needed=any(_has_mails(section) for section in sections))
    events = [_event(section, timezone, rules) for section in sections]
    first: dict[str, Section] = {}
    for section, event in zip(sections, events, strict=True):
        other = first.setdefault(event.slug, section)
        if event.slug and other is not section:
            line = other.file.line(*other.key, "slug")
            section.fault(f"the event on line {line} has this slug already; every event needs its own", "slug")
    return tuple(sorted(events, key=lambda event: (event.starts.astimezone(UTC), event.slug)))


def _has_mails(section: Section) -> bool:
    return section.data.get("mails") != [] and section.data.get("kind") != EventKind.STORY


def _rules(root: Section, timezone: str, *, needed: bool) -> _Rules:
    section = root.table("mails", "mails", _MAILS, needed=needed)
    mails: dict[MailKind, Mail] = {}
    for name in section.data:
        try:
            kind = values.mail_kind(name)
        except Wrong as wrong:
            section.fault(str(wrong), name)
            continue
        if kind is MailKind.STORY:
            section.fault("a story is mailed when it is published; leave this line out", name)
        elif (mail := _mail(section.table(name, f"mails.{name}", _MAIL), kind, timezone)) is not None:
            mails[kind] = mail
    return _Rules(mails, frozenset(section.data) if root.has("mails") else None)


def _mail(section: Section, kind: MailKind, timezone: str) -> Mail | None:
    before = len(section.faults)
    anchor = Anchor.END if section.has("after") else Anchor.START
    if anchor is Anchor.END:
        days, elapsed = section.need("after", values.after, (0, timedelta()))
        if section.has("offset"):
            section.may("offset", values.offset, None)
            section.fault("it has both an offset (from the start) and an after (from the end); keep one")
    else:
        days, elapsed = section.need("offset", values.offset, (0, timedelta()))
    at, local = section.may("at", values.hour, (None, False))
    if at is not None and elapsed:
        section.fault("an offset in hours or minutes says the hour itself; leave `at` out, or count in days", "at")
    elif local and not days:
        section.fault(_TOO_NEAR, "at")
    section.done({"before": 'write offset = "-1d"'})
    return Mail(kind, anchor, days, elapsed, at, timezone, local) if len(section.faults) == before else None


def _event(section: Section, constellation_zone: str, rules: _Rules) -> Event:
    kind = section.need("kind", values.kind, None)
    is_story = kind is EventKind.STORY or (kind is None and section.has("published"))
    timezone = section.may("timezone", values.zone, constellation_zone)
    all_day = not is_story and any(values.is_day(section.data.get(name)) for name in ("starts", "ends"))
    span = _days if all_day else _span
    times = _publication(section, timezone) if is_story else span(section, timezone)
    starts, ends = times or (_UNKNOWN, _UNKNOWN)
    url = section.need("url", values.url, "") if is_story else section.may("url", values.url, "")
    event = Event(
        slug=section.need("slug", values.slug, ""),
        title=section.need("title", values.line, ""),
        kind=kind or EventKind.EVENT,
        starts=starts,
        ends=ends,
        timezone=timezone,
        place=_place(section, needed=not is_story),
        summary=section.may("summary", values.paragraph, ""),
        url=url,
        capacity=None if is_story else section.may("capacity", values.capacity, None),
        mails=_story_mails(section) if is_story else _event_mails(section, rules, all_day=all_day),
        cancelled=section.may("cancelled", values.flag, False),
        rsvp=False if is_story else section.may("rsvp", values.flag, False),
        all_day=all_day,
    )
    section.done(_NOT_IN_A_STORY if is_story else _NOT_IN_AN_EVENT)
    if times is not None:
        _refuse_untimely(section, event)
    return event


_UNKNOWN = datetime(2000, 1, 1, tzinfo=UTC)


def _publication(section: Section, timezone: str) -> tuple[datetime, datetime] | None:
    published = section.need("published", partial(values.moment, timezone=timezone), None)
    return None if published is None else (published, published)


def _span(section: Section, timezone: str) -> tuple[datetime, datetime] | None:
    starts = section.need("starts", partial(values.moment, timezone=timezone), None)
    ends = section.need("ends", partial(values.moment, timezone=timezone), None)
    if starts is None or ends is None:
        return None
    if ends.astimezone(UTC) <= starts.astimezone(UTC):
        section.fault(
            f"{ends:%Y-%m-%d %H:%M} is not after the start, {starts:%Y-%m-%d %H:%M}; check both, and their dates",
            "ends",
        )
        return None
    return starts, ends


def _days(section: Section, timezone: str) -> tuple[datetime, datetime] | None:
    """Whole days, as written: the first and the last; without an end it is one."""
    first = section.need("starts", values.day, None)
    last = section.may("ends", values.day, first)
    if first is None or last is None:
        return None
    if last < first:
        section.fault(f"{last} is before the first day, {first}; check both", "ends")
        return None
    return planning.midnight(first, timezone), planning.midnight(last + timedelta(days=1), timezone)


def _place(section: Section, *, needed: bool) -> Place:
    table = section.table("place", f"{section.label}: place", {}, needed=needed)
    if section.has("place") and not table.data and isinstance(section.data["place"], dict):
        section.fault(f"it says nothing; write {_EVENT['place']}", "place")
    place = Place(
        online=table.may("online", values.url, ""),
        name=table.may("name", values.line, ""),
        address=table.may("address", values.paragraph, ""),
    )
    table.done({"url": "write online"})
    return place


def _story_mails(section: Section) -> tuple[Mail, ...]:
    names = section.may("mails", values.lines, (MailKind.STORY.value,))
    for name in names:
        if name != MailKind.STORY:
            section.fault(f"a story has no {shown(name)}; leave `mails` out, or write [] for no mail", "mails")
    return (Mail(MailKind.STORY),) if names else ()


def _event_mails(section: Section, rules: _Rules, *, all_day: bool) -> tuple[Mail, ...]:
    if not section.has("mails"):  # whole days have no hour to count hours from
        return tuple(mail for mail in rules.mails.values() if not (all_day and mail.elapsed))
    names: Sequence[str] = section.may("mails", values.lines, ())
    for name in names:
        if rules.named is not None and name not in rules.named:
            better = hint(name, rules.named) if rules.named else "; add a line for it there"
            section.fault(f"{shown(name)} is not in [mails]{better}", "mails")
    return tuple(rules.mails[MailKind(name)] for name in names if name in rules.mails)


def _refuse_untimely(section: Section, event: Event) -> None:
    """A mail that would tell of a start that has passed, or thank before the end, is a slip of the file."""
    for mail in event.mails:
        if event.all_day and mail.elapsed:
            section.fault(
                f"its {mail.kind} ({mail.rule}) counts hours, and an event of whole days has none to count from; "
                "name this event's `mails` without it",
                "starts",
            )
            continue
        due = planning.due(event, mail)
        # On another day than the end's, all readers come after it; counted from the start, some may come before.
        first = planning.span(event, mail)[0] if mail.anchor is Anchor.START else due
        if mail.kind not in planning.AFTERWARDS and due >= event.starts.astimezone(UTC):
            slip = f"the start, {event.starts:%Y-%m-%d %H:%M %Z}"
        elif mail.kind is MailKind.THANKS and first < event.ends.astimezone(UTC):
            slip = f"the end, {event.ends:%Y-%m-%d %H:%M %Z}"
        else:
            continue
        side = "before" if mail.kind is MailKind.THANKS else "after"
        at = due.astimezone(event.starts.tzinfo)
        section.fault(
            f"its {mail.kind} ({mail.rule}) would go out on {at:%Y-%m-%d %H:%M %Z}, {side} {slip}; "
            "change its line in [mails], or name this event's `mails` without it",
            "starts",
        )
