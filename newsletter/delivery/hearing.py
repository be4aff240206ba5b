"""What was heard of deliveries afterwards: the only writer of `delivery.feedback`."""

from collections.abc import Sequence

from sqlalchemy import or_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.tables import delivery

ORDER = ("delivered", "soft", "block", "hard", "unsubscribe", "complaint")
"""What may be heard of a delivery; the later, the stronger. The table's CHECK has the same names."""


ARRIVED = ("delivered", "unsubscribe", "complaint")
"""What is heard only of a mail that somebody has. A bounce may be about an attempt before this one."""

REPORTED = "it was reported to have arrived"
"""What stands in the place of the relay's answer, where we know of a mail by a report alone."""


async def note(connection: AsyncConnection, campaign_id: int, subscriber_ids: Sequence[int], feedback: str) -> None:
    """Write what was heard of a campaign's deliveries; a weaker word never undoes a stronger one."""
    weaker = ORDER[: ORDER.index(feedback)]
    await connection.execute(
        update(delivery)
        .where(
            delivery.c.campaign_id == campaign_id,
            delivery.c.subscriber_id.in_(subscriber_ids),
            or_(delivery.c.feedback.is_(None), delivery.c.feedback.in_(weaker)),
        )
        .values(feedback=feedback)
    )
