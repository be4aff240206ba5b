"""What staff do with a campaign that is under way: pause, resume, cancel, retry, and settle what is in doubt."""

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.campaigns import lifecycle, mending, report, store
from newsletter.campaigns.store import Campaign
from newsletter.cli import edge, stacked
from newsletter.delivery import ledger
from newsletter.delivery.ledger import State

Result = TypeVar("Result")

Slug = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="Its name, as `campaign list` shows it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def _change(
    slug: str, action: str, step: Callable[[AsyncConnection, Campaign], Awaitable[Result]]
) -> tuple[Campaign, Result]:
    """Take a step with a campaign, write down who did, and answer how the campaign stands then and what came of it."""
    settings = edge.settings()

    async def work() -> tuple[Campaign, Result]:
        async with edge.opened(settings.database) as database, database.begin() as connection:
            result = await step(connection, await store.find(connection, slug))
            await edge.audit(connection, f"campaign.{action}", slug)
            return await store.find(connection, slug), result

    return edge.run(work())


def pause(slug: Slug) -> None:
    """Stop sending within a second; what is on its way is settled.

    Example: newsletter campaign pause opening/invitation
    """
    _change(slug, "paused", lifecycle.pause)
    edge.say(f"{slug} is paused. Go on with: newsletter campaign resume {slug}")


def resume(slug: Slug) -> None:
    """Go on with a paused campaign; whatever runs the engine does the work, or `campaign send`.

    Example: newsletter campaign resume opening/invitation
    """

    async def step(connection: AsyncConnection, found: Campaign) -> None:
        await lifecycle.resume(connection, found, edge.now())

    found, _ = _change(slug, "resumed", step)
    is_over = found.status == "finished"
    edge.say(f"{slug} is finished: nobody is left." if is_over else f"{slug} goes on where it was.")


def cancel(slug: Slug, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """End a campaign for good; who has not got it will not.

    Example: newsletter campaign cancel opening/invitation --yes
    """
    if not yes and not edge.confirm(f"Cancel {slug} for good?"):
        edge.warn("Nothing was cancelled. Without a terminal, say --yes.")
        raise typer.Exit(1)

    async def step(connection: AsyncConnection, found: Campaign) -> tuple[int, int]:
        count = await lifecycle.cancel(connection, found, edge.now())
        return count, (await ledger.counts(connection, found.id)).get(State.SENDING, 0)

    found, (count, on_their_way) = _change(slug, "cancelled", step)
    missing = f"{edge.people(count)} will not get it" if found.started_at else "it goes to nobody"
    edge.say(f"{slug} is cancelled; {missing}.")
    if on_their_way:
        edge.say(f"{on_their_way:,} are in hand: newsletter campaign report {slug} says in a moment who still got it.")


def retry(slug: Slug, as_json: AsJson = False) -> None:
    """Try again now what failed for passing reasons: given up on, deferred, or refused though the mailbox exists.

    Example: newsletter campaign retry opening/invitation
    """

    async def step(connection: AsyncConnection, found: Campaign) -> int:
        return await mending.retry(connection, found, edge.now())

    found, count = _change(slug, "retried", step)
    goes_on = ", once it is resumed" if found.status == "paused" else ""
    if as_json:
        edge.emit_json({"campaign": found.slug, "status": found.status, "queued": count})
    else:
        edge.say(f"{count:,} are queued again{goes_on}." if count else "Nothing failed for a passing reason.")


def uncertain(
    slug: Slug,
    resend: Annotated[bool, typer.Option("--resend", help="Queue them again, with the same Message-ID.")] = False,
    sent: Annotated[bool, typer.Option("--sent", help="Take them as sent: you know that they arrived.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the deliveries that may or may not have arrived ("hold"), send them again, or take them as sent.

    Example: newsletter campaign uncertain opening/invitation --resend
    """
    if resend and sent:
        raise typer.BadParameter("choose one of --resend and --sent")
    settings = edge.settings()

    async def work() -> tuple[list[report.Unreached], int]:
        async with edge.opened(settings.database) as database, database.begin() as connection:
            found = await store.find(connection, slug)
            held = await report.unreached(connection, found, state=State.UNCERTAIN)
            count = 0
            if resend:
                count = await mending.resend(connection, found, edge.now())
            elif sent:
                count = await ledger.believe_sent(connection, found.id, edge.now())
            if count:
                await edge.audit(connection, "campaign.resent" if resend else "campaign.believed", slug, people=count)
            return held, count

    held, count = edge.run(work())
    if as_json:
        edge.emit_json(held)
        return
    if not held:
        edge.say(f"Of {slug}, nothing is in doubt.")
        return
    stacked.show(["address", "when (UTC)", "why"], [(one.address, edge.moment(one.at), one.reply) for one in held])
    if resend or sent:
        edge.say(f"{count:,} are queued again." if resend else f"{count:,} are taken as sent.")
