"""What every page works with, opened once and handed to each endpoint as its first argument."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse

from newsletter import catalogues
from newsletter.campaigns.archive import Shelf
from newsletter.catalogues import Voice
from newsletter.clock import Clock
from newsletter.database import Database
from newsletter.settings import Settings
from newsletter.web.look import LOADED_AT, Look, Looks
from newsletter.web.mail_domains import MailDomains
from newsletter.web.pages import Pages
from newsletter.web.proof import Proofs
from subscribers import preferences
from subscribers.links import NOBODY, LinkInvalid, Links, Purpose
from subscribers.preferences import Preferences
from subscribers.prepared import Prepared
from webhooks.providers import Provider
from webhooks.rehearsals import Rehearsals


class LinkOfATest(LinkInvalid):
    """A link of a mail that staff sent to try it out: it is ours, and nobody's."""


@dataclass(frozen=True, slots=True)
class Site:
    """The collaborators of the pages."""

    settings: Settings
    database: Database
    links: Links
    pages: Pages
    looks: Looks
    proofs: Proofs
    mail_domains: MailDomains
    clock: Clock
    providers: Mapping[str, Provider]
    rehearsals: Rehearsals
    shelf: Shelf

    def show(self, name: str, look: Look, voice: Voice, *, status: int = 200, **values: object) -> HTMLResponse:
        """A page, now, in the reader's language."""
        return self.pages.show(name, look, voice, now=self.clock(), status=status, **values)

    def redirect(self, path: str, *, background: BackgroundTask | None = None) -> RedirectResponse:
        """Go on to another page of ours by GET, so that reloading it sends nothing again."""
        return RedirectResponse(f"{self.pages.base}{path}", status_code=303, background=background)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[tuple[AsyncConnection, Look]]:
        """A connection to look with, and the look of the pages."""
        async with self.database.read() as connection:
            yield connection, await self.looks.current(connection)

    async def holder(self, connection: AsyncConnection, subscriber_id: int) -> tuple[Preferences, Look]:
        """The subscriber whose link this is, and the look of the pages, by one statement. Raises LinkInvalid."""
        rows = await _HOLDER.rows(connection, {"number": subscriber_id})
        found = preferences.of(rows)
        if found is None:
            raise _nobodys(subscriber_id)
        return found, await self.looks.of(connection, rows[0].loaded_at)

    def token(self, purpose: Purpose, subscriber_id: int) -> str:
        """A fresh link's token."""
        return self.links.token(purpose, subscriber_id, issued_at=self.clock())

    def calendar_url(self, person: Preferences) -> str:
        """Where somebody's own calendar is; the same each time, so that a program told it twice follows it once."""
        token = self.links.token(Purpose.CALENDAR, person.subscriber_id, issued_at=_ALWAYS)
        return f"{self.settings.public_url}/calendar/{token}/events.ics"


_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
_HOLDER = Prepared(preferences.QUERY.add_columns(LOADED_AT.scalar_subquery().label("loaded_at")))


async def holder(connection: AsyncConnection, subscriber_id: int) -> Preferences:
    """The subscriber whose link this is. Raises LinkInvalid when they have been erased since it was made."""
    found = await preferences.read(connection, subscriber_id)
    if found is None:
        raise _nobodys(subscriber_id)
    return found


def _nobodys(subscriber_id: int) -> LinkInvalid:
    if subscriber_id == NOBODY:
        return LinkOfATest("this link is of a test mail")
    return LinkInvalid("this link belongs to nobody any more")


def voice_of(person: Preferences, look: Look) -> Voice:
    """What a subscriber is spoken to in: their language where we speak it, else the series'."""
    return catalogues.voice(person.locale, look.language)


def visitor(request: Request) -> str:
    """The visitor's address, as evidence keeps it."""
    return request.client.host if request.client else ""
