"""What a changed constellation leads to, shown before it happens, asked about, and done: for commands that load one."""

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.campaigns import replanning, store
from newsletter.campaigns.preflight import running
from newsletter.campaigns.preflight.running import Gathered, Preflight
from newsletter.campaigns.replanning import Changed, Stopped
from newsletter.cli import campaign_checking, edge
from newsletter.constellation.difference import Difference, FieldChange, What
from newsletter.constellation.model import Constellation
from newsletter.constellation.schedule import DueMail, Replanned
from newsletter.content.errors import ContentError
from newsletter.engine import parts
from newsletter.errors import NewsletterError
from newsletter.settings import Settings

_WIDTH = 80

Force = Annotated[
    str, typer.Option(metavar="REASON", help="Send the notices in spite of the errors found; it is written down.")
]


class LoadedMeanwhile(NewsletterError):
    """Somebody else loaded a constellation between what was shown and what was agreed to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How somebody at the terminal wants it: `note` is said in the notices besides, `force` is why they may go out in
    spite of an error."""

    dry_run: bool
    yes: bool
    as_json: bool
    tell: bool
    note: str
    force: str


def carry_out(found: Constellation, options: Options, write: Callable[[], None] | None = None) -> Changed | None:
    """Show what loading it changes, check the notices, ask where it must, and do it; None for a dry run.

    Mail to people is never sent unasked: without a terminal it takes `yes`. `write` puts the file in its place, as the
    last thing before what is loaded is kept. Raises LoadedMeanwhile, and nothing has changed.
    """
    settings = edge.settings()
    seen, notices = _seen(settings, found, options)
    if not options.as_json:
        _show(seen, tell=options.tell)
    checks = [edge.run(campaign_checking.look(settings, notice)) for notice in notices]
    passed = {one.campaign: campaign_checking.judged(one, options.force, names=True) for one in checks}
    is_stopped = None in passed.values()
    if options.as_json and (options.dry_run or is_stopped):
        edge.emit_json(_plain(seen, checks, is_loaded=False))
    if options.dry_run and not options.as_json:
        edge.say("Nothing was changed: this was a dry run.")
    elif is_stopped:
        edge.warn("Nothing was changed. Put it right, or say why it may go out: --force REASON;")
        edge.warn("--no-notices tells nobody.")
    if is_stopped:
        raise typer.Exit(1)
    if options.dry_run:
        return None
    if not options.yes and (seen.loaded.difference or write) and not _agreed(seen):
        if edge.asks():
            edge.say("Nothing was changed.")
        else:
            edge.warn("Nothing was changed. Without a terminal, say --yes, or --no-notices.")
        raise typer.Exit(1)
    kept = {slug: one.kept for slug, one in passed.items() if one is not None}
    done = edge.run(_load(settings, found, options, seen, kept, write))
    if options.as_json:
        edge.emit_json(_plain(done, checks, is_loaded=True))
    else:
        _say_if_known(seen, done)
    return done


def _say_if_known(seen: Changed, done: Changed) -> None:
    if seen.loaded.difference and not done.loaded.difference:
        edge.say("Somebody else has loaded the same meanwhile: the database holds it already.")


def _agreed(seen: Changed) -> bool:
    people = sum(notice.people for notice in seen.notices)
    if not people and not edge.asks():
        return True
    return edge.confirm(f"Load it, and write to {edge.people(people)} now?" if people else "Load it?")


def _seen(settings: Settings, found: Constellation, options: Options) -> tuple[Changed, list[Gathered]]:
    try:
        return edge.run(_look(settings, found, options))
    except ContentError as error:
        edge.warn(f"{error}\nNothing was changed: no notice can be written so. --no-notices tells nobody.")
        raise typer.Exit(1) from error


async def _look(settings: Settings, found: Constellation, options: Options) -> tuple[Changed, list[Gathered]]:
    """What it would change, and each notice as its readers would get it."""
    now = edge.now()
    async with (
        edge.opened(settings.database) as database,
        database.begin() as connection,
        replanning.tried(connection, settings, found, now, tell=options.tell, note=options.note) as seen,
    ):
        return seen, [await _gathered(connection, settings, notice.campaign, now) for notice in seen.notices]


async def _gathered(connection: AsyncConnection, settings: Settings, slug: str, now: datetime) -> Gathered:
    draft = await store.find(connection, slug)
    return await running.gather(connection, settings, parts.stationery(settings), draft, now)


async def _load(
    settings: Settings,
    found: Constellation,
    options: Options,
    seen: Changed,
    passed: Mapping[str, Mapping[str, object]],
    write: Callable[[], None] | None,
) -> Changed:
    """Do what was `seen`, and nothing else; `passed` is what the audit keeps of each notice's check."""
    now, actor = edge.now(), edge.actor()
    async with edge.opened(settings.database) as database, database.begin() as connection:
        done = await replanning.load(
            connection, settings, found, now, actor=actor, tell=options.tell, note=options.note
        )
        if done.loaded.difference and done.loaded.difference != seen.loaded.difference:
            raise LoadedMeanwhile(
                "somebody else loaded the constellation meanwhile, so this would change other things than were shown; "
                "nothing was changed: run it again"
            )
        for notice in done.notices:
            kept = passed.get(notice.campaign, {})
            await edge.audit(connection, "campaign.started", notice.campaign, people=notice.people, **kept)
        if write is not None:
            write()
        return done


def _show(changed: Changed, *, tell: bool) -> None:
    loaded = changed.loaded
    for line in (*_difference_lines(loaded.difference), *_plan_lines(loaded.plan), *_mail_lines(changed)):
        edge.say(line)
    if not tell:
        edge.say("tell       nobody: you said so")


def _difference_lines(difference: Difference) -> Iterator[str]:
    if difference.is_first:
        yield f"new        {difference.name} ({difference.slug})"
    elif not difference:
        yield "Nothing changes: the database holds this already."
    for field in difference.constellation:
        yield from _field_lines(field, indent="", label="changed    ")
    for change in difference.events:
        title = textwrap.shorten(f"{change.slug}: {change.title}", _WIDTH - 11, placeholder="…")
        yield f"{change.what:<10} {title}"
        for field in change.fields:
            yield from _field_lines(field, indent=" " * 11, label="")
    if {What.ADDED, What.REMOVED} <= {change.what for change in difference.events}:
        yield "note       A slug is for good: who chose a removed event has not chosen an added one."
    if any(change.what is What.REMOVED for change in difference.events):
        yield "note       Nobody is told of an event that leaves the file; `cancelled = true` tells them."


def _field_lines(field: FieldChange, *, indent: str, label: str) -> Iterator[str]:
    whole = f"{indent}{label}{field.name}: {field.before or 'nothing'} → {field.after or 'nothing'}"
    if len(whole) <= _WIDTH and "\n" not in whole:
        yield whole
        return
    yield f"{indent}{label}{field.name}:"
    room = _WIDTH - len(indent) - 4
    for sign, text in (("-", field.before), ("+", field.after)):
        if text:
            yield from textwrap.wrap(text, room, initial_indent=f"{indent}  {sign} ", subsequent_indent=f"{indent}    ")


def _plan_lines(plan: Replanned) -> Iterator[str]:
    now = edge.now()
    at_once = [mail for mail in plan.planned if mail.due_at <= now]
    parts = {
        "planned": len(plan.planned),
        "skipped, as their time has passed": len(plan.skipped) - len(plan.overtaken),
        "skipped, as people are invited already": len(plan.overtaken),
        "no more planned": len(plan.withdrawn),
    }
    said = [f"{count} {what}" for what, count in parts.items() if count]
    if said:
        yield from textwrap.wrap(f"mails      {'; '.join(said)}", _WIDTH, subsequent_indent=" " * 11)
    for mail in at_once:
        yield f"           due at once: {mail.kind} of {mail.slug}"


def _mail_lines(changed: Changed) -> Iterator[str]:
    for stopped in changed.stopped:
        yield f"stop       {stopped.campaign}: {_people(stopped.people)} not got it"
        yield f"           {_anew(stopped)}"
    for again in changed.resumed:
        yield f"send       {again.campaign}: {_people(again.people)} not got it"
        yield f"           {_anew(again)}"
    for notice in changed.notices:
        yield f"tell       {notice.kind}, at once: {_people(notice.people)} been told of {notice.event}"
    for slug in changed.over:
        yield f"tell       nobody: {slug} is over"


def _people(count: int) -> str:
    return f"{edge.people(count)} {'has' if count == 1 else 'have'}"


def _anew(stopped: Stopped) -> str:
    if stopped.again_at is None:
        return "and will not" if stopped.people else "so nothing is lost"
    return f"they get it as it then is, from {edge.moment(stopped.again_at)} UTC on"


def _plain(changed: Changed, checks: Sequence[Preflight], *, is_loaded: bool) -> dict[str, object]:
    loaded = changed.loaded
    plan = {
        name: [_plain_mail(mail) for mail in mails]
        for name, mails in (
            ("planned", loaded.plan.planned),
            ("skipped", loaded.plan.skipped),
            ("withdrawn", loaded.plan.withdrawn),
            ("overtaken", loaded.plan.overtaken),
        )
    }
    return {
        "loaded": is_loaded,
        "difference": loaded.difference,
        "plan": plan,
        "notices": changed.notices,
        "checks": checks,
        "stopped": changed.stopped,
        "resumed": changed.resumed,
        "over": changed.over,
    }


def _plain_mail(mail: DueMail) -> dict[str, object]:
    return {"event": mail.slug, "kind": mail.kind, "due_at": mail.due_at}
