"""Where requests by a form are let in: counted, kept, answered, and only then carried out."""

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException

from newsletter import arrivals
from newsletter.arrivals import Asked
from newsletter.delivery.asked import mailbox
from newsletter.logs import one_line
from newsletter.web import limits, proof
from newsletter.web.limits import Room
from newsletter.web.site import Site
from subscribers.addresses import Address

log = structlog.get_logger(__name__)


async def let_in(site: Site, asked: Asked, *, ip: str, shown: proof.Verdict | None = None) -> bool:
    """Count a request and keep it; what it comes to, nobody learns but that mailbox. It is for `afterwards`.

    False when what was `shown` has been spent before. Raises HTTPException 429 when too many ask, from this network or
    in all.
    """
    now, address = site.clock(), asked if isinstance(asked, Address) else asked.address
    without_proof = isinstance(shown, proof.Shown) and not shown.is_solved
    async with site.database.briefly() as connection:
        if isinstance(shown, proof.Shown) and not await proof.spend(connection, shown.nonce, now):
            return False
        found = await room(connection, site, address, ip=ip, without_proof=without_proof)
        if found is Room.FREE:
            await arrivals.keep(connection, asked, now=now)
    refuse_if_full(found)
    return True


async def room(
    connection: AsyncConnection, site: Site, address: Address, *, ip: str, without_proof: bool = False
) -> Room:
    """Count a request to write to an address, by its mailbox; whether there is room for it."""
    return await limits.take(
        connection,
        mailbox=mailbox(address.normal, site.settings.secrets.hash_key.get_secret_value()),
        ip=ip,
        limits=site.settings.joining,
        now=site.clock(),
        without_proof=without_proof,
    )


def refuse_if_full(found: Room) -> None:
    """Raise HTTPException 429 when too many ask, from this network or in all; call it once that is counted for good."""
    if found is Room.FULL:
        retry = {"Retry-After": str(int(limits.WINDOW.total_seconds()))}
        raise HTTPException(429, "Too many requests; please try again in an hour.", retry)


def afterwards(site: Site) -> BackgroundTask:
    """What a response brings along that is sent before the request is carried out."""
    return BackgroundTask(_carry_out, site)


async def _carry_out(site: Site) -> None:
    try:
        await arrivals.carry_out(site.database, site.settings)
    except DBAPIError as error:  # the answer is out already; the engine tries again
        log.error("request not carried out yet", reason=one_line(error))
