"""What `newsletter campaign check` does and says, and `campaign send` before it sends."""

import textwrap
from collections import Counter
from dataclasses import dataclass
from datetime import datetime

import typer

from newsletter.campaigns import store
from newsletter.campaigns.preflight import running
from newsletter.campaigns.preflight.findings import Severity
from newsletter.campaigns.preflight.running import Gathered, Preflight
from newsletter.cli import edge
from newsletter.database import Database
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
    passed = judged(await _checked(settings, database, slug, at), force)
    if passed is None:
        edge.warn("Nothing was sent. Put it right, or say why it may go out: --force REASON")
        edge.warn(f"(see campaign check {slug}).")
        raise typer.Exit(1)
    return passed


def judged(found: Preflight, force: str, *, names: bool = False) -> Passed | None:
    """Say on stderr what is wrong, where it `names` the campaign too; None where it may not go out."""
    about = f"{found.campaign}: " if names else ""
    for one in found.findings:
        if one.severity is not Severity.NOTE:
            edge.warn(_wrapped(f"{one.severity}: {about}{one.rule}: {one.text}", indent="  "))
    broken = tuple(sorted({one.rule for one in found.findings if one.severity is Severity.ERROR}))
    if not broken:
        return Passed()
    return Passed(force, broken) if force else None


def say(found: Preflight) -> None:
    """What was found, a line or a few for each, and the sum."""
    for one in found.findings:
        whom = f" (for {'; '.join(one.readers[:3])}{' …' if len(one.readers) > 3 else ''})" if one.readers else ""
        edge.say(_wrapped(f"{one.severity:<{_INDENT}}{one.rule}: {one.text}{whom}", indent=" " * _INDENT))
    counts = Counter(one.severity for one in found.findings)
    said = ", ".join(edge.counted(counts[severity], severity) for severity in Severity)
    seen = f"{edge.counted(found.mails, 'different mail')}, {edge.counted(found.people, 'reader')}"
    edge.prose(f"{found.campaign}: {said}; {seen}.")


_WIDTH, _INDENT = 80, 9


def _wrapped(text: str, *, indent: str) -> str:
    return textwrap.fill(text, _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


async def _checked(settings: Settings, database: Database, slug: str, at: datetime) -> Preflight:
    async with database.read() as connection:
        campaign = await store.find(connection, slug)
        gathered = await running.gather(connection, settings, parts.stationery(settings), campaign, at)
    return await look(settings, gathered)


async def look(settings: Settings, gathered: Gathered) -> Preflight:
    """Run every check on what was gathered, for as long as it takes."""
    return await running.check(gathered, settings, parts.keys(settings))
