"""What became of each mailing, counted from what arrived, what mailboxes answered and what people did."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate

from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.campaigns import report
from newsletter.campaigns import store as campaigns
from newsletter.delivery.ledger import State
from newsletter.demo import checks
from newsletter.demo.checks import Evidence, Told
from newsletter.demo.diary import GONE, Deed, Entry
from newsletter.demo.mailboxes import Verdict


@dataclass(frozen=True, slots=True)
class Outcome:
    """One mailing: how many mails arrived (`late`: of these, put off first), and what followed.

    `refused` by mailboxes at the door, `bounced` after they were taken, `complained`, `left`; `fewer` asked for less.
    """

    name: str
    event: str
    kind: str
    at: datetime
    arrived: int
    late: int
    refused: int
    bounced: int
    complained: int
    left: int
    fewer: int

    @property
    def offered(self) -> int:
        """How many mailboxes it was offered to in the end."""
        return self.arrived + self.refused


async def told(connection: AsyncConnection) -> dict[str, Told]:
    """What the service's own reports say, by the mailing's name."""
    found: dict[str, Told] = {}
    for campaign in await campaigns.listed(connection):
        states = (await report.read(connection, campaign)).states
        found[campaign.slug.replace("/", "-")] = Told(states.get(State.SENT, 0), states.get(State.REFUSED, 0))
    return found


def outcomes(evidence: Evidence) -> list[Outcome]:
    """Every mailing, in the order in which they went out; no week's digest that nobody was to get."""
    put_off = {attempt.sender for attempt in evidence.attempts if attempt.verdict is Verdict.LATER}
    arrived = Counter(mail.mailing for mail in evidence.mails)
    late = Counter(mail.mailing for mail in evidence.mails if mail.sender in put_off)
    refused = checks.refusals(evidence)
    followed = Counter((entry.mailing, entry.deed) for entry in evidence.entries)
    every = [
        Outcome(
            name=mailing.name,
            event=mailing.event,
            kind=mailing.kind,
            at=mailing.due,
            arrived=arrived[mailing.name],
            late=late[mailing.name],
            refused=refused[mailing.name],
            bounced=followed[mailing.name, Deed.BOUNCED],
            complained=followed[mailing.name, Deed.COMPLAINED],
            left=followed[mailing.name, Deed.LEFT],
            fewer=sum(followed[mailing.name, deed] for deed in (Deed.CHOSE, Deed.MUTED, Deed.PAUSED, Deed.WEEKLY)),
        )
        for mailing in evidence.timetable.mailings
    ]
    return [one for one in every if one.offered or one.event != "digest"]


@dataclass(frozen=True, slots=True)
class Growth:
    """How many were in after each moment at which that changed."""

    moments: tuple[datetime, ...]
    people: tuple[int, ...]


def growth(entries: list[Entry]) -> Growth:
    """The audience along the season."""
    ordered = sorted(entries, key=lambda entry: entry.at)
    inside: set[str] = set()
    changes: list[tuple[datetime, int]] = []
    for entry in ordered:
        before = len(inside)
        if entry.deed in (Deed.AGREED, Deed.CONFIRMED):
            inside.add(entry.address)
        elif entry.deed in GONE:
            inside.discard(entry.address)
        if len(inside) != before:
            changes.append((entry.at, len(inside) - before))
    steps = Counter[datetime]()
    for at, step in changes:
        steps[at] += step
    moments = tuple(steps)
    return Growth(moments, tuple(accumulate(steps[moment] for moment in moments)))
