"""`newsletter plan`: which mail fires when, and for how many."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from newsletter.campaigns import digests
from newsletter.cli import edge, grouping, skyline
from newsletter.constellation import outlook, store
from newsletter.constellation.model import Event
from newsletter.constellation.outlook import Prospect
from newsletter.constellation.schedule import PlanState

app = grouping.alone()


@app.command()
def plan(
    at: Annotated[
        str,
        typer.Option(
            metavar="TIME", help="Look from this moment instead of now: 2021-02-03T09:00, by the constellation's clock."
        ),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show which mail fires when, by the constellation's clock, and for how many, below a picture of the season.

    A mail that is `local` arrives at that hour of each reader's own clock. People are those it went to, or those who
    would get it as things stand.

    Example: newsletter plan --at 2021-02-03T09:00
    """
    asked = _moment(at) if at else edge.now()
    seen = edge.run(_plan(edge.settings().database, asked))
    moment, zone, prospects = seen.moment, seen.zone, seen.prospects
    if as_json:
        edge.emit_json([_plain(prospect, moment) for prospect in prospects])
        return
    if not prospects:
        edge.say("No mails are planned.")
        return
    rows = [
        (
            f"{p.mail.due_at.astimezone(zone):%a %Y-%m-%d %H:%M}",
            p.mail.slug,
            f"{p.mail.kind}{', local' if p.mail.is_local else ''}",
            "" if p.mail.state is PlanState.SKIPPED else f"{p.people:,}",
            _state(p, moment),
        )
        for p in prospects
    ]
    edge.draw(skyline.draw(seen.events, [p.mail for p in prospects], zone, moment, edge.columns()))
    edge.table([f"due ({zone.key})", "event", "mail", "people", "state"], rows, numbers=["people"])
    if seen.digest_at is not None:
        edge.say(f"The next weekly digest: {seen.digest_at.astimezone(zone):%a %Y-%m-%d %H:%M}, for {_readers(seen)}.")


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text} is no moment; write one as in 2021-02-03T09:00", param_hint="--at") from error


@dataclass(frozen=True, slots=True)
class _Seen:
    """The plan as it looks from a moment; `weekly` are those who have chosen the digest that is next."""

    moment: datetime
    zone: ZoneInfo
    events: tuple[Event, ...]
    prospects: list[Prospect]
    digest_at: datetime | None
    weekly: int


async def _plan(url: str, asked: datetime) -> _Seen:
    async with edge.opened(url) as database, database.read() as connection:
        season = await store.current(connection)
        zone = ZoneInfo(season.timezone)
        moment = (asked if asked.tzinfo else asked.replace(tzinfo=zone)).astimezone(UTC)
        prospects = await outlook.read(connection, moment)
        digest_at = await digests.next_due(connection, moment)
        weekly = await digests.readers(connection, moment)
        return _Seen(moment, zone, season.events, prospects, digest_at, weekly)


def _readers(seen: _Seen) -> str:
    return "1 person who chose it" if seen.weekly == 1 else f"{seen.weekly:,} people who chose it"


def _state(prospect: Prospect, moment: datetime) -> str:
    if prospect.mail.state is not PlanState.PLANNED:
        return prospect.mail.state.value
    wait = prospect.mail.due_at - moment
    return f"in {_span(wait)}" if wait > timedelta() else "due"


def _span(wait: timedelta) -> str:
    """A stretch of time in its largest unit."""
    for unit, length in (("day", timedelta(days=1)), ("hour", timedelta(hours=1)), ("minute", timedelta(minutes=1))):
        if wait >= length:
            count = wait // length
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "a minute"


def _plain(prospect: Prospect, moment: datetime) -> dict[str, object]:
    mail = prospect.mail
    return {
        "event": mail.slug,
        "title": mail.title,
        "kind": mail.kind,
        "due_at": mail.due_at,
        "local": mail.is_local,
        "state": mail.state,
        "is_due": mail.state is PlanState.PLANNED and mail.due_at <= moment,
        "campaign_id": mail.campaign_id,
        "people": prospect.people,
    }
