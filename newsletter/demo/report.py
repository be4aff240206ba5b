"""The season in pictures: one HTML file that needs nothing else, with charts as SVG, for light and dark screens."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from newsletter import assets
from newsletter.constellation.model import Brand
from newsletter.content.colours import mixed
from newsletter.demo import charts, summary
from newsletter.demo.charts import Sheet
from newsletter.demo.checks import Evidence, Finding
from newsletter.demo.diary import Deed, Entry
from newsletter.demo.summary import Outcome
from newsletter.web import colours

_WIDE, _NARROW = Sheet(960, 330), Sheet(360, 270, left=40, right=10)
_WIDE_WEEKS, _NARROW_WEEKS = Sheet(960, 230, top=12), Sheet(360, 210, left=40, right=10, top=12)
_MOST_DOTS = 40


@dataclass(frozen=True, slots=True)
class Way:
    """One way of leaving or of asking for less, and how many took it."""

    words: str
    kind: str
    people: int
    share: float


_WAYS: tuple[tuple[str, str, Deed, tuple[str, ...]], ...] = (
    ("pressed the button of their mail program", "left", Deed.LEFT, ("one click, urlencoded", "one click, multipart")),
    ("followed the link at the foot of a mail", "left", Deed.LEFT, ("page",)),
    ("had closed the mailbox: refused at the door", "bounced", Deed.BOUNCED, ("refused",)),
    ("bounced later, said the provider's webhook", "bounced", Deed.BOUNCED, ("webhook",)),
    ("bounced later, said a mail that came back", "bounced", Deed.BOUNCED, ("mail",)),
    ("marked a mail as spam", "complained", Deed.COMPLAINED, ("webhook",)),
    ("chose only some events instead", "fewer", Deed.CHOSE, ("page",)),
    ("wanted nothing more of one event", "fewer", Deed.MUTED, ("page",)),
    ("took a pause", "fewer", Deed.PAUSED, ("page",)),
)


def write(path: Path, evidence: Evidence, findings: Sequence[Finding], brand: Brand, seconds: float) -> None:
    """Write the report of a season that took so many seconds to play."""
    environment = Environment(
        loader=FileSystemLoader(assets.TEMPLATES / "demo"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = "{:,}".format
    times = evidence.timetable
    outcomes = summary.outcomes(evidence)
    growth = summary.growth(list(evidence.entries))
    most = max((outcome.offered for outcome in outcomes), default=1)
    page = environment.get_template("report.html").render(
        times=times,
        palette=colours.palette(brand),
        soft=mixed(brand.color, "#ffffff", 0.55),
        findings=findings,
        holds=all(finding.holds for finding in findings),
        seconds=seconds,
        mails=len(evidence.mails),
        arrived=sum(outcome.arrived for outcome in outcomes),
        late=sum(outcome.late for outcome in outcomes),
        refused=sum(outcome.refused for outcome in outcomes),
        first=growth.people[0],
        last=growth.people[-1],
        joined=sum(entry.deed is Deed.CONFIRMED for entry in evidence.entries),
        looked=sum(entry.deed is Deed.LOOKED for entry in evidence.entries),
        lines=[charts.line(growth, times.gatherings, sheet, times.zone) for sheet in (_WIDE, _NARROW)],
        weeks=[charts.weeks(evidence.entries, sheet, times.zone) for sheet in (_WIDE_WEEKS, _NARROW_WEEKS)],
        ways=_ways(evidence.entries),
        months=[
            (month, list(found))
            for month, found in groupby(outcomes, key=lambda one: f"{one.at.astimezone(times.zone):%B}")
        ],
        titles={gathering.slug: gathering.title for gathering in times.gatherings},
        share=lambda count: round(100 * count / max(most, 1), 2),
        dots=_dots(outcomes),
        dot=_people_a_dot(outcomes),
    )
    path.write_text(page, encoding="utf-8")


def _ways(entries: Sequence[Entry]) -> list[Way]:
    counts = Counter((entry.deed, entry.how) for entry in entries)
    found = [(words, kind, sum(counts[deed, how] for how in hows)) for words, kind, deed, hows in _WAYS]
    most = max((people for _, _, people in found), default=0) or 1
    return [Way(words, kind, people, round(100 * people / most, 1)) for words, kind, people in found]


def _followed(outcome: Outcome) -> list[tuple[str, int]]:
    return [
        ("bounced", outcome.bounced),
        ("complained", outcome.complained),
        ("left", outcome.left),
        ("fewer", outcome.fewer),
    ]


def _people_a_dot(outcomes: Sequence[Outcome]) -> int:
    """How many people one dot stands for, so that no mailing has more dots than fit."""
    most = max((sum(count for _, count in _followed(outcome)) for outcome in outcomes), default=0)
    return max(1, math.ceil(most / _MOST_DOTS))


def _dots(outcomes: Sequence[Outcome]) -> dict[str, list[str]]:
    """What followed each mailing, as a row of dots."""
    each = _people_a_dot(outcomes)
    return {
        outcome.name: [kind for kind, count in _followed(outcome) for _ in range(math.ceil(count / each))]
        for outcome in outcomes
    }
