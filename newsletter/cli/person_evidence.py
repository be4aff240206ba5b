"""What the evidence about a person is, and how it is printed below what is known of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.cli import edge, reported
from newsletter.feedback import listing, probing
from newsletter.feedback.listing import Listed
from newsletter.feedback.probing import Probe
from newsletter.setting_tables import Bounces
from subscribers import consent, scoring, suppression
from subscribers.suppression import Finding


@dataclass(frozen=True, slots=True)
class Evidence:
    """Every step of consent, what was reported of mails to them, the days that count, a probe, why they get no mail."""

    consent: list[consent.Evidence]
    reports: list[Listed]
    soft_bounce_days: list[date]
    probe: Probe | None
    suppression: Finding | None


async def read(connection: AsyncConnection, subscriber_id: int, bounces: Bounces) -> Evidence:
    """All the evidence about a subscriber."""
    return Evidence(
        consent=await consent.evidence(connection, subscriber_id),
        reports=await listing.of_person(connection, subscriber_id),
        soft_bounce_days=await scoring.days(connection, subscriber_id),
        probe=await probing.latest(connection, subscriber_id, bounces.probe_wait),
        suppression=await suppression.finding(connection, subscriber_id),
    )


def tell_suppression(found: Finding, address: str) -> None:
    """Print since when an address is suppressed, why, and who can undo it."""
    word = f", by {found.source}" if found.source not in ("", found.reason) else ""
    said = f": {' '.join(found.detail.split())}" if found.detail else ""
    edge.prose(f"Suppressed since {edge.moment(found.at)} ({found.reason}{word}){said}")
    if found.reason in suppression.STAFF_MAY_LIFT:
        edge.say(f"To undo it: newsletter subscribers release {address}")
        if found.own_word is not None:
            edge.prose(f"Undone, “{found.own_word}” counts again, which only they can undo, by joining again.")
    elif found.reason in suppression.FINAL:
        edge.say("They asked never to be written to again, which nobody here can undo.")
    else:
        edge.say("Only they can undo it, by joining again.")


def tell(evidence: Evidence, address: str, now: datetime) -> None:
    """Print it, the parts that there are."""
    if (found := evidence.suppression) is not None:
        tell_suppression(found, address)
        edge.say()
    if evidence.soft_bounce_days:
        edge.prose(f"Soft bounces count on {', '.join(map(str, evidence.soft_bounce_days))}.")
        edge.say()
    if evidence.probe is not None:
        edge.prose(_about(evidence.probe, now))
        edge.say()
    if evidence.consent:
        steps = [(edge.moment(step.at), step.action, step.actor, step.source) for step in evidence.consent]
        edge.table(["evidence at (UTC)", "what", "by", "through"], steps)
    if evidence.reports:
        rows = [
            (str(one.id), edge.moment(one.received_at), one.heard, reported.why(one.event), one.outcome)
            for one in evidence.reports
        ]
        edge.table(["report", "received (UTC)", "heard", "reason", "what followed"], rows, numbers=["report"])
        edge.say("One of them in full: newsletter bounces show REPORT")


def _about(probe: Probe, now: datetime) -> str:
    if probe.until is None:
        return f"A probe of {edge.moment(probe.asked_at)} asks whether mail arrives: {probe.state}."
    if now < probe.until:
        return (
            f"A probe of {edge.moment(probe.asked_at)} asks whether mail arrives: sent, and unless it comes back by "
            f"{edge.moment(probe.until)}, soft bounces until then are forgotten."
        )
    return f"A probe of {edge.moment(probe.asked_at)} asked whether mail arrives, and was waited for long enough."


def tell_consent(steps: Sequence[consent.Evidence]) -> None:
    """Print every step of consent, with all that proves it."""
    rows = [(edge.moment(step.at), step.action, step.actor, "\n".join(_proof(step))) for step in steps]
    edge.table(["at (UTC)", "action", "by", "evidence"], rows, whole=["at (UTC)", "action", "by"])


def _proof(step: consent.Evidence) -> Iterator[str]:
    """A line for each thing that is known: the text by its version and how its SHA-256 begins."""
    text = f"{step.text_version} (SHA-256 {step.text_hash[:8]}…)" if step.text_hash else step.text_version
    known = {"through": step.source, "from": step.ip, "text": text}
    yield from (f"{name}: {value}" for name, value in known.items() if value)
    yield from step.details()
