"""What this process has settled, and how quickly in the last moments: by campaign, and by recipients' domain."""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from newsletter.delivery.ledger import Due, Settlement, State

SPAN = 10.0
"""Over how many seconds a rate is taken."""
_SLICE = 1.0
_MOST_DOMAINS = 300
_OTHERS = "(others)"


@dataclass(slots=True)
class _Moment:
    """What was settled in one slice of time; a process that writes to a million domains counts most of them as one."""

    begins: float
    campaigns: Counter[int] = field(default_factory=Counter)
    domains: dict[str, Counter[State]] = field(default_factory=dict)

    def count(self, domain: str, state: State) -> None:
        known = self.domains.get(domain)
        if known is None:
            name = domain if len(self.domains) < _MOST_DOMAINS else _OTHERS
            known = self.domains.setdefault(name, Counter())
        known[state] += 1


class Tally:
    """Counts windows as they are settled. What was claimed and not offered counts as nothing."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.settled: dict[State, int] = {}
        self._clock = clock
        self._moments: deque[_Moment] = deque()
        self._began = clock()

    def add(self, campaign_id: int, people: Sequence[Due], settlements: Sequence[Settlement]) -> None:
        """Count a window; `people` and `settlements` are in the same order."""
        moment = self._moment()
        offered, queued = 0, State.QUEUED
        for due, one in zip(people, settlements, strict=True):
            if one.state is not queued:
                offered += 1
                self.settled[one.state] = self.settled.get(one.state, 0) + 1
                moment.count(due.address.rpartition("@")[2], one.state)
        moment.campaigns[campaign_id] += offered

    def rates(self) -> dict[int, float]:
        """How many a second were offered in the last moments, by campaign."""
        total: Counter[int] = Counter()
        for moment in self._recent():
            total.update(moment.campaigns)
        seconds = min(SPAN, max(_SLICE, self._clock() - self._began))
        return {campaign: count / seconds for campaign, count in total.items() if count}

    def domains(self, most: int) -> dict[str, dict[State, int]]:
        """What became of mails to each domain in the last moments: those with the most, at most so many."""
        total: dict[str, Counter[State]] = {}
        for moment in self._recent():
            for domain, states in moment.domains.items():
                total.setdefault(domain, Counter()).update(states)
        busiest = sorted(total, key=lambda domain: -total[domain].total())[:most]
        return {domain: dict(total[domain]) for domain in busiest}

    def _moment(self) -> _Moment:
        now = self._clock()
        if not self._moments or now - self._moments[-1].begins >= _SLICE:
            self._moments.append(_Moment(now))
            self._recent()
        return self._moments[-1]

    def _recent(self) -> Iterable[_Moment]:
        oldest = self._clock() - SPAN
        while self._moments and self._moments[0].begins < oldest:
            self._moments.popleft()
        return self._moments
