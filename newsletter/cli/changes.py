"""What a changed constellation leads to, shown before it happens, asked about, and done: for commands that load one."""

import textwrap
from collections.abc import Callable, Iterator

import typer

from newsletter.campaigns import replanning
from newsletter.campaigns.replanning import Changed, Stopped
from newsletter.cli import edge
from newsletter.constellation.difference import Difference, FieldChange, What
from newsletter.constellation.model import Constellation
from newsletter.constellation.schedule import DueMail, Replanned
from newsletter.settings import Settings

_WIDTH = 80


def carry_out(
    found: Constellation,
    *,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    tell: bool,
    note: str,
    write: Callable[[], None] | None = None,
) -> Changed | None:
    """Show what loading it changes, ask where it must, and do it; None for a dry run.

    Mail to people is never sent unasked: without a terminal it takes `yes`. `write` puts the file in its place, as the
    last thing before what is loaded is kept.
    """
    settings = edge.settings()
    seen = edge.run(_load(settings, found, tell=tell, note=note, write=None, keep=False))
    if not as_json:
        _show(seen, tell=tell)
    if dry_run:
        if as_json:
            edge.emit_json(_plain(seen, dry_run=True))
        else:
            edge.say("Nothing was changed: this was a dry run.")
        return None
    if not yes and (seen.loaded.difference or write) and not _agreed(seen):
        if edge.asks():
            edge.say("Nothing was changed.")
        else:
            edge.warn("Nothing was changed. Without a terminal, say --yes, or --no-notices.")
        raise typer.Exit(1)
    done = edge.run(_load(settings, found, tell=tell, note=note, write=write, keep=True))
    if as_json:
        edge.emit_json(_plain(done, dry_run=False))
    return done


def _agreed(seen: Changed) -> bool:
    people = sum(notice.people for notice in seen.notices)
    if not people and not edge.asks():
        return True
    return edge.confirm(f"Load it, and write to {people:,} people now?" if people else "Load it?")


async def _load(
    settings: Settings,
    found: Constellation,
    *,
    tell: bool,
    note: str,
    write: Callable[[], None] | None,
    keep: bool,
) -> Changed:
    now = edge.now()
    async with edge.opened(settings.database) as database, database.begin() as connection:
        if not keep:
            return await replanning.preview(connection, settings, found, now, tell=tell)
        done = await replanning.load(connection, settings, found, now, actor=edge.actor(), tell=tell, note=note)
        for notice in done.notices:
            await edge.audit(connection, "campaign.started", notice.campaign, people=notice.people)
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
        "skipped, as their time has passed": len(plan.skipped),
        "no more planned": len(plan.withdrawn),
    }
    said = [f"{count} {what}" for what, count in parts.items() if count]
    if said:
        yield f"mails      {'; '.join(said)}"
    for mail in at_once:
        yield f"           due at once: {mail.kind} of {mail.slug}"


def _mail_lines(changed: Changed) -> Iterator[str]:
    for stopped in changed.stopped:
        yield f"stop       {stopped.campaign}: {_people(stopped.people)} not got it"
        yield f"           {_anew(stopped)}"
    for notice in changed.notices:
        yield f"tell       {notice.kind}, at once: {_people(notice.people)} been told of {notice.event}"
    for slug in changed.over:
        yield f"tell       nobody: {slug} is over"


def _people(count: int) -> str:
    return "1 person has" if count == 1 else f"{count:,} people have"


def _anew(stopped: Stopped) -> str:
    if stopped.again_at is None:
        return "and will not" if stopped.people else "so nothing is lost"
    return f"they get it as it then is, from {edge.moment(stopped.again_at)} UTC on"


def _plain(changed: Changed, *, dry_run: bool) -> dict[str, object]:
    loaded = changed.loaded
    plan = {
        name: [_plain_mail(mail) for mail in mails]
        for name, mails in (
            ("planned", loaded.plan.planned),
            ("skipped", loaded.plan.skipped),
            ("withdrawn", loaded.plan.withdrawn),
        )
    }
    return {
        "loaded": not dry_run,
        "difference": loaded.difference,
        "plan": plan,
        "notices": changed.notices,
        "stopped": changed.stopped,
        "over": changed.over,
    }


def _plain_mail(mail: DueMail) -> dict[str, object]:
    return {"event": mail.slug, "kind": mail.kind, "due_at": mail.due_at}
