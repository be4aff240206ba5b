"""All checks of a campaign, in one list."""

import asyncio
from collections.abc import Awaitable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.campaigns import digests, lifecycle, told
from newsletter.campaigns.preflight import (
    calendar,
    dates,
    duties,
    gathering,
    leftovers,
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
from newsletter.constellation import planning
from newsletter.content.errors import ContentError
from newsletter.content.facts import Facts
from newsletter.delivery.composer import Stationery
from newsletter.dkim.keys import Key
from newsletter.settings import Settings

CHECKS = (
    weight.check,
    subject.check,
    leftovers.check,
    duties.check,
    links.check,
    seeing.check,
    dates.check,
    calendar.check,
)
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
    """What a campaign states and for whom, read from the database, so that looking further needs no connection.

    `repeats` are campaigns of its kind about its event, and how many of its readers were sent each.
    """

    campaign: Campaign
    facts: Facts
    readers: tuple[Readers, ...]
    repeats: Mapping[str, int]
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
    if of.kind == planning.DIGEST and of.started_at is None:
        who = await gathering.readers(connection, *await digests.shares(connection, of, now))
        return Gathered(of, stated, tuple(who), {}, paper, now)
    whom = await lifecycle.readers(connection, of, now)
    repeats = {} if of.started_at is not None else await told.repeated(connection, of, whom)
    return Gathered(of, stated, tuple(await gathering.readers(connection, whom)), repeats, paper, now)


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
        found += await _asked_of_others(gathered, seen, settings, keys, ends_at)
    order = list(Severity)
    found.sort(key=lambda finding: order.index(finding.severity))
    return Preflight(gathered.campaign.slug, gathered.people, len(seen), tuple(found))


def _next(left: Iterator[Mail]) -> tuple[Mail, list[tuple[str, Finding]]] | None:
    mail = next(left, None)
    return None if mail is None else (mail, [(mail.reader, finding) for run in CHECKS for finding in run(mail)])


async def _asked_of_others(
    gathered: Gathered, seen: Sequence[Mail], settings: Settings, keys: Sequence[Key], ends_at: float | None
) -> list[Finding]:
    """What others say, all asked at once, so that nobody's silence costs what another has said."""
    asked: list[Coroutine[Any, Any, list[Finding]]] = []
    if settings.preflight.spamassassin:
        late = warning(Rule.SPAM_SCORE, "there was no time to ask SpamAssassin")
        asked.append(_in_time(spam.check(seen[0].raw), ends_at, late))
    if settings.preflight.network:
        mailbox = gathered.facts.constellation.sender.email
        late = warning(Rule.SPF, "there was no time to look up the sender's records")
        asked.append(_in_time(sender.check(mailbox, settings.bounces.address, keys, gathered.now), ends_at, late))
        addresses = {address for mail in seen for address in links.to_reach(mail)}
        patience = settings.preflight.patience.total_seconds()
        asked.append(reaching.check(addresses, patience=patience, ends_at=ends_at))
    found = [finding for findings in await asyncio.gather(*asked) for finding in findings]
    if not settings.preflight.network:
        found.append(note(Rule.LINK_UNREACHABLE, "links and the sender's records were not looked up: no network"))
    return found


async def _in_time(asking: Awaitable[list[Finding]], ends_at: float | None, late: Finding) -> list[Finding]:
    try:
        async with asyncio.timeout_at(ends_at):
            return await asking
    except TimeoutError:
        return [late]


def of_audience(gathered: Gathered) -> Iterator[Finding]:
    """What there is to say of the readers, and of the languages they read. Raises ContentError."""
    of, stated, who, paper = gathered.campaign, gathered.facts, list(gathered.readers), gathered.paper
    if not who:
        yield warning(Rule.AUDIENCE, "nobody would get it now")
    if of.expression and of.is_the_plans and stated.event is not None and stated.event.mail(of.kind) is not None:
        yield warning(
            Rule.AUDIENCE,
            "it goes in the place of the plan's own mail, which nobody else is sent then; "
            "one besides that needs a name of its own: campaign draft --as NAME",
        )
    for slug, people in gathered.repeats.items():
        others = f"for the others alone: --to 'not received(\"{slug}\")'"
        yield warning(Rule.AUDIENCE, f"{people:,} of {gathered.people:,} were sent {slug} already; {others}")
    for wanted, given, people in gathering.wanted_in_vain(of.kind, stated, who, paper):
        count = "one person reads" if people == 1 else f"{people:,} people read"
        yield note(Rule.LANGUAGE, f"{count} {wanted}, and would get it in {given}")
    for text in gathering.fallbacks(of.kind, stated, who, paper):
        yield note(Rule.LANGUAGE, text)
