"""`newsletter campaign`: from a draft to its report."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter import clock
from newsletter.campaigns import (
    audiences,
    holding,
    lifecycle,
    outlook,
    previewing,
    report,
    store,
    visibility,
    writing,
)
from newsletter.campaigns.holding import Held
from newsletter.campaigns.store import Campaign
from newsletter.cli import (
    campaign_checking,
    campaign_preview,
    campaign_sending,
    campaign_steps,
    edge,
    grouping,
    moments,
    reported,
    stacked,
)
from newsletter.cli.campaign_steps import AsJson, Slug
from newsletter.constellation import store as constellations
from newsletter.constellation.model import MailKind
from newsletter.content.errors import ContentError
from newsletter.delivery import refusing_relays
from newsletter.delivery.ledger import State
from newsletter.delivery.refusing_relays import Refusing
from newsletter.engine import parts, sending

app = grouping.group()

To = Annotated[
    str | None,
    typer.Option(metavar="EXPRESSION|NAME", help="Who of the event's followers is meant; see `audience --help`."),
]


@app.callback()
def campaign() -> None:
    """Draft, preview, test, send and follow campaigns."""


@app.command()
def draft(
    about: Annotated[
        str,
        typer.Argument(metavar="EVENT|FILE.md", help="An event, as `events list` shows it; or a mail in Markdown."),
    ],
    kind: Annotated[
        str | None,
        typer.Argument(help=f"Of an event, one of: {', '.join([*MailKind, 'changed', 'cancelled'])}."),
    ] = None,
    note: Annotated[str, typer.Option(help="What you want to say besides, in plain text.")] = "",
    suffix: Annotated[str, typer.Option("--as", metavar="NAME", help="A name for a second one of its kind.")] = "",
    to: To = None,
    archived: Annotated[
        bool | None,
        typer.Option("--archive/--no-archive", help="Let everybody read it once it is sent, or nobody."),
    ] = None,
) -> None:
    """Write a draft about an event, or from a Markdown file; nothing is sent.

    A file begins with its front matter: subject, and if need be preheader, event, audience (docs/stories.md).

    Example: newsletter campaign draft opening invitation --note "Bring a friend."
    """
    settings = edge.settings()
    if kind is None and not about.endswith(".md"):
        raise typer.BadParameter("name the kind of mail too, or a file that ends in .md", param_hint="KIND")
    if kind is not None and about.endswith(".md"):
        raise typer.BadParameter("a Markdown file needs no kind", param_hint="KIND")
    if kind is None and note:
        raise typer.BadParameter("a Markdown file says itself what is to be said", param_hint="--note")

    async def write(connection: AsyncConnection) -> Campaign:
        if kind is None:
            manuscript = writing.read(Path(about), await constellations.current(connection), settings.public_url)
            return await writing.draft(connection, manuscript, now=edge.now(), name=suffix, to=to)
        only = await audiences.resolve(connection, to) if to is not None else ""
        return await store.draft(connection, about, kind, now=edge.now(), note=note, suffix=suffix, expression=only)

    async def work() -> None:
        async with edge.opened(settings.database) as database, database.begin() as connection:
            made = await write(connection)
            if archived is not None:
                await visibility.choose(connection, made.id, is_public=archived)
                made = await store.find(connection, made.slug)
            stated = await lifecycle.facts(connection, settings, made)
            lifecycle.check(stated, made, edge.now(), settings.bounces.address, settings.templates)
            planned = await outlook.planned(connection, made)
        edge.say(f"{made.slug} is a draft. Look at it:")
        edge.say(f"  newsletter campaign preview {made.slug}")
        if planned is not None:
            due = clock.shown(planned.due_at, stated.constellation.timezone)
            edge.prose(f"It is the plan's, which sends it {due}. {_INSTEAD if made.expression else _AT_ONCE}")

    edge.run(work())


_AT_ONCE = "`campaign send` sends it at once instead."
_INSTEAD = "Nobody else is sent it then: one besides needs a name of its own, by --as."


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List every campaign and where it stands.

    Example: newsletter campaign list --json
    """
    settings = edge.settings()

    async def work() -> tuple[list[report.Report], dict[str, Held]]:
        async with edge.opened(settings.database) as database, database.read() as connection:
            reports = [await report.read(connection, one) for one in await store.listed(connection)]
            return reports, await holding.listed(connection)

    reports, held = edge.run(work())
    if as_json:
        edge.emit_json([{**edge.plain(one), "held": held.get(one.slug)} for one in reports])
        return
    rows = [
        (
            r.slug,
            held[r.slug].said if r.slug in held else r.status,
            edge.moment(r.started_at),
            f"{r.audience:,}",
            f"{r.states.get(State.SENT, 0):,}",
        )
        for r in reports
    ]
    if not rows:
        edge.say("There is no campaign yet; the plan makes them, and `newsletter campaign draft`.")
        return
    stacked.show(["campaign", "status", "started (UTC)", "people", "sent"], rows, numbers=["people", "sent"])


@app.command()
def show(slug: Slug, as_json: AsJson = False) -> None:
    """Show one campaign: what it is, whom it is for, and where it stands.

    Example: newsletter campaign show opening/invitation
    """
    settings = edge.settings()

    async def work() -> tuple[previewing.Overview | None, Held | None, list[Refusing]]:
        async with edge.opened(settings.database) as database, database.read() as connection:
            found, held = await store.find(connection, slug), (await holding.listed(connection)).get(slug)
            is_on_its_way = found.status in ("sending", "paused")
            refusing = await refusing_relays.current(connection, edge.now()) if is_on_its_way else []
            try:
                paper = parts.stationery(settings)
                return await previewing.overview(connection, settings, paper, found, edge.now()), held, refusing
            except ContentError:
                if held is None:
                    raise
                return None, held, refusing  # what is wrong with it is among its faults

    seen, held, refusing = edge.run(work())
    if as_json:
        known = {"slug": slug} if seen is None else edge.plain(seen)
        edge.emit_json({**known, "held": held, "refusing_relays": refusing})
        return
    rows = [] if seen is None else _overview(seen)
    troubles = [("waits", one.said) for one in refusing]
    edge.table(["", slug], [*([] if held is None else _held(held)), *troubles, *rows])


def _overview(seen: previewing.Overview) -> list[tuple[str, str]]:
    return [
        ("status", seen.status),
        *([("event", _left(seen))] if seen.has_left else []),
        ("subject", seen.subject),
        ("size", f"{seen.size / 1024:.0f} KB, as one reader gets it"),
        ("audience", edge.people(seen.people) + (f", of those who follow {seen.topic}" if seen.topic else "")),
        *([("of whom", seen.expression)] if seen.expression else []),
        ("archive", _archive(seen)),
        *([("hour", _hour(seen))] if seen.hour else []),
        ("scheduled", _when(seen.scheduled_at, seen)),
        ("started", _when(seen.started_at, seen)),
    ]


def _left(seen: previewing.Overview) -> str:
    waits = seen.status in ("draft", "scheduled")
    return f"{seen.topic} has left the constellation{', so this is not sent unless it comes back' if waits else ''}"


def _archive(seen: previewing.Overview) -> str:
    if seen.archive_url:
        return seen.archive_url if seen.started_at else f"once it is sent: {seen.archive_url}"
    return "not shown, as it was cancelled" if seen.status == "cancelled" else "not for everybody"


def _when(at: datetime | None, seen: previewing.Overview) -> str:
    return "no" if at is None else clock.shown(at, seen.timezone)


def _hour(seen: previewing.Overview) -> str:
    """The hour at which each reader gets it; what staff send before the plan does goes to all at once."""
    return f"{seen.hour} by each reader's own clock{'' if seen.started_at else ', when the plan sends it'}"


def _held(held: Held) -> list[tuple[str, str]]:
    since = f"{edge.moment(held.held_at)} UTC; looked at again until {edge.moment(held.until)}, then skipped"
    return [(held.said, since), *((fault.rule, fault.text) for fault in held.faults)]


@app.command()
def archive(
    slug: Slug,
    is_public: Annotated[bool, typer.Option("--show/--hide", help="Let everybody read it, or nobody.")] = True,
    as_json: AsJson = False,
) -> None:
    """Let everybody read a campaign's mail on the web, or nobody; links in mails that are out lead to it or nowhere.

    Unless you say so, what went to some people only is not read by all, nor are reminders.

    Example: newsletter campaign archive opening/thanks --hide
    """
    settings = edge.settings()

    async def work() -> Campaign:
        async with edge.opened(settings.database) as database, database.begin() as connection:
            found = await store.find(connection, slug)
            await visibility.choose(connection, found.id, is_public=is_public)
            await edge.audit(connection, "campaign.archived" if is_public else "campaign.hidden", slug)
            return await store.find(connection, slug)

    found = edge.run(work())
    is_read = found.is_in_archive
    url = f"{settings.public_url}{visibility.path(found.slug)}" if is_read else ""
    if as_json:
        edge.emit_json({"campaign": found.slug, "public": is_read, "url": url})
    elif not is_read:
        edge.say(f"{found.slug} is read by nobody on the web{', as it was cancelled' if is_public else ''}.")
    else:
        edge.say(f"{found.slug} is read by everybody{'' if found.started_at else ', once it is sent'}: {url}")


@app.command()
def preview(
    slug: Slug,
    folder: Annotated[
        Path | None, typer.Option(help="Write the mail into this folder instead: .html, .txt and .eml.")
    ] = None,
    port: Annotated[int, typer.Option(help="The port of the page; 0 takes a free one.")] = 0,
    browser: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Serve a page with the mail as any reader gets it, which follows your files as you change them.

    Phone, desktop, dark, plain text, headers, size, and what `campaign check` says of it. Ctrl-C ends it.

    Example: newsletter campaign preview opening/invitation --open
    """
    settings = edge.settings()
    if folder is not None:
        edge.run(campaign_preview.write(settings, slug, folder, browser=browser))
    else:
        edge.run(campaign_preview.serve(settings, slug, port=port, browser=browser))


@app.command()
def test(
    slug: Slug,
    address: Annotated[list[str], typer.Argument(help="Where to send it.")],
) -> None:
    """Send the mail to you, marked [Test]; nothing is recorded as sent, and its links change nobody.

    Example: newsletter campaign test opening/invitation me@example.org
    """
    settings = edge.settings()

    async def work() -> list[tuple[str, str]]:
        async with edge.opened(settings.database) as database, database.read() as connection:
            found = await store.find(connection, slug)
            paper = parts.stationery(settings)
            items = await previewing.test_items(connection, settings, paper, found, address, edge.now())
        relays = parts.relays(settings)
        try:
            return await previewing.send_test(relays, items)
        finally:
            await relays.close()

    answers = edge.run(work())
    for to, answer in answers:
        edge.say(f"{to}: {answer}")
    if not all(answer.startswith("2") for _, answer in answers):
        raise typer.Exit(1)


@app.command()
def check(slug: Slug, as_json: AsJson = False) -> None:
    """Look for what would go wrong: in what each reader gets, its links, dates and size, and in the sender's records.

    Ends with status 1 if there is an error. Links and DNS are asked unless `preflight.network` is off.

    Example: newsletter campaign check opening/invitation --json
    """
    found = edge.run(campaign_checking.check(edge.settings(), slug))
    if as_json:
        edge.emit_json(found)
    else:
        campaign_checking.say(found)
    if not found.is_clear:
        raise typer.Exit(1)


@app.command()
def send(
    slug: Slug,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Not now, but at this moment: 2021-02-01T09:00, by the constellation's clock, or with an offset or Z.",
        ),
    ] = None,
    to: To = None,
    force: Annotated[
        str,
        typer.Option(
            metavar="REASON", help="Send in spite of the errors that `campaign check` finds; it is written down."
        ),
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send a campaign, or go on with one; Ctrl-C stops after what is in flight, and `send` again goes on.

    It is checked first (see `campaign check`), and not sent where there is an error.

    Example: newsletter campaign send opening/invitation --yes
    """
    settings = edge.settings()
    if at is not None:
        scheduled = edge.run(campaign_sending.schedule(settings, slug, at, to, force=force))
        if as_json:
            edge.emit_json(scheduled)
        else:
            campaign_sending.say_scheduled(scheduled, edge.sender(settings))
        return
    result = edge.run(campaign_sending.send(settings, slug, to, agreed=yes or as_json, force=force))
    if as_json:
        edge.emit_json(result)
    else:
        campaign_sending.say_result(result, edge.sender(settings))
    if result.report.waiting:
        raise typer.Exit(3)


for step in (
    campaign_steps.pause,
    campaign_steps.resume,
    campaign_steps.cancel,
    campaign_steps.retry,
    campaign_steps.uncertain,
):
    app.command()(step)


@app.command("report")
def report_(slug: Slug, as_json: AsJson = False) -> None:
    """Count what became of a campaign, and name who was not reached and why.

    Example: newsletter campaign report opening/invitation --json
    """
    settings = edge.settings()

    async def work() -> sending.Result:
        async with edge.opened(settings.database) as database, database.read() as connection:
            return await sending.standing(connection, await store.find(connection, slug), edge.now())

    result, paused = edge.run(work()), edge.run(reported.paused_now(settings.database))
    limited = edge.run(moments.limited_now(settings))
    if as_json:
        edge.emit_json({**edge.plain(result), "paused_domains": paused, "limited_relays": limited})
        return
    seen = result.report
    if seen.expression:
        edge.say(f"To: {seen.expression}")
    rows = [("audience", seen.audience), *seen.states.items()]
    rows += [(f"then: {kind}", count) for kind, count in sorted(seen.feedback.items())]
    edge.table([seen.slug, "people"], [(name, f"{count:,}") for name, count in rows], numbers=["people"])
    reported.tell_pauses(paused if seen.waiting else [])
    moments.tell_limited(limited if seen.waiting else [])
    campaign_sending.say_result(result, edge.sender(settings))
