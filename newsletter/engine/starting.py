"""What starts by itself: the plan's mails, the weekly digest, and what staff scheduled.

Each is checked just before, as `campaign send` does: outside any transaction, for a limited time. One with an error is
held instead, and looked at again until it is of no more use (campaigns.holding).
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.campaigns import digests, holding, hours, lifecycle
from newsletter.campaigns import store as campaigns
from newsletter.campaigns.digests import Fired
from newsletter.campaigns.holding import Fault, Held
from newsletter.campaigns.preflight.findings import Rule, Severity
from newsletter.campaigns.store import Campaign, CampaignError
from newsletter.clock import Clock
from newsletter.constellation import planning, schedule
from newsletter.constellation import store as constellations
from newsletter.constellation.schedule import DueMail
from newsletter.content.errors import ContentError
from newsletter.database import Database
from newsletter.delivery.composer import Stationery
from newsletter.errors import NewsletterError
from newsletter.settings import Settings

if TYPE_CHECKING:  # what asks the DNS and the web is loaded when there is something to check
    from newsletter.campaigns.preflight.running import Preflight

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Starter:
    """Starts what is due, one after another. Its steps are called by one process at a time.

    A check may take `longest` seconds: what is due behind it waits.
    """

    settings: Settings
    database: Database
    paper: Stationery
    clock: Clock
    longest: float = 30.0

    async def fire_plan(self) -> None:
        """Start a campaign for each planned mail whose time has come; one that cannot start is said and left."""
        async with self.database.read() as connection:
            resting = await self._resting(connection)
            waiting = [mail for mail in await schedule.due(connection, self.clock()) if _slug(mail) not in resting]
        if not waiting:
            return
        async with self.database.begin() as connection:
            late = await schedule.expire(connection, self.clock())
            held = {one.slug: one for one in await holding.release(connection, *map(_slug, late))}
            due = [mail for mail in await schedule.due(connection, self.clock()) if _slug(mail) not in resting]
        for mail in late:
            log.warning(
                "planned mail skipped", about=mail.slug, kind=mail.kind, reason=_too_late(held.get(_slug(mail)))
            )
        for mail in due:
            try:
                await self._fire(mail)
            except NewsletterError as error:
                log.error("planned mail not sent", about=mail.slug, kind=mail.kind, reason=str(error))

    async def _fire(self, mail: DueMail) -> None:
        async with self.database.begin() as connection:
            draft = await self._drafted(connection, mail)
        if draft is None:
            return
        until = planning.useless_from(mail.event, mail.kind, mail.due_at, schedule.GRACE)
        if not await self._is_clear(draft, mail.due_at, until):
            return
        async with self.database.begin() as connection:
            now, draft = self.clock(), await campaigns.find(connection, draft.slug)
            if mail not in await schedule.due(connection, now) or draft.status != "draft":
                return  # it was moved, called off, sent or scheduled by hand meanwhile: the next round sees to that
            people = await lifecycle.start(connection, self.settings, draft, now=now, by_hours=mail.is_local)
        log.info("campaign started", campaign=draft.slug, people=people)

    async def _drafted(self, connection: AsyncConnection, mail: DueMail) -> Campaign | None:
        """The campaign that is to start now; None where its first reader's hour is later, or staff have sent it
        themselves, or said when it goes."""
        now = self.clock()
        planned = await campaigns.drafted(connection, mail.slug, mail.kind, now=now)
        if planned.status != "draft":
            await schedule.take_over(connection, mail.event_id, mail.kind, planned.id)
            return None
        if mail.is_local:
            try:
                readers = await lifecycle.readers(connection, planned, now)
            except CampaignError:
                return planned  # the check says what is wrong with its audience
            first = await hours.first(connection, mail.event, mail.kind, readers) or mail.due_at
            if first > now:
                await schedule.put_off(connection, mail.event_id, mail.kind, first)
                return None
        return planned

    async def fire_digest(self) -> None:
        """Start the weekly digest when its moment has come; one that is too late is said and left out."""
        async with self.database.read() as connection:
            due_at = await digests.next_due(connection, self.clock())
            resting = await self._resting(connection)
        if due_at is None or due_at > self.clock() or any(slug.startswith(f"{planning.DIGEST}/") for slug in resting):
            return
        async with self.database.begin() as connection:
            prepared = await digests.prepare(connection, self.settings, self.clock())
        match prepared:
            case Fired(slug, None):
                log.warning("digest skipped", campaign=slug, reason=_too_late(None))
            case Fired(slug, people):
                log.info("campaign started", campaign=slug, people=people)
            case Campaign():
                await self._send_digest(prepared, due_at)

    async def _send_digest(self, draft: Campaign, due_at: datetime) -> None:
        if not await self._is_clear(draft, due_at, digests.until(due_at)):
            return
        try:
            async with self.database.begin() as connection:
                people = await digests.start(connection, self.settings, draft, now=self.clock())
        except NewsletterError as error:
            log.error("digest not sent", due_at=due_at.isoformat(), reason=str(error))
            return
        log.info("campaign started", campaign=draft.slug, people=people)

    async def start_scheduled(self) -> None:
        """Start the campaigns that staff scheduled for a moment that has come."""
        async with self.database.read() as connection:
            held = await holding.listed(connection)
            resting = holding.resting(held, self.clock())
            due = [draft for draft in await campaigns.due(connection, self.clock()) if draft.slug not in resting]
        for draft in due:
            try:
                await self._start(draft, held.get(draft.slug))
            except NewsletterError as error:
                log.error("scheduled campaign not started", campaign=draft.slug, reason=str(error))

    async def _start(self, draft: Campaign, held: Held | None) -> None:
        now = self.clock()
        if held is not None and now >= held.until:
            async with self.database.begin() as connection:
                await lifecycle.cancel(connection, draft, now)
            log.warning("scheduled campaign skipped", campaign=draft.slug, reason=_too_late(held))
            return
        due_at = draft.scheduled_at or now
        if not await self._is_clear(draft, due_at, await self._until(draft, due_at)):
            return
        async with self.database.begin() as connection:
            if draft not in await campaigns.due(connection, self.clock()):
                return  # staff have changed it meanwhile
            people = await lifecycle.start(connection, self.settings, draft, now=self.clock())
        log.info("campaign started", campaign=draft.slug, people=people)

    async def _until(self, draft: Campaign, due_at: datetime) -> datetime:
        """Until when a scheduled campaign may start: as late as a planned mail, and not once its event has begun."""
        late = due_at + schedule.GRACE
        if draft.topic is None:
            return late
        async with self.database.read() as connection:
            event = (await constellations.find(connection, draft.topic)).event
        return min(late, planning.over_at(event, draft.kind) or late)

    async def _resting(self, connection: AsyncConnection) -> frozenset[str]:
        return holding.resting(await holding.listed(connection), self.clock())

    async def _is_clear(self, draft: Campaign, due_at: datetime, until: datetime) -> bool:
        """Check a campaign that is about to start; where there is an error, it is held."""
        faults: tuple[Fault, ...]
        try:
            found = await self._checked(draft)
        except (CampaignError, ContentError) as error:
            faults = (Fault(Rule.TEMPLATE if isinstance(error, ContentError) else Rule.AUDIENCE, str(error)),)
        else:
            faults = tuple(_unforgiven(found, draft))
        if not faults:
            return True
        async with self.database.begin() as connection:
            if not _waits(await campaigns.find(connection, draft.slug)):
                return False
            is_news = await holding.hold(connection, draft.id, faults, due_at=due_at, until=until, now=self.clock())
        if is_news:
            rules = ", ".join(dict.fromkeys(fault.rule for fault in faults))
            log.error("campaign held", campaign=draft.slug, rules=rules, reason=faults[0].text, until=until.isoformat())
        return False

    async def _checked(self, draft: Campaign) -> "Preflight":
        from newsletter.campaigns.preflight import running

        now = self.clock()
        async with self.database.read() as connection:
            gathered = await running.gather(connection, self.settings, self.paper, draft, now)
        # What it starts with is compiled in any case, in the series' own language, whatever its readers read.
        bounces, templates = self.settings.bounces.address, self.settings.templates
        await asyncio.to_thread(lifecycle.check, gathered.facts, draft, now, bounces, templates)
        return await running.check(gathered, self.settings, self.paper.signer.keys, within=self.longest)


def _unforgiven(found: "Preflight", draft: Campaign) -> Iterable[Fault]:
    for finding in found.findings:
        if finding.severity is Severity.ERROR and finding.rule not in draft.forgiven:
            yield Fault(finding.rule, finding.text)


def _too_late(held: Held | None) -> str:
    late = "it would come too late"
    return late if held is None else f"{late}: it was held for {', '.join(held.rules)}"


def _slug(mail: DueMail) -> str:
    return f"{mail.slug}/{mail.kind}"


def _waits(of: Campaign) -> bool:
    return of.status in ("draft", "scheduled")
