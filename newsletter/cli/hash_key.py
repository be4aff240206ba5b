"""The key by which addresses are hashed never changes: by another, whoever was erased would not be known again."""

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.settings import Settings, SettingsError
from subscribers import suppression
from subscribers.tables import subscriber


async def require_same(connection: AsyncConnection, settings: Settings) -> None:
    """Refuse another key than that of the people who are here. Raises SettingsError.

    The first and the last of them are looked at, so that a key that was changed for a while shows too.
    """
    hashed = suppression.hashing(settings.secrets.hash_key.get_secret_value())
    first, last = select(func.min(subscriber.c.id)), select(func.max(subscriber.c.id))
    ends = select(subscriber.c.normal, subscriber.c.hash).where(
        or_(subscriber.c.id == first.scalar_subquery(), subscriber.c.id == last.scalar_subquery())
    )
    if any(hashed(row.normal) != row.hash for row in await connection.execute(ends)):
        raise SettingsError(
            "secrets.hash_key: another key hashed the addresses in this database, so whoever left or was erased would"
            " not be known again; put that one back, from your copy of newsletter.toml"
        )
