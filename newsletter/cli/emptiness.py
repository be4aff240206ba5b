"""What a service says that begins while there is no constellation: it waits for one, and looks as if all were well."""

from newsletter.constellation import store as constellations
from newsletter.constellation.store import NoConstellation
from newsletter.database import Database


async def warning(database: Database) -> str:
    """That there is none, and what to do; empty where one is loaded."""
    async with database.read() as connection:
        try:
            await constellations.current(connection)
        except NoConstellation as error:
            return f"warning: {error}"
    return ""
