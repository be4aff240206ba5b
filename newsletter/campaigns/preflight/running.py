"""All checks of a campaign, in one list."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.campaigns import lifecycle
from newsletter.campaigns.preflight import (
    calendar,
    dates,
    duties,
    gathering,
    links,
    reaching,
    seeing,
    sender,
    spam,
    subject,
    weight,
)
from newsletter.campaigns.preflight.findings import Finding, Rule, Severity, error, merged, note, warning
from newsletter.campaigns.preflight.gathering import Readers
from newsletter.campaigns.preflight.mail import Mail
from newsletter.campaigns.store import Campaign
from newsletter.content.errors import ContentError
from newsletter.content.facts import Facts
from newsletter.delivery.composer import Stationery
from newsletter.dkim.keys import Key
from newsletter.settings import Settings

CHECKS = (weight.check, subject.check, duties.check, links.check, seeing.check, dates.check, calendar.check)
"""Those that need nothing but the mail."""


@dataclass(frozen=True, slots=True)
class Preflight:
    """What was found, and over what: `mails` are those that differ, for `people` in all."""

    campaign: str
    people: int
    mails: int
    findings: tuple[Finding, ...]

    @property
    def is_clear(self) -> bool:
        """Whether it may go out without anybody saying so."""
        return all(finding.severity is not Severity.ERROR for finding in self.findings)


@dataclass(frozen=True, slots=True)
class Gathered:
    """What a campaign states and for whom, read from the database, so that looking further needs no connection."""

    campaign: Campaign
    facts: Facts
    readers: tuple[Readers, ...]
    paper: Stationery
    now: datetime

    @property
    def people(self) -> int:
        """How many would get it."""
        return sum(reader.people for reader in self.readers)


async def gather(
    connection: AsyncConnection, settings: Settings, paper: Stationery, of: Campaign, now: datetime
) -> Gathered:
    """Read who would get it now. Raises CampaignError where its event, or what its audience names, is there no more."""
    stated = await lifecycle.facts(connection, settings, of)
    who = await gathering.readers(connection, await lifecycle.readers(connection, of, now))
    return Gathered(of, stated, tuple(who), paper, now)


def mails(gathered: Gathered) -> Iterator[Mail]:
    """Compile the mail of everyone who would get it, each that differs once. Raises ContentError."""
    who = list(gathered.readers) or [gathering.SOMEBODY]
    return gathering.mails(gathered.paper, gathered.campaign, gathered.facts, who, gathered.now)


async def check(
    gathered: Gathered, settings: Settings, keys: Sequence[Key], *, within: float | None = None
) -> Preflight:
    """Run every check; what needs the network only where the settings allow it (`preflight.network`).

    Mails are compiled and looked at in a thread, since that takes its time. After `within` seconds it is done with what
    it has found: that something was not looked at is a warning.
    """
    loop = asyncio.get_running_loop()
    ends_at = None if within is None else loop.time() + within
    seen: list[Mail] = []
    found: list[Finding] = []
    of_mails: list[tuple[str, Finding]] = []
    left, fault = mails(gathered), False
    try:
        found += of_audience(gathered)
        while (looked := await asyncio.to_thread(_next, left)) is not None:
            seen.append(looked[0])
            of_mails += looked[1]
            if ends_at is not None and loop.time() > ends_at:
                found.append(warning(Rule.TEMPLATE, f"after {len(seen)} different mails there was no time for others"))
                break
    except ContentError as wrong:
        fault = True
        found += [error(Rule.TEMPLATE, line) for line in str(wrong).splitlines()]
    found += merged(of_mails, len(seen))
    if seen and not fault:
        try:
            async with asyncio.timeout_at(ends_at):
                await _ask_others(found, gathered, seen, settings, keys)
        except TimeoutError:
            found.append(warning(Rule.LINK_UNREACHABLE, "there was no time to ask for every link and record"))
    order = list(Severity)
    found.sort(key=lambda finding: order.index(finding.severity))
    return Preflight(gathered.campaign.slug, gathered.people, len(seen), tuple(found))


def _next(left: Iterator[Mail]) -> tuple[Mail, list[tuple[str, Finding]]] | None:
    mail = next(left, None)
    return None if mail is None else (mail, [(mail.reader, finding) for run in CHECKS for finding in run(mail)])


async def _ask_others(
    found: list[Finding], gathered: Gathered, seen: Sequence[Mail], settings: Settings, keys: Sequence[Key]
) -> None:
    """Add to `found` what others say, one after another: who runs out of time has what was said until then."""
    if settings.preflight.spamassassin:
        found += await spam.check(seen[0].raw)
    if not settings.preflight.network:
        found.append(note(Rule.LINK_UNREACHABLE, "links and the sender's records were not looked up: no network"))
        return
    mailbox = gathered.facts.constellation.sender.email
    found += await sender.check(mailbox, settings.bounces.address, keys, gathered.now)
    addresses = {address for mail in seen for address in links.to_reach(mail)}
    found += await reaching.check(addresses, patience=settings.preflight.patience.total_seconds())


def of_audience(gathered: Gathered) -> Iterator[Finding]:
    """What there is to say of the readers, and of the languages they read. Raises ContentError."""
    of, stated, who, paper = gathered.campaign, gathered.facts, list(gathered.readers), gathered.paper
    if not who:
        yield warning(Rule.AUDIENCE, "nobody would get it now")
    for wanted, given, people in gathering.wanted_in_vain(of.kind, stated, who, paper):
        count = "one person reads" if people == 1 else f"{people:,} people read"
        yield note(Rule.LANGUAGE, f"{count} {wanted}, and would get it in {given}")
    for text in gathering.fallbacks(of.kind, stated, who, paper):
        yield note(Rule.LANGUAGE, text)
