"""`newsletter bounces list`, `show` and `release`: what was reported, one by one or counted, and what was held."""

from enum import StrEnum
from typing import Annotated

import typer

from newsletter.campaigns import store
from newsletter.cli import edge, stacked
from newsletter.delivery import pauses
from newsletter.delivery.pauses import Pause
from newsletter.feedback import Unproven, breaker, inbox, listing
from newsletter.feedback.listing import Counted, Listed
from webhooks.events import Event

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class Heard(StrEnum):
    """What a report can say that is listed."""

    HARD = "hard"
    SOFT = "soft"
    BLOCK = "block"
    COMPLAINT = "complaint"
    UNSUBSCRIBE = "unsubscribe"
    DELIVERED = "delivered"


class By(StrEnum):
    """What reports can be counted by."""

    DOMAIN = "domain"
    CAMPAIGN = "campaign"


def list_(
    campaign: Annotated[str, typer.Option(help="Only of this campaign's mails.", metavar="SLUG")] = "",
    domain: Annotated[str, typer.Option(help="Only of people at this domain.")] = "",
    heard: Annotated[Heard | None, typer.Option(help="Only of this kind.")] = None,
    by: Annotated[By | None, typer.Option(help="Count them by domain or by campaign.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1)] = 50,
    as_json: AsJson = False,
) -> None:
    """List the latest proven reports – bounces, complaints, unsubscribes – or count them.

    Example: newsletter bounces list --by domain
    """
    settings, domain = edge.settings(), domain.removeprefix("@")

    async def one_by_one() -> list[Listed]:
        async with edge.opened(settings.database) as database, database.read() as connection:
            of = (await store.find(connection, campaign)).id if campaign else None
            return await listing.latest(connection, domain=domain, campaign_id=of, heard=heard or "", limit=limit)

    async def counted() -> tuple[list[Counted], list[Pause]]:
        async with edge.opened(settings.database) as database, database.read() as connection:
            if by is By.CAMPAIGN:
                return (await listing.by_campaign(connection))[:limit], []
            of = (await store.find(connection, campaign)).id if campaign else None
            found = await listing.by_domain(connection, campaign_id=of)
            return found[:limit], list((await pauses.current(connection, edge.now())).values())

    if by is not None:
        if domain or heard or (campaign and by is By.CAMPAIGN):
            raise typer.BadParameter("counts are of all domains, kinds and campaigns; --by domain takes --campaign")
        counts, paused = edge.run(counted())
        _tell_counts(by, counts, paused, as_json=as_json)
        return
    found = edge.run(one_by_one())
    if as_json:
        edge.emit_json(found)
        return
    if not found:
        edge.prose("Nothing of that kind has come back; what nothing proves: newsletter bounces review")
        return
    rows = [
        (
            str(one.id),
            edge.moment(one.received_at),
            _heard(one.heard, why(one.event)),
            one.receiver or one.event.address,
        )
        for one in found
    ]
    edge.table(["number", "received (UTC)", "heard", "address"], rows, numbers=["number"], whole=["heard"])


def _heard(heard: str, reason: str) -> str:
    return f"{heard}: {reason}" if reason else heard


def why(event: Event) -> str:
    """The reason that a bounce has; whoever complains or leaves gives none."""
    return event.reason if event.bounce else ""


def _tell_counts(by: By, counts: list[Counted], paused: list[Pause], *, as_json: bool) -> None:
    if as_json:
        edge.emit_json({"counts": counts, "paused": paused} if by is By.DOMAIN else {"counts": counts})
        return
    if not counts:
        edge.prose("Nothing that is proven has come back; what nothing proves: newsletter bounces review")
        tell_pauses(paused)
        return
    none = "(no campaign's)" if by is By.CAMPAIGN else "(unknown)"
    rows = [
        (one.name or none, *(f"{count:,}" for count in (one.hard, one.soft, one.block, one.complaint, one.unsubscribe)))
        for one in counts
    ]
    columns = ["hard", "soft", "block", "complaint", "unsubscribe"]
    edge.table([by.value, *columns], rows, numbers=columns)
    tell_pauses(paused)


async def paused_now(url: str) -> list[Pause]:
    """The domains that get no mail for now."""
    async with edge.opened(url) as database, database.read() as connection:
        return list((await pauses.current(connection, edge.now())).values())


def tell_pauses(paused: list[Pause]) -> None:
    """Say which domains get no mail for now, and why."""
    for one in paused:
        edge.prose(f"{one.domain} gets no mail until {edge.moment(one.until)} (UTC): {one.why}")


def tell_unproven(reports: list[Unproven]) -> None:
    """List what nothing proves, by the numbers that `bounces show` takes, and say what a person can do with it."""
    if not reports:
        return
    edge.prose("Reports that nothing proves; `newsletter bounces show NUMBER` has it in full, --dismiss lets go:")
    rows = [
        (
            str(one.id),
            edge.moment(one.received_at),
            one.event.provider,
            one.event.kind,
            one.event.address or "(nobody is named)",
            one.why.removeprefix("unproven: "),
        )
        for one in reports
    ]
    columns = ["number", "received (UTC)", "from", "kind", "address", "why it was left"]
    stacked.show(columns, rows, numbers=["number"], names="address")


def release(
    domain: Annotated[str, typer.Argument(help="What stands behind the @-sign.")],
    suppress: Annotated[bool, typer.Option("--suppress", help="Believe what was held: suppress those people.")] = False,
    as_json: AsJson = False,
) -> None:
    """End a domain's pause and let its held hard bounces go, since its server was at fault; or believe them.

    Example: newsletter bounces release example.org
    """
    domain = domain.removeprefix("@")
    if not domain or "@" in domain:
        raise typer.BadParameter("a domain is meant, as in example.org; for a person: newsletter subscribers release")
    settings = edge.settings()

    async def work() -> int:
        async with edge.opened(settings.database) as database, database.begin() as connection:
            count = await breaker.release(connection, domain, obey=suppress, now=edge.now())
            await edge.audit(connection, "domain.released", domain.lower(), held=count, suppressed=suppress)
            return count

    count = edge.run(work())
    if as_json:
        edge.emit_json({"domain": domain.lower(), "held": count, "suppressed": suppress})
        return
    became = "believed: those people are suppressed" if suppress else "let go: those people stay"
    held = f"; {count:,} held hard bounces are {became}" if count else ""
    edge.prose(f"{domain.lower()} gets mail again{held}.")


def show(
    number: Annotated[int, typer.Argument(help="Its number in `newsletter bounces list` or `review`.")],
    dismiss: Annotated[bool, typer.Option("--dismiss", help="Let go of it: it has been judged.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show a report in full, and what followed from it; or let go of one that nothing proves.

    Example: newsletter bounces show 12
    """
    settings = edge.settings()

    async def work() -> Listed:
        async with edge.opened(settings.database) as database:
            if dismiss:
                async with database.begin() as connection:
                    await inbox.dismiss(connection, number)
                    await edge.audit(connection, "report.dismissed", str(number))
            async with database.read() as connection:
                return await listing.one(connection, number)

    one = edge.run(work())
    if as_json:
        edge.emit_json(one)
        return
    event = one.event
    facts = [
        ("received", edge.moment(one.received_at)),
        ("from", event.provider),
        ("its id there", event.id),
        ("happened", edge.moment(event.at)),
        ("kind", event.kind),
        ("address", event.address),
        ("mail to", one.receiver),
        ("campaign", one.campaign),
        ("class", event.bounce or ""),
        ("reason", why(event)),
        ("status", event.status),
        ("what it said", event.detail),
        ("token", event.token or ""),
        ("what followed", one.outcome),
    ]
    edge.table(["", f"report {one.id}"], [(name, value) for name, value in facts if value])
    if dismiss:
        edge.say("It waits for judgement no more.")
    elif one.is_unproven:
        edge.say("Believe it all the same: newsletter subscribers suppress ADDRESS")
        edge.say(f"Let go of it, once judged: newsletter bounces show {one.id} --dismiss")
