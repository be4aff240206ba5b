"""All checks of a campaign, in one list."""

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
    """A campaign's mails, read from the database, so that looking further needs no connection."""

    campaign: Campaign
    facts: Facts
    people: int
    mails: tuple[Mail, ...]
    findings: tuple[Finding, ...]


async def gather(
    connection: AsyncConnection, settings: Settings, paper: Stationery, of: Campaign, now: datetime
) -> Gathered:
    """Compile the mail of everyone who would get it now. A template that is wrong is a finding."""
    stated = await lifecycle.facts(connection, settings, of)
    who = await gathering.readers(connection, await lifecycle.readers(connection, of, now))
    people = sum(reader.people for reader in who)
    found = [*_of_audience(of, stated, who, paper)]
    try:
        mails = tuple(gathering.mails(paper, of, stated, who or [gathering.SOMEBODY], now))
    except ContentError as fault:
        mails = ()
        found += [error(Rule.TEMPLATE, line) for line in str(fault).splitlines()]
    return Gathered(of, stated, people, mails, tuple(found))


async def check(gathered: Gathered, settings: Settings, keys: Sequence[Key]) -> Preflight:
    """Run every check; what needs the network only where the settings allow it (`preflight.network`)."""
    seen = [(mail.reader, finding) for mail in gathered.mails for run in CHECKS for finding in run(mail)]
    found = [*gathered.findings, *merged(seen, len(gathered.mails))]
    if gathered.mails:
        first = gathered.mails[0]
        found += await spam.check(first.raw) if settings.preflight.spamassassin else []
        if settings.preflight.network:
            addresses = {address for mail in gathered.mails for address in links.to_reach(mail)}
            found += await reaching.check(addresses, patience=settings.preflight.patience.total_seconds())
            mailbox = gathered.facts.constellation.sender.email
            found += await sender.check(mailbox, settings.bounces.address, keys, first.now)
        else:
            found.append(note(Rule.LINK_UNREACHABLE, "links and the sender's records were not looked up: no network"))
    order = list(Severity)
    found.sort(key=lambda finding: order.index(finding.severity))
    return Preflight(gathered.campaign.slug, gathered.people, len(gathered.mails), tuple(found))


def _of_audience(of: Campaign, stated: Facts, who: list[Readers], paper: Stationery) -> Iterator[Finding]:
    if not who:
        yield warning(Rule.AUDIENCE, "nobody would get it now")
    for wanted, given, people in gathering.wanted_in_vain(of.kind, stated, who, paper):
        count = "one person reads" if people == 1 else f"{people:,} people read"
        yield note(Rule.LANGUAGE, f"{count} {wanted}, and would get it in {given}")
    for text in gathering.fallbacks(of.kind, stated, who, paper):
        yield note(Rule.LANGUAGE, text)
