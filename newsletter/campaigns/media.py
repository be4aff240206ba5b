"""The pictures that mails link to, served under /media by the hash of their content."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.content.letters import Picture
from newsletter.tables import medium


async def keep(connection: AsyncConnection, pictures: Iterable[Picture], now: datetime) -> None:
    """Keep pictures; one that is kept already stays."""
    for picture in pictures:
        known = select(medium.c.name).where(medium.c.name == picture.name)
        if await connection.scalar(known) is None:
            row = {"media_type": picture.media_type, "content": picture.content, "added_at": now}
            await connection.execute(insert(medium).values(name=picture.name, **row))


async def find(connection: AsyncConnection, name: str) -> tuple[str, bytes] | None:
    """The media type and the content under a name; None where there is nothing."""
    statement = select(medium.c.media_type, medium.c.content).where(medium.c.name == name)
    row = (await connection.execute(statement)).one_or_none()
    return None if row is None else (row.media_type, row.content)
