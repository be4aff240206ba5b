"""A run from its first step to its last, told to whoever watches: the import, the season, the closing."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from newsletter import people
from newsletter.constellation import loading
from newsletter.demo import checks, encore, outbox, report, season, summary
from newsletter.demo.checks import Evidence, Finding
from newsletter.demo.etiquette import Etiquette
from newsletter.demo.stage import Stage
from newsletter.demo.summary import Outcome
from subscribers import importing
from subscribers.importing import Report


class Audience(Protocol):
    """Who watches; each step is shown while it lasts."""

    def importing(self, done: int, total: int) -> None:
        """So many rows of the spreadsheet are read."""

    def playing(self, now: datetime, mails: int) -> None:
        """The season is here, and so many mails have arrived."""

    def checking(self, done: int, total: int) -> None:
        """So many mails are read again."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a run came to."""

    evidence: Evidence
    outcomes: list[Outcome]
    findings: list[Finding]

    @property
    def holds(self) -> bool:
        """Whether every check does."""
        return all(finding.holds for finding in self.findings)


async def bring_in(stage: Stage, count: int, audience: Audience) -> Report:
    """Make up so many people and import them as staff would; the refused rows lie beside the spreadsheet."""
    slugs = [gathering.slug for gathering in stage.timetable.gatherings]
    people.write_csv(stage.folder.people, count, stage.tempers.seed, slugs)
    with importing.writing_rejects(stage.folder.rejects) as rejected:
        return await importing.run(
            stage.folder.people,
            database=stage.database,
            hash_key=stage.settings.secrets.hash_key.get_secret_value(),
            now=stage.clock(),
            events=slugs,
            rejected=rejected,
            progressed=audience.importing,
        )


async def play(stage: Stage, audience: Audience) -> None:
    """Play the season. Raises DemoError when somebody meets a page that does not work."""
    listed = season.enter(stage)
    await season.play(stage, listed, lambda now: audience.playing(now, len(stage.outbox.mails)))
    stage.diary.write(stage.folder.diary)


async def close(stage: Stage, audience: Audience, began: float) -> Result:
    """Read every mail again from its file, run the checks, and write the report. `began` is by time.perf_counter."""

    def each() -> Iterator[tuple[outbox.Mail, bytes]]:
        total = len(stage.outbox.mails)
        for number, found in enumerate(outbox.read(stage.folder.outbox), start=1):
            audience.checking(number, max(total, number))
            yield found

    rules = Etiquette(stage.settings.public_url, stage.timetable.postal_address)
    mails, faults = checks.look_at_each(each(), rules)
    async with stage.database.read() as connection:
        told = await summary.told(connection)
    evidence = Evidence(stage.timetable, mails, stage.diary.entries, stage.mailboxes.attempts, faults, told)
    result = Result(evidence, summary.outcomes(evidence), checks.run(evidence))
    seconds = time.perf_counter() - began
    report.write(stage.folder.report, evidence, result.findings, stage.constellation.brand, seconds)
    return result


async def keep(stage: Stage) -> None:
    """Leave everything running, by the time it really is and with a season ahead, until this is cancelled."""
    stage.clock.run_on()
    stage.mailboxes.is_friendly = True
    again = encore.ahead(stage.constellation, stage.clock())
    async with stage.database.begin() as connection:
        await loading.load(connection, again, stage.clock(), actor="demo")
    await stage.engine.run()
