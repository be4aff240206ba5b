"""A campaign that has started."""

from typing import Any

import pytest

from newsletter.campaigns import lifecycle, store
from newsletter.campaigns.store import Campaign
from newsletter.constellation import store as constellations
from newsletter.constellation.model import Constellation
from newsletter.database import Database
from newsletter.settings import Settings


@pytest.fixture
def start(database: Database, constellation: Constellation, add_people: Any) -> Any:
    """Load the constellation, add people, start a campaign about its first event; answers the campaign."""

    async def go(settings: Settings, clock: Any, people: int) -> Campaign:
        async with database.begin() as connection:
            await constellations.load(connection, constellation, clock())
            await add_people(connection, people, clock())
            slug = constellation.events[0].slug
            draft = await store.draft(connection, slug, "invitation", now=clock())
            assert await lifecycle.start(connection, settings, draft, now=clock()) == people
            return await store.find(connection, draft.slug)

    return go
