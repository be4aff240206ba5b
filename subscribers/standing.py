"""How a person stood at a moment of the past, read back from the evidence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from subscribers import choices
from subscribers.audience import Rhythm
from subscribers.choices import Choices
from subscribers.consent import Action, Evidence
from subscribers.directory import Entry


@dataclass(frozen=True, slots=True)
class Standing:
    """Status, pause, suppression (its evidence's reason), choices and rhythm as they were."""

    status: str
    paused_until: datetime | None
    suppressed: str | None
    choices: Choices
    rhythm: Rhythm


def at(moment: datetime, entry: Entry, evidence: Sequence[Evidence]) -> Standing:
    """The standing at a moment, from the person as they are now and every step of theirs, oldest first."""
    is_confirmed = entry.confirmed_at is not None and entry.confirmed_at <= moment
    # Who was pending and is imported with proof agreed elsewhere, before we knew of it.
    is_proven = all(step.at <= moment for step in evidence if step.action is Action.IMPORTED)
    status = "active" if is_confirmed and is_proven else "pending"
    suppressed = None
    # Nothing says when it was set where an import brought it along.
    paused_until = None if any("paused_until" in step.detail for step in evidence) else entry.paused_until
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
                suppressed = step.detail.get("still")
            case _:
                pass
        if "paused_until" in step.detail:
            until = step.detail["paused_until"]
            paused_until = None if until is None else datetime.fromisoformat(until)
    if entry.suppressed is not None and entry.suppressed_at is not None and entry.suppressed_at <= moment:
        suppressed = entry.suppressed
    return Standing(
        status, paused_until, suppressed, _chosen(moment, entry, evidence), _rhythm(moment, entry, evidence)
    )


def _chosen(moment: datetime, entry: Entry, evidence: Sequence[Evidence]) -> Choices:
    before = _before(moment, "everything", evidence)
    return entry.choices if before is None else choices.of_document(before)


def _rhythm(moment: datetime, entry: Entry, evidence: Sequence[Evidence]) -> Rhythm:
    before = _before(moment, "rhythm", evidence)
    return entry.rhythm if before is None else Rhythm(before["rhythm"])


def _before(moment: datetime, name: str, evidence: Sequence[Evidence]) -> Mapping[str, Any] | None:
    """What the first change since then of this says was there before it; None where today's is still that."""
    for step in evidence:
        # Whoever comes back with other wishes than they had confirms these.
        tells = step.at > moment and step.action in (Action.CHANGED, Action.CONFIRMED)
        before = step.detail.get("before") if tells else None
        if isinstance(before, dict) and name in before:
            return before
    return None
