"""Why somebody got a campaign's mail, or did not: one sentence, and the evidence it rests on."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.campaigns import absence, foretelling
from newsletter.campaigns.store import Campaign
from newsletter.delivery import cap, hearing
from newsletter.delivery.state import State
from newsletter.tables import delivery
from subscribers import consent, directory, suppression
from subscribers.addresses import Address
from subscribers.directory import Entry, NoSuchSubscriber
from subscribers.suppression import Reason
from subscribers.tables import suppression as suppression_table

_Mail = Row[str, int, datetime | None, datetime | None, str | None, str | None]
"""A delivery's state, attempts, at, due_at, reply and feedback."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One piece of evidence: when, and what is written down about it."""

    at: datetime
    what: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer. `verdict` is its one word: a state of the ledger, or why there is no mail in it; `expected` where one
    is to come, with `due_at` for when, as far as is known."""

    address: str
    campaign: str
    verdict: str
    sentence: str
    evidence: tuple[Fact, ...]
    due_at: datetime | None = None


async def explain(
    connection: AsyncConnection, address: Address, of: Campaign, *, hash_key: str, now: datetime
) -> Explanation:
    """What became of a campaign's mail to an address, or why there was none; of one that has not begun, what will."""
    try:
        entry = await directory.find(connection, address)
    except NoSuchSubscriber:
        return await _stranger(connection, address, of, hash_key)
    steps = await consent.evidence(connection, entry.id)
    facts = [Fact(step.at, _told(step)) for step in steps]
    if of.started_at is None:
        ahead = await foretelling.prospect(connection, entry, steps, of, now)
        return Explanation(entry.address, of.slug, ahead.verdict, ahead.sentence, tuple(facts), ahead.due_at)
    facts.append(Fact(of.started_at, f"{of.slug} started, and its audience was written down"))
    mail = await _mail(connection, of.id, entry.id)
    if mail is None:
        verdict, reason = absence.why(entry, steps, of, of.started_at)
        sentence = f"{entry.address} did not get {of.slug}: {reason}."
    else:
        facts.append(Fact(mail.at or of.started_at, f"ledger: {mail.state}, attempt {mail.attempts}{_answer(mail)}"))
        verdict, sentence = mail.state, f"{entry.address} {_fate(mail, entry, steps, of)}"
    return Explanation(entry.address, of.slug, verdict, sentence, tuple(sorted(facts, key=lambda fact: fact.at)))


async def _stranger(connection: AsyncConnection, address: Address, of: Campaign, hash_key: str) -> Explanation:
    hashed = suppression.address_hash(address.normal, hash_key)
    kept = select(suppression_table.c.reason, suppression_table.c.at).where(suppression_table.c.hash == hashed)
    found = (await connection.execute(kept)).one_or_none()
    fate = "will not get" if of.started_at is None else "did not get"
    start = f"{address.given} {fate} {of.slug}, as far as is known:"
    if found is None:
        return Explanation(address.given, of.slug, "unknown", f"{start} nobody here has that address.", ())
    fact = Fact(found.at, f"suppressed: {found.reason}")
    if found.reason == Reason.ERASED:
        if of.started_at is not None and found.at > of.started_at:
            start = f"Whether {address.given} got {of.slug} is not known any more:"
        sentence = (
            f"{start} everything about them was erased on {absence.day(found.at)}, and only a keyed hash is kept."
        )
        return Explanation(address.given, of.slug, "erased", sentence, (fact,))
    since = f"({found.reason}) since {absence.day(found.at)}"
    sentence = f"{start} nobody here has that address, which has been suppressed {since}."
    return Explanation(address.given, of.slug, "suppressed", sentence, (fact,))


async def _mail(connection: AsyncConnection, campaign_id: int, subscriber_id: int) -> _Mail | None:
    found = await connection.execute(
        select(
            delivery.c.state,
            delivery.c.attempts,
            delivery.c.at,
            delivery.c.due_at,
            delivery.c.reply,
            delivery.c.feedback,
        ).where(delivery.c.campaign_id == campaign_id, delivery.c.subscriber_id == subscriber_id)
    )
    return found.one_or_none()


def _fate(mail: _Mail, entry: Entry, steps: list[consent.Evidence], of: Campaign) -> str:
    when = "" if mail.at is None else f" on {absence.day(mail.at)}"
    match State(mail.state):
        case State.SENT:
            if mail.reply == hearing.REPORTED:
                return f"was sent {of.slug}{when}: {mail.reply} ({mail.feedback})."
            heard = f"; since then it was reported: {mail.feedback}" if mail.feedback else ""
            return f"was sent {of.slug}{when}: the mail server took it{_answer(mail)}{heard}."
        case State.QUEUED | State.SENDING | State.DEFERRED:
            return _outlook(mail, of, when)
        case State.REFUSED:
            return f"did not get {of.slug}: the mail was refused{when}{_answer(mail)}."
        case State.EXPIRED:
            tries = f"after {mail.attempts} attempts it" if mail.attempts else "it"
            return f"did not get {of.slug}: {tries} was given up{when}{_answer(mail)}."
        case State.SUPPRESSED:
            _, reason = absence.why(entry, steps, of, mail.at or entry.joined_at)
            return f"did not get {of.slug}, though it was meant for them: when their turn came, {reason}."
        case State.UNCERTAIN:
            return f"may have got {of.slug}: whether the mail server took it{when} is not known{_answer(mail)}."
        case State.CANCELLED:
            return f"did not get {of.slug}: the campaign was cancelled{when} before their turn came."


def _outlook(mail: _Mail, of: Campaign, when: str) -> str:
    """What becomes of a mail that may still be sent."""
    later = "" if mail.due_at is None else absence.day(mail.due_at)
    if mail.state != State.DEFERRED:
        if later and mail.reply:
            return f"has not got {of.slug} yet: {mail.reply}; its turn comes on {later}."
        if later:
            return f"is to get {of.slug} on {later}: it goes to everyone at the same hour of their own clock."
        return f"is to get {of.slug}: the mail waits for its turn, and the campaign is {of.status}."
    if mail.reply and mail.reply.endswith(cap.REASON):  # we kept it back ourselves, no server did
        return f"has not got {of.slug} yet: {mail.reply}{f'; its turn comes on {later}' if later else ''}."
    again = f"; it is tried again on {later}" if later else ""
    return f"has not got {of.slug} yet: the mail server put it off{when}{_answer(mail)}{again}."


def _told(step: consent.Evidence) -> str:
    through = f" through {step.source}" if step.source else ""
    told = step.details()
    detail = f" ({', '.join(told)})" if told else ""
    return f"{step.action} by {step.actor}{through}{detail}"


def _answer(mail: _Mail) -> str:
    return f" (“{mail.reply}”)" if mail.reply else ""
