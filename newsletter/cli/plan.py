"""`newsletter plan`: which mail fires when, and for how many."""

import textwrap
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from newsletter.campaigns import digests, holding, outlook
from newsletter.campaigns.holding import Held
from newsletter.campaigns.outlook import Prospect
from newsletter.campaigns.store import Campaign
from newsletter.cli import clock_time, edge, grouping, skyline, stacked
from newsletter.constellation import planning, schedule, store
from newsletter.constellation.model import Event
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
    would get it as things stand. Seen from a moment to come, what is due long before it goes out "by then"; what is
    "too late" already is skipped.

    Example: newsletter plan --at 2021-02-03T09:00
    """
    seen = edge.run(_plan(edge.settings().database, at))
    moment, zone, prospects = seen.moment, seen.zone, seen.prospects
    if as_json:
        edge.emit_json([_plain(prospect, seen) for prospect in prospects])
        return
    if not prospects:
        edge.say("No mails are planned.")
        return
    edge.draw(skyline.draw(seen.events, [p.mail for p in prospects], zone, moment, edge.columns()))
    _table(seen)
    for prospect in prospects:
        if (held := seen.holding(prospect)) is not None:
            edge.say(textwrap.fill(f"{held.slug} is {held.said}: {held.faults[0].text}", _WIDTH))
        if (of := prospect.campaign) is not None and of.expression and prospect.mail.state is not PlanState.SKIPPED:
            edge.say(textwrap.fill(f"{of.slug} is for {_some(of)}: {of.expression}", _WIDTH))
    if seen.digest_at is not None:
        kept = [one.said for slug, one in seen.held.items() if slug.startswith(f"{planning.DIGEST}/")]
        when = f"{seen.digest_at.astimezone(zone):%a %Y-%m-%d %H:%M}{''.join(f' ({said})' for said in kept)}"
        edge.say(f"The next weekly digest: {when}, for {_readers(seen)}.")


@dataclass(frozen=True, slots=True)
class _Seen:
    """The plan as it looks from a moment; `weekly` are those who have chosen the digest that is next."""

    moment: datetime
    zone: ZoneInfo
    events: tuple[Event, ...]
    prospects: list[Prospect]
    digest_at: datetime | None
    weekly: int
    held: dict[str, Held]

    def holding(self, prospect: Prospect) -> Held | None:
        """What keeps a mail of the plan that is due."""
        mail, of = prospect.mail, prospect.campaign
        name = f"{mail.slug}/{mail.kind}" if of is None else of.slug
        return self.held.get(name) if mail.state is PlanState.PLANNED else None


def _some(of: Campaign) -> str:
    return "those who had not got it before" if of.is_the_plans_anew else "some only, and for nobody else"


def _table(seen: _Seen) -> None:
    """The plan by rows that stay whole at 80 columns."""
    rows = [
        (
            f"{p.mail.due_at.astimezone(seen.zone):%a %Y-%m-%d %H:%M}{'*' if p.mail.is_local else ''}",
            p.mail.slug,
            p.mail.kind.value,
            "" if p.mail.state is PlanState.SKIPPED else f"{p.people:,}",
            _state(p, seen),
        )
        for p in seen.prospects
    ]
    stacked.show(["due", "event", "mail", "people", "state"], rows, numbers=["people"], names="event")
    local = "; * by each reader's own" if any(p.mail.is_local for p in seen.prospects) else ""
    edge.say(f"By the clock of {seen.zone.key}{local}.")


_WIDTH = 80


async def _plan(url: str, at: str) -> _Seen:
    async with edge.opened(url) as database, database.read() as connection:
        season = await store.current(connection)
        zone = ZoneInfo(season.timezone)
        moment = clock_time.read(at, season.timezone, "--at").astimezone(UTC) if at else edge.now()
        prospects = await outlook.read(connection, moment)
        digest_at = await digests.next_due(connection, moment)
        weekly = await digests.readers(connection, moment)
        held = await holding.listed(connection)
        return _Seen(moment, zone, season.events, prospects, digest_at, weekly, held)


def _readers(seen: _Seen) -> str:
    return f"{edge.people(seen.weekly)} who chose it"


def _state(prospect: Prospect, seen: _Seen) -> str:
    made = prospect.campaign
    if made is not None and made.status in ("cancelled", "scheduled"):
        return made.status
    if prospect.mail.state is not PlanState.PLANNED:
        return prospect.mail.state.value
    if seen.holding(prospect) is not None:
        return "held"
    mail = prospect.mail
    wait = mail.due_at - seen.moment
    if wait > timedelta():
        return f"in {_span(wait)}"
    if planning.useless_from(mail.event, mail.kind, mail.due_at, schedule.GRACE) > seen.moment:
        return "due"
    return "by then" if mail.due_at > edge.now() else "too late"


def _span(wait: timedelta) -> str:
    """A stretch of time in its largest unit."""
    for unit, length in (("day", timedelta(days=1)), ("hour", timedelta(hours=1)), ("minute", timedelta(minutes=1))):
        if wait >= length:
            count = wait // length
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "a minute"


def _plain(prospect: Prospect, seen: _Seen) -> dict[str, object]:
    mail = prospect.mail
    return {
        "event": mail.slug,
        "title": mail.title,
        "kind": mail.kind,
        "due_at": mail.due_at,
        "local": mail.is_local,
        "state": mail.state,
        "is_due": mail.state is PlanState.PLANNED and mail.due_at <= seen.moment,
        "campaign_id": mail.campaign_id,
        "people": prospect.people,
        "held": seen.holding(prospect),
    }
