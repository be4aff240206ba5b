"""How often people may ask to join: counted in the database, so that it holds across processes and hosts.

Each request counts for its address' mailbox (see newsletter.delivery.asked), its client's network and everybody, in
windows of an hour. One upsert counts and answers, so that two requests at the same moment never take the same last
place.
"""

import ipaddress
from datetime import datetime, timedelta
from enum import Enum

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.setting_tables import Joining
from newsletter.tables import request_count
from newsletter.web import proof
from subscribers import statements

WINDOW = timedelta(hours=1)

_PREFIX = {4: 24, 6: 56}
"""What one customer of a network provider has to choose its addresses from."""


class Room(Enum):
    """Whether a request may be let in."""

    FREE = "free"
    ADDRESS_FULL = "this address was entered too often: answer as ever, and do nothing"
    FULL = "too many requests from this network, or in all"


async def take(
    connection: AsyncConnection,
    *,
    mailbox: str,
    ip: str,
    limits: Joining,
    now: datetime,
    without_proof: bool = False,
) -> Room:
    """Count one request to join, and answer whether there was room for it; there is less `without_proof` of work."""
    begins = now.replace(minute=0, second=0, microsecond=0)
    # Everybody's row first, always: two requests never wait for each other crosswise.
    total = await _count(connection, "all", begins)
    if total == 1:
        await connection.execute(delete(request_count).where(request_count.c.begins_at < begins - WINDOW))
        await proof.forget(connection, now)
    if without_proof and not await _is_free_without_proof(connection, ip, limits, begins):
        return Room.FULL
    from_network = await _count(connection, f"network {network(ip)}", begins)
    for_address = await _count(connection, f"address {mailbox}", begins)
    if total > limits.most_an_hour or from_network > limits.most_an_hour_from_network:
        return Room.FULL
    return Room.ADDRESS_FULL if for_address > limits.most_an_hour_for_address else Room.FREE


async def _is_free_without_proof(connection: AsyncConnection, ip: str, limits: Joining, begins: datetime) -> bool:
    total = await _count(connection, "unproven", begins)
    from_network = await _count(connection, f"unproven {network(ip)}", begins)
    return total <= limits.most_an_hour_without_proof and from_network <= limits.most_an_hour_without_proof_from_network


def network(ip: str) -> str:
    """The network a visitor's address lies in: its /24, or its /56 for IPv6."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return "unknown"
    address = getattr(address, "ipv4_mapped", None) or address
    return str(ipaddress.ip_network(f"{address}/{_PREFIX[address.version]}", strict=False))


async def _count(connection: AsyncConnection, subject: str, begins: datetime) -> int:
    """Add one to a window, and answer how many it has now."""
    statement = statements.insert(connection, request_count).values(subject=subject, begins_at=begins, number=1)
    counted = await connection.scalar(
        statement.on_conflict_do_update(
            index_elements=[request_count.c.subject, request_count.c.begins_at],
            set_={"number": request_count.c.number + 1},
        ).returning(request_count.c.number)
    )
    return counted or 0
