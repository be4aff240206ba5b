"""What rows come to, before any of them is written: a pure decision, the same for a dry run."""

from collections.abc import Collection
from dataclasses import dataclass, field

from subscribers import suppression
from subscribers.importing.person import Person, Stop
from subscribers.importing.report import Counts
from subscribers.importing.store import Known
from subscribers.suppression import Reason


@dataclass(slots=True)
class Rows:
    """Rows that were read, in the file's order: their numbers, the hashes of their addresses, and whether consent is
    proven; by their number, who is a stop. What else is known of people lies where it is written from."""

    numbers: list[int] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)
    proven: list[bool] = field(default_factory=list)
    stops: dict[int, Stop] = field(default_factory=dict)

    def add(self, row: Person | Stop) -> None:
        """Put a row at the end."""
        self.numbers.append(row.row)
        self.hashes.append(row.hash)
        if isinstance(row, Stop):
            self.stops[row.row] = row
            self.proven.append(False)
        else:
            self.proven.append(row.is_proven)

    def cut(self, start: int, count: int) -> "Rows":
        """So many of them."""
        numbers = self.numbers[start : start + count]
        stops = {number: self.stops[number] for number in numbers if number in self.stops} if self.stops else {}
        return Rows(numbers, self.hashes[start : start + count], self.proven[start : start + count], stops)


@dataclass(slots=True)
class Plan:
    """People to add (by the number of their row), pending ones to make active (id and row), addresses to suppress.

    `pending` are those to add who are not proven; `waiting` the ids of those who were pending before and still are;
    `firmer` are stops of addresses that are suppressed already, by less; `raised` those of people here who are
    suppressed for another reason by it.
    """

    new: list[int] = field(default_factory=list)
    pending: list[int] = field(default_factory=list)
    promoted: list[tuple[int, int]] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)
    stopped: dict[str, tuple[int | None, Stop]] = field(default_factory=dict)
    firmer: list[Stop] = field(default_factory=list)
    raised: dict[int, Stop] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)


def decide(rows: Rows, known: Known, before: Collection[str], asked_us: Collection[int]) -> Plan:
    """Decide for each row. `before` are the addresses that earlier rows named, of those that are known; `asked_us` the
    known subscribers who joined by themselves."""
    plan = Plan()
    if not (rows.stops or known.subscribers or known.suppressed) and len(set(rows.hashes)) == len(rows.hashes):
        plan.new = rows.numbers  # as nearly all of a list that comes for the first time
        plan.pending = [number for number, is_proven in zip(rows.numbers, rows.proven, strict=True) if not is_proven]
    else:
        _look_at_each(plan, rows, known, before, asked_us)
    plan.counts.active = len(plan.new) - len(plan.pending)
    plan.counts.pending = len(plan.pending)
    return plan


def _look_at_each(plan: Plan, rows: Rows, known: Known, before: Collection[str], asked_us: Collection[int]) -> None:
    for stop in rows.stops.values():
        _stop(plan, stop, known, asked_us)
    named = set(before)
    for number, hashed, is_proven in zip(rows.numbers, rows.hashes, rows.proven, strict=True):
        if number not in rows.stops:  # they are decided on: who is among the rows both ways has left
            _take(plan, number, hashed, known, is_first=hashed not in named, is_proven=is_proven)
        named.add(hashed)


def _stop(plan: Plan, stop: Stop, known: Known, asked_us: Collection[int]) -> None:
    subscriber_id, _ = known.subscribers.get(stop.hash, (None, ""))
    if stop.hash in plan.stopped:
        plan.counts.duplicates += 1
    elif (reason := known.suppressed.get(stop.hash)) is not None:
        plan.counts.kept_out[reason] += 1
        if subscriber_id not in asked_us and suppression.adds_to(stop.reason, reason):
            plan.firmer.append(stop)
            if subscriber_id is not None and suppression.is_stronger(stop.reason, reason):
                plan.raised[subscriber_id] = stop
    elif subscriber_id in asked_us:
        plan.counts.known += 1  # they came to us by themselves: what they left elsewhere is not what they joined here
    else:
        plan.stopped[stop.hash] = (subscriber_id, stop)
        plan.counts.stopped[stop.reason] += 1


def _take(plan: Plan, number: int, hashed: str, known: Known, *, is_first: bool, is_proven: bool) -> None:
    if not is_first:
        plan.counts.duplicates += 1
        return
    stopped = plan.stopped.get(hashed)
    reason: Reason | None = known.suppressed.get(hashed) or (stopped[1].reason if stopped else None)
    subscriber_id, status = known.subscribers.get(hashed, (None, ""))
    if reason is not None:
        plan.counts.kept_out[reason] += 1
    elif status == "left":
        plan.counts.kept_out["left"] += 1
    elif subscriber_id is None:
        plan.new.append(number)
        if not is_proven:
            plan.pending.append(number)
    elif status == "pending" and is_proven:
        plan.promoted.append((subscriber_id, number))
        plan.counts.promoted += 1
    else:
        plan.counts.known += 1
        if status == "pending":
            plan.waiting.append(subscriber_id)
