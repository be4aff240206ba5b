"""`newsletter bounces list` and `show`: what was reported, counted or one by one."""

from enum import StrEnum
from typing import Annotated

import typer

from newsletter.campaigns import store
from newsletter.cli import edge
from newsletter.feedback import listing
from newsletter.feedback.listing import Counted, Listed

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
    settings = edge.settings()

    async def one_by_one() -> list[Listed]:
        async with edge.opened(settings.database) as database, database.read() as connection:
            of = (await store.find(connection, campaign)).id if campaign else None
            return await listing.latest(connection, domain=domain, campaign_id=of, heard=heard or "", limit=limit)

    async def counted() -> list[Counted]:
        async with edge.opened(settings.database) as database, database.read() as connection:
            count = listing.by_domain if by is By.DOMAIN else listing.by_campaign
            return (await count(connection))[:limit]

    if by is not None:
        if campaign or domain or heard:
            raise typer.BadParameter("counts are of everything; leave out --campaign, --domain and --heard")
        _tell_counts(by, edge.run(counted()), as_json=as_json)
        return
    found = edge.run(one_by_one())
    if as_json:
        edge.emit_json(found)
        return
    rows = [
        (str(one.id), edge.moment(one.received_at), one.heard, one.event.reason, one.event.address) for one in found
    ]
    edge.table(["number", "received (UTC)", "heard", "reason", "address"], rows, numbers=["number"])


def _tell_counts(by: By, found: list[Counted], *, as_json: bool) -> None:
    if as_json:
        edge.emit_json(found)
        return
    none = "(no campaign's)" if by is By.CAMPAIGN else "(unknown)"
    rows = [
        (one.name or none, *(f"{count:,}" for count in (one.hard, one.soft, one.block, one.complaint, one.unsubscribe)))
        for one in found
    ]
    columns = ["hard", "soft", "block", "complaint", "unsubscribe"]
    edge.table([by.value, *columns], rows, numbers=columns)


def show(
    number: Annotated[int, typer.Argument(help="Its number in `newsletter bounces list`.")], as_json: AsJson = False
) -> None:
    """Show a report in full, and what followed from it.

    Example: newsletter bounces show 12
    """
    settings = edge.settings()

    async def work() -> Listed:
        async with edge.opened(settings.database) as database, database.read() as connection:
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
        ("campaign", one.campaign),
        ("class", event.bounce or ""),
        ("reason", event.reason),
        ("status", event.status),
        ("what it said", event.detail),
        ("token", event.token or ""),
        ("what followed", one.outcome),
    ]
    edge.table(["", f"report {one.id}"], [(name, value) for name, value in facts if value])
