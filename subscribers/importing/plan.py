"""What a batch comes to, before any of it is written: a pure decision, the same for a dry run."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from subscribers.importing.person import Person, Stop
from subscribers.importing.report import Counts
from subscribers.importing.store import Known
from subscribers.suppression import Reason


class Named(NamedTuple):
    """A row that was read, its address' hash, and whether it is the file's first with that address."""

    hash: str
    is_first: bool
    row: Person | Stop


@dataclass(slots=True)
class Plan:
    """People to add (with their hash), pending ones to make active (with their id), addresses to suppress.

    `waiting` are the ids of those who were pending before and still are.
    """

    new: list[tuple[str, Person]] = field(default_factory=list)
    promoted: list[tuple[int, Person]] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)
    stopped: dict[str, tuple[int | None, Stop]] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)


def decide(batch: Iterable[Named], known: Known, asked_us: Collection[int]) -> Plan:
    """Decide for each row. `asked_us` are the known subscribers who joined by themselves."""
    plan = Plan()
    people: list[tuple[Named, Person]] = []
    for named in batch:
        if isinstance(named.row, Stop):
            _stop(plan, named, named.row, known, asked_us)
        else:
            people.append((named, named.row))
    for named, person in people:  # after the stops: who is in the batch both ways has left
        _take(plan, named, person, known)
    return plan


def _stop(plan: Plan, named: Named, stop: Stop, known: Known, asked_us: Collection[int]) -> None:
    subscriber_id, _ = known.subscribers.get(named.hash, (None, ""))
    if named.hash in plan.stopped:
        plan.counts.duplicates += 1
    elif (reason := known.suppressed.get(named.hash)) is not None:
        plan.counts.kept_out[reason] += 1
    elif subscriber_id in asked_us:
        plan.counts.known += 1  # they came to us by themselves: what they left elsewhere is not what they joined here
    else:
        plan.stopped[named.hash] = (subscriber_id, stop)
        plan.counts.stopped[stop.reason] += 1


def _take(plan: Plan, named: Named, person: Person, known: Known) -> None:
    if not named.is_first:
        plan.counts.duplicates += 1
        return
    stopped = plan.stopped.get(named.hash)
    reason: Reason | None = known.suppressed.get(named.hash) or (stopped[1].reason if stopped else None)
    subscriber_id, status = known.subscribers.get(named.hash, (None, ""))
    if reason is not None:
        plan.counts.kept_out[reason] += 1
    elif status == "left":
        plan.counts.kept_out["left"] += 1
    elif subscriber_id is None:
        plan.new.append((named.hash, person))
        if person.consented_at is None:
            plan.counts.pending += 1
        else:
            plan.counts.active += 1
    elif status == "pending" and person.consented_at is not None:
        plan.promoted.append((subscriber_id, person))
        plan.counts.promoted += 1
    else:
        plan.counts.known += 1
        if status == "pending":
            plan.waiting.append(subscriber_id)
