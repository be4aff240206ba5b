"""`newsletter events`: what the constellation consists of, and moving or cancelling a part of it."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from newsletter.cli import attending, changes, clock_time, edge, grouping
from newsletter.constellation import editing, planning, schedule, store
from newsletter.constellation import file as files
from newsletter.constellation.model import Event
from newsletter.constellation.schedule import DueMail
from newsletter.constellation.store import Status, StoredEvent

app = grouping.group()

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Slug = Annotated[str, typer.Argument(metavar="EVENT", help="Its slug, as `events list` shows it.")]
Note = Annotated[str, typer.Option(help="What to say besides, in plain text, to those who are told.")]
File = Annotated[Path, typer.Option("--file", help="The constellation file.", show_default="beside the settings")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
NoNotices = Annotated[bool, typer.Option("--no-notices", help="Tell nobody of the change.")]


@app.callback()
def events() -> None:
    """List, show, move and cancel the events of the constellation."""


@app.command("list")
def list_events(
    as_json: AsJson = False,
    removed: Annotated[bool, typer.Option("--all", help="Those that have left the file, too.")] = False,
) -> None:
    """List the events in the order in which they start, each time by the clock at its place.

    Example: newsletter events list
    """
    found = edge.run(_events(edge.settings().database, removed=removed))
    if as_json:
        edge.emit_json([_plain(stored) for stored in found])
        return
    rows = [(_starts(s.event), s.event.slug, s.event.kind.value, _title(s)) for s in found]
    edge.table(["starts", "event", "kind", "title"], rows, whole=["starts", "event"])


@app.command()
def show(slug: Annotated[str, typer.Argument(help="The event's slug.")], as_json: AsJson = False) -> None:
    """Show an event, and when each of its mails is due.

    Example: newsletter events show opening
    """
    stored, mails = edge.run(_event(edge.settings().database, slug))
    if as_json:
        states = [{"kind": m.kind, "due_at": m.due_at, "state": m.state, "campaign_id": m.campaign_id} for m in mails]
        edge.emit_json({**_plain(stored), "plan": states})
        return
    edge.table([stored.event.slug, stored.event.title], _facts(stored))
    if mails:
        zone = ZoneInfo(stored.event.timezone)
        rows = [(f"{m.due_at.astimezone(zone):%a %Y-%m-%d %H:%M}", m.kind, m.state, _rule(m)) for m in mails]
        edge.table(["due there", "mail", "state", "rule"], rows)


@app.command()
def move(
    slug: Slug,
    starts: Annotated[
        str, typer.Argument(help="Its new start, by the clock at its place: 2021-02-10T15:00; or its first day.")
    ],
    ends: Annotated[str, typer.Option(help="Its new end; left out, it lasts as long as before.")] = "",
    note: Note = "",
    file: File = Path(),
    dry_run: DryRun = False,
    yes: Yes = False,
    no_notices: NoNotices = False,
    force: changes.Force = "",
    as_json: AsJson = False,
) -> None:
    """Move an event: in the constellation file, which keeps its comments, then in the database, as by a load.

    Every mail that was not sent is planned afresh; who had been told of the event is told of the change, and nobody
    else. Shows who and how many first, checks what they would be sent, and asks; an error in it stops the move.

    Example: newsletter events move opening 2021-02-10T15:00 --note "The hall was flooded." --dry-run
    """
    path = _file(file)
    event = files.read(path).event(slug)
    times = {} if event is None else _times(event, starts, ends)  # none: the edit says so, with the nearest right name
    options = changes.Options(dry_run=dry_run, yes=yes, as_json=as_json, tell=not no_notices, note=note, force=force)
    _change(editing.change(path, slug, times), options)


@app.command()
def cancel(
    slug: Slug,
    note: Note = "",
    file: File = Path(),
    dry_run: DryRun = False,
    yes: Yes = False,
    no_notices: NoNotices = False,
    force: changes.Force = "",
    as_json: AsJson = False,
) -> None:
    """Call an event off: in the constellation file, which keeps its comments, then in the database, as by a load.

    Its mails that were not sent are not sent; who had been told of the event is told that it is off, and nobody else.
    Shows who and how many first, checks what they would be sent, and asks; an error in it stops it.
    `cancelled = false` in the file, and a load, restores the event.

    Example: newsletter events cancel opening --note "We are sorry." --yes
    """
    edited = editing.change(_file(file), slug, {"cancelled": True})
    options = changes.Options(dry_run=dry_run, yes=yes, as_json=as_json, tell=not no_notices, note=note, force=force)
    _change(edited, options)


app.command("attendance")(attending.attendance)
app.command("answer")(attending.answer)


def _file(named: Path) -> Path:
    return edge.settings_file.get().parent / "constellation.toml" if named == Path() else named


def _times(event: Event, starts: str, ends: str) -> dict[str, editing.Value]:
    """The new start and end as the file has them: by the clock at the place, without a zone where that is plain."""
    if event.all_day:
        return _days(event, starts, ends)
    begins = _time(event, starts, "STARTS")
    if begins <= edge.now() < event.starts:
        raise typer.BadParameter(
            f"{begins:%Y-%m-%d %H:%M %Z} has passed; an event that is over already is written so into the file",
            param_hint="STARTS",
        )
    if event.is_story:
        return {"published": _written(begins)}
    lasts = event.ends.astimezone(UTC) - event.starts.astimezone(UTC)
    over = _time(event, ends, "--ends") if ends else (begins.astimezone(UTC) + lasts).astimezone(event.starts.tzinfo)
    return {"starts": _written(begins), "ends": _written(over)}


def _days(event: Event, starts: str, ends: str) -> dict[str, editing.Value]:
    """The new days of an event that has no hours; it lasts as long as before unless its last is named."""
    first = _day(starts, "STARTS")
    if planning.midnight(first, event.timezone) <= edge.now() < event.starts:
        raise typer.BadParameter(
            f"{first} has begun; an event that is over already is written so into the file", param_hint="STARTS"
        )
    return {"starts": first, "ends": _day(ends, "--ends") if ends else first + timedelta(days=event.days - 1)}


def _day(text: str, where: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        told = f"{text} is no day, and this event lasts whole days; write one as in 2021-02-10"
        raise typer.BadParameter(told, param_hint=where) from error


def _time(event: Event, text: str, where: str) -> datetime:
    was = event.ends if where == "--ends" else event.starts
    return clock_time.read(text, event.timezone, where, usual=f"{was:%H:%M}")


def _written(moment: datetime) -> datetime:
    plain = moment.replace(tzinfo=None, fold=0)
    is_plain = planning.instant(plain, ZoneInfo(str(moment.tzinfo))) == moment.astimezone(UTC)
    return plain if is_plain else datetime.fromisoformat(moment.isoformat())


def _change(edited: editing.Edited, options: changes.Options) -> None:
    done = changes.carry_out(edited.constellation, options, edited.write if edited.is_other else None)
    if done is not None and not options.as_json and (edited.is_other or done.loaded.difference):
        edge.say(f"{edited.path} says so now, and it is loaded.")
        if done.notices:
            edge.say(f"{edge.sender(edge.settings())} sends the notices. To send them from here:")
            for notice in done.notices:
                edge.say(f"newsletter campaign send {notice.campaign}")


async def _events(url: str, *, removed: bool) -> list[StoredEvent]:
    async with edge.opened(url) as database, database.read() as connection:
        await store.current(connection)  # says what to do where nothing is loaded
        return await store.events(connection, removed=removed)


async def _event(url: str, slug: str) -> tuple[StoredEvent, list[DueMail]]:
    async with edge.opened(url) as database, database.read() as connection:
        await store.current(connection)
        stored = await store.find(connection, slug)
        mails = await schedule.upcoming(connection, every=True)
        return stored, [mail for mail in mails if mail.event_id == stored.id]


def _starts(event: Event) -> str:
    return f"{event.starts:%Y-%m-%d}, all day" if event.all_day else f"{event.starts:%Y-%m-%d %H:%M %Z}"


def _title(stored: StoredEvent) -> str:
    return stored.event.title if stored.status is Status.SCHEDULED else f"({stored.status}) {stored.event.title}"


def _facts(stored: StoredEvent) -> list[tuple[str, str]]:
    event = stored.event
    times = [("published", _moment(event.starts))] if event.is_story else _span(event)
    facts = [
        ("kind", event.kind.value),
        *times,
        ("zone", event.timezone),
        ("online", event.place.online),
        ("place", ", ".join(filter(None, (event.place.name, event.place.address)))),
        ("address", event.url),
        ("seats", "" if event.capacity is None else str(event.capacity)),
        ("asks", "who comes" if event.rsvp else ""),
        ("summary", event.summary),
        ("status", stored.status.value),
        ("sequence", str(stored.sequence)),
    ]
    return [(name, value) for name, value in facts if value]


def _span(event: Event) -> list[tuple[str, str]]:
    days = [("days", str(event.days))] if event.days > 1 else []
    if event.all_day:
        last = [("ends", f"{event.last_day:%a %Y-%m-%d}")] if days else []
        return [("starts", f"{event.starts:%a %Y-%m-%d}, all day"), *last, *days]
    return [("starts", _moment(event.starts)), ("ends", _moment(event.ends)), *days]


def _moment(moment: datetime) -> str:
    return f"{moment:%a %Y-%m-%d %H:%M %Z}"


def _rule(due: DueMail) -> str:
    mail = due.event.mail(due.kind)
    if mail is None or planning.due(due.event, mail) != due.due_at:
        return ""  # it was sent by a rule that the file has changed since
    return mail.rule


def _plain(stored: StoredEvent) -> dict[str, object]:
    return {
        "id": stored.id,
        "status": stored.status,
        "sequence": stored.sequence,
        **stored.event.to_document(),
    }
