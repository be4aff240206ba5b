"""The real application on a migrated database, with a small constellation loaded, and a browserless visitor."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx2
import pytest
from sqlalchemy import Row, select
from starlette.types import Receive, Scope, Send

from newsletter.constellation import store
from newsletter.constellation.model import Brand, Constellation, Event, EventKind, Place, Sender
from newsletter.database import Database
from newsletter.settings import Settings
from newsletter.tables import transactional
from newsletter.web.app import create_app
from subscribers import consent, preferences, suppression
from subscribers.links import Links, Purpose
from subscribers.preferences import Preferences
from subscribers.suppression import Reason
from subscribers.tables import subscriber

NEW_YORK = "America/New_York"


def make_event(slug: str, title: str, starts: datetime, kind: EventKind = EventKind.EVENT, **changes: Any) -> Event:
    return Event(
        slug=slug,
        title=title,
        kind=kind,
        starts=starts.replace(tzinfo=ZoneInfo(NEW_YORK)),
        ends=starts.replace(tzinfo=ZoneInfo(NEW_YORK)) + timedelta(hours=2),
        timezone=NEW_YORK,
        place=Place(online="https://meet.example.org/room"),
        summary=f"What {title} is about.",
        **changes,
    )


@pytest.fixture
def constellation() -> Constellation:
    """Four events: one that is over at the tests' moment, two ahead, one of them in May; and a cancelled one."""
    return Constellation(
        slug="lanterns",
        name="Lanterns & Lamps",
        tagline="Evenings of light",
        timezone=NEW_YORK,
        language="en",
        website="https://lanterns.example.org",
        contact="hello@lanterns.example.org",
        postal_address="Lanterns, 1 Quay, Harbour",
        organisers=("The Quay School", "Harbour Library"),
        sender=Sender("Lanterns", "news@lanterns.example.org", "hello@lanterns.example.org"),
        brand=Brand("#5b2a86", "#f2a900"),
        events=(
            make_event("prelude", "Prelude", datetime(2021, 1, 5, 18)),  # noqa: DTZ001 - its zone is added
            make_event("opening", "Opening", datetime(2021, 2, 3, 15)),  # noqa: DTZ001
            make_event("lost", "Lost evening", datetime(2021, 3, 3, 15), cancelled=True),  # noqa: DTZ001
            make_event("closing", "Closing <in> light", datetime(2021, 5, 6, 11)),  # noqa: DTZ001
        ),
    )


@pytest.fixture
async def loaded(database: Database, constellation: Constellation, now: datetime) -> Constellation:
    """The constellation, loaded."""
    async with database.begin() as connection:
        await store.load(connection, constellation, now)
    return constellation


@dataclass
class Clock:
    """A clock that a test moves."""

    moment: datetime

    def __call__(self) -> datetime:
        return self.moment

    def forward(self, by: timedelta) -> None:
        self.moment += by


@pytest.fixture
def clock(now: datetime) -> Clock:
    """The clock of the application."""
    return Clock(now)


Serve = Callable[..., Awaitable[httpx2.AsyncClient]]


@pytest.fixture
async def serve(database: Database, clock: Clock) -> AsyncIterator[Serve]:
    """Starts the application with these settings; answers a client that speaks to it."""
    async with AsyncExitStack() as stack:

        async def start(settings: Settings, *, raising: bool = True, host: str = "192.0.2.1") -> httpx2.AsyncClient:
            app = create_app(settings, database=database, clock=clock, run_engine=False)
            state = await stack.enter_async_context(app.router.lifespan_context(app))

            async def with_state(scope: Scope, receive: Receive, send: Send) -> None:
                await app({**scope, "state": dict(state or {})}, receive, send)

            transport = httpx2.ASGITransport(app=with_state, raise_app_exceptions=raising, client=(host, 1234))
            client = httpx2.AsyncClient(transport=transport, base_url="https://news.example.org")
            return await stack.enter_async_context(client)

        yield start


@pytest.fixture
async def client(serve: Serve, settings: Settings, loaded: Constellation) -> httpx2.AsyncClient:
    """A visitor of the site whose constellation is loaded."""
    return await serve(settings)


@dataclass(frozen=True)
class Desk:
    """What a test asks of the database, and the links it needs."""

    database: Database
    links: Links
    clock: Clock

    def link(self, purpose: Purpose, subscriber_id: int, campaign_id: int = 0) -> str:
        return self.links.token(purpose, subscriber_id, campaign_id, issued_at=self.clock())

    async def person(self, address: str) -> Preferences | None:
        async with self.database.read() as connection:
            found = await connection.scalar(select(subscriber.c.id).where(subscriber.c.address == address))
            return None if found is None else await preferences.read(connection, found)

    async def fields(self, address: str) -> dict[str, Any] | None:
        """What was asked of somebody by the constellation's own fields."""
        async with self.database.read() as connection:
            return await connection.scalar(select(subscriber.c.fields).where(subscriber.c.address == address))

    async def evidence(self, subscriber_id: int) -> list[consent.Evidence]:
        async with self.database.read() as connection:
            return await consent.evidence(connection, subscriber_id)

    async def mails(self) -> list[tuple[int, str]]:
        """Every transactional mail that is due: to whom, and which."""
        async with self.database.read() as connection:
            rows: list[Row[Any]] = list(
                await connection.execute(
                    select(transactional.c.subscriber_id, transactional.c.kind).order_by(transactional.c.id)
                )
            )
            return [(row[0], row[1]) for row in rows]


@pytest.fixture
def desk(database: Database, settings: Settings, clock: Clock) -> Desk:
    """The other side of the counter."""
    return Desk(database, Links([key.get_secret_value() for key in settings.secrets.signing_keys]), clock)


@dataclass(frozen=True)
class Member:
    """Somebody who is in, and their tokens."""

    id: int
    address: str
    preferences: str
    unsubscribe: str
    confirm: str = field(repr=False, default="")


Join = Callable[..., Awaitable[Member]]


@pytest.fixture
def pending(client: httpx2.AsyncClient, desk: Desk) -> Join:
    """Joins by the form and stops there."""

    async def join(
        address: str = "ana@example.org", *, headers: Mapping[str, str] | None = None, **values: Any
    ) -> Member:
        sent: Mapping[str, Any] = {"email": address, **values}
        assert (await client.post("/join", data=sent, headers=headers)).status_code == 303
        person = await desk.person(address)
        assert person is not None
        number = person.subscriber_id
        return Member(
            number,
            address,
            desk.link(Purpose.PREFERENCES, number),
            desk.link(Purpose.UNSUBSCRIBE, number),
            desk.link(Purpose.CONFIRM, number),
        )

    return join


@pytest.fixture
def member(client: httpx2.AsyncClient, pending: Join) -> Join:
    """Joins by the form and confirms."""

    async def join(address: str = "ana@example.org", **values: Any) -> Member:
        joined = await pending(address, **values)
        assert (await client.post(f"/confirm/{joined.confirm}")).status_code == 303
        return joined

    return join


Stop = Callable[[str, Reason], Awaitable[None]]


@pytest.fixture
def stop(desk: Desk, settings: Settings, clock: Clock) -> Stop:
    """Stops mail to an address; what comes before and after it is hours away."""

    async def suppressed(address: str, reason: Reason) -> None:
        hashed = suppression.address_hash(address, settings.secrets.hash_key.get_secret_value())
        clock.forward(timedelta(hours=1))
        async with desk.database.begin() as connection:
            await suppression.suppress(connection, hashed, reason, at=clock())
        clock.forward(timedelta(hours=1))

    return suppressed


@pytest.fixture
def text() -> Callable[[httpx2.Response], str]:
    """The words of a page, without tags and runs of white space."""
    import html

    return lambda response: " ".join(html.unescape(re.sub(r"<[^>]+>", " ", response.text)).split())
