"""How a person stood at a moment of the past, read back from the evidence."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from subscribers import choices
from subscribers.choices import Choices
from subscribers.consent import Action, Evidence
from subscribers.directory import Entry


@dataclass(frozen=True, slots=True)
class Standing:
    """Status, pause, suppression (its evidence's reason) and choices as they were."""

    status: str
    paused_until: datetime | None
    suppressed: str | None
    choices: Choices


def at(moment: datetime, entry: Entry, evidence: Sequence[Evidence]) -> Standing:
    """The standing at a moment, from the person as they are now and every step of theirs, oldest first."""
    status = "active" if entry.confirmed_at is not None and entry.confirmed_at <= moment else "pending"
    paused_until, suppressed = None, None
    for step in evidence:
        if step.at > moment:
            break
        match step.action:
            case Action.CONFIRMED:
                status, suppressed = "active", None
            case Action.LEFT:
                status = "left"
            case Action.SUPPRESSED:
                suppressed = str(step.detail.get("reason", "staff"))
            case Action.RELEASED:
                suppressed = None
            case Action.PAUSED | Action.CHANGED if "paused_until" in step.detail:
                until = step.detail["paused_until"]
                paused_until = None if until is None else datetime.fromisoformat(until)
            case _:
                pass
    if entry.suppressed is not None and entry.suppressed_at is not None and entry.suppressed_at <= moment:
        suppressed = entry.suppressed
    return Standing(status, paused_until, suppressed, _chosen(moment, entry, evidence))


def _chosen(moment: datetime, entry: Entry, evidence: Sequence[Evidence]) -> Choices:
    """What the first change of choices since then says was there before it; without one, today's."""
    for step in evidence:
        before = step.detail.get("before") if step.at > moment and step.action is Action.CHANGED else None
        if isinstance(before, dict) and "everything" in before:
            return choices.of_document(before)
    return entry.choices
