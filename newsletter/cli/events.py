"""`newsletter events`: what the constellation consists of."""

from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from newsletter.cli import edge, grouping
from newsletter.constellation import planning, schedule, store
from newsletter.constellation.model import Event
from newsletter.constellation.schedule import DueMail
from newsletter.constellation.store import Status, StoredEvent

app = grouping.group()

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def events() -> None:
    """List and show the events of the constellation."""


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
    rows = [(f"{s.event.starts:%Y-%m-%d %H:%M %Z}", s.event.slug, s.event.kind.value, _title(s)) for s in found]
    edge.table(["starts", "event", "kind", "title"], rows)


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
        ("summary", event.summary),
        ("status", stored.status.value),
        ("sequence", str(stored.sequence)),
    ]
    return [(name, value) for name, value in facts if value]


def _span(event: Event) -> list[tuple[str, str]]:
    days = [("days", str(event.days))] if event.days > 1 else []
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
