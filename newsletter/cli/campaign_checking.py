"""What `newsletter campaign check` does and says, and `campaign send` before it sends."""

import textwrap
from collections import Counter
from dataclasses import dataclass
from datetime import datetime

import typer

from newsletter.campaigns import store
from newsletter.campaigns.preflight import running
from newsletter.campaigns.preflight.findings import Severity
from newsletter.campaigns.preflight.running import Preflight
from newsletter.cli import edge
from newsletter.database import Database
from newsletter.dkim import keys
from newsletter.engine import parts
from newsletter.settings import Settings


async def check(settings: Settings, slug: str) -> Preflight:
    """Check a campaign as if it were sent now."""
    async with edge.opened(settings.database) as database:
        return await _checked(settings, database, slug, edge.now())


@dataclass(frozen=True, slots=True)
class Passed:
    """A campaign may go out: without errors, or for a reason in spite of some."""

    forced: str = ""
    broken: tuple[str, ...] = ()

    @property
    def kept(self) -> dict[str, object]:
        """What the audit keeps."""
        return {"forced": self.forced, "errors": self.broken} if self.broken else {}


async def required(settings: Settings, database: Database, slug: str, at: datetime, *, force: str) -> Passed:
    """Check a campaign that is to be sent; say what was found, and end here for an error that nobody takes on them."""
    found = await _checked(settings, database, slug, at)
    broken = sorted({one.rule for one in found.findings if one.severity is Severity.ERROR})
    for one in found.findings:
        if one.severity is not Severity.NOTE:
            edge.warn(f"{one.severity}: {one.rule}: {one.text}")
    if not broken:
        return Passed()
    if not force:
        edge.warn(
            f"Nothing was sent. Put it right, or say why it may go out: --force REASON (see campaign check {slug})."
        )
        raise typer.Exit(1)
    return Passed(force, tuple(broken))


def say(found: Preflight) -> None:
    """What was found, a line or a few for each, and the sum."""
    for one in found.findings:
        whom = f" (for {'; '.join(one.readers[:3])}{' …' if len(one.readers) > 3 else ''})" if one.readers else ""
        lines = textwrap.wrap(f"{one.rule}: {one.text}{whom}", _WIDTH - _INDENT, break_long_words=False)
        edge.say(f"{one.severity:<{_INDENT}}{lines[0]}")
        for line in lines[1:]:
            edge.say(f"{'':<{_INDENT}}{line}")
    counts = Counter(one.severity for one in found.findings)
    said = ", ".join(_count(counts[severity], severity) for severity in Severity)
    edge.say(f"{found.campaign}: {said}; {_count(found.mails, 'different mail')}, {_count(found.people, 'reader')}.")


_WIDTH, _INDENT = 80, 9


async def _checked(settings: Settings, database: Database, slug: str, at: datetime) -> Preflight:
    async with database.read() as connection:
        campaign = await store.find(connection, slug)
        gathered = await running.gather(connection, settings, parts.stationery(settings), campaign, at)
    return await running.check(gathered, settings, [keys.load(one) for one in settings.dkim])


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
