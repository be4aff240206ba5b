"""`newsletter explain`: why somebody got a mail, or did not, or whether one will come."""

from typing import Annotated

import typer

from newsletter.campaigns import explaining, foretelling
from newsletter.campaigns.explaining import Explanation
from newsletter.cli import edge, grouping, moments
from newsletter.delivery.state import State
from newsletter.settings import Settings
from subscribers import addresses
from subscribers.addresses import Address

app = grouping.alone()


@app.command()
def explain(
    email: Annotated[str, typer.Argument(help="The address.")],
    campaign: Annotated[
        str, typer.Argument(help="The campaign, as `campaign list` shows it, or a mail of the plan: EVENT/MAIL.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say why somebody got a campaign's mail, or did not, with the evidence; of one to come, when, and whether they do.

    Example: newsletter explain ana@example.org opening/invitation
    """
    settings = edge.settings()
    found = edge.run(_explain(settings, addresses.parse(email), campaign))
    limited = edge.run(moments.limited_now(settings)) if found.verdict == State.QUEUED else []
    if as_json:
        edge.emit_json({**edge.plain(found), "limited_relays": limited})
        return
    edge.prose(found.sentence)
    moments.tell_limited(limited)
    if found.evidence:
        edge.table(["at (UTC)", "evidence"], [(edge.moment(fact.at), fact.what) for fact in found.evidence])


async def _explain(settings: Settings, address: Address, slug: str) -> Explanation:
    key = settings.secrets.hash_key.get_secret_value()
    async with edge.opened_by_key(settings) as database, database.read() as connection:
        found = await foretelling.find(connection, slug)
        return await explaining.explain(connection, address, found, hash_key=key, now=edge.now())
