"""What follows from a report: nothing unless our own token proves it, and all of it in one transaction.

Reports are judged one by one, in the order in which they came, and what follows is written for a batch at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import NamedTuple

import structlog
from sqlalchemy import Integer, Text, bindparam, column, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.delivery import hearing, ledger, pauses, transactional
from newsletter.delivery.pauses import Cause
from newsletter.feedback import breaker, counting, proof, receivers
from newsletter.feedback.proof import Proven
from newsletter.setting_tables import Bounces
from newsletter.tables import inbox
from subscribers import consent, preferences, scoring, statements, suppression
from subscribers.columns import BigInt
from subscribers.links import DeliveryRef, Links
from subscribers.suppression import Finding, Reason
from webhooks import reports
from webhooks.events import Event, from_json, to_json

log = structlog.get_logger(__name__)

_BATCH = 500


class _Other(NamedTuple):
    """A report that nothing follows from, and why; and the number of the person whose mail it names, if it does."""

    row: int
    outcome: str
    person: int | None


_FACTS = (
    column("id", BigInt),
    column("outcome", Text),
    column("heard", Text),
    column("person", BigInt),
    column("campaign", Integer),
    column("domain", Text),
)
"""What is written down of an applied report."""

_SUPPRESSES = {"hard": Reason.HARD_BOUNCE, "complaint": Reason.COMPLAINT}
_GOODBYES_A_DAY = 1


@dataclass(frozen=True, slots=True)
class Applier:
    """Applies what waits in the inbox."""

    links: Links
    policy: Bounces

    async def apply_due(self, connection: AsyncConnection, now: datetime) -> int:
        """Apply a batch of stored events, oldest first, in the caller's transaction; answer how many."""
        rows = await connection.execute(
            select(inbox.c.id, inbox.c.event)
            .where(inbox.c.applied_at.is_(None))
            .order_by(inbox.c.id)
            .limit(_BATCH)
            .with_for_update(skip_locked=True)
        )
        waiting = [(row.id, from_json(row.event)) for row in rows]
        if not waiting:
            return 0
        refs = {row: ref for row, event in waiting if (ref := self._named(event)) is not None}
        people = await receivers.find(connection, refs.values())
        listed = await receivers.named(connection, [event for _, event in waiting if event.is_listed])
        proven: list[Proven] = []
        others: list[_Other] = []
        for row, event in waiting:
            ref = refs.get(row)
            if event.is_listed:
                receiver = listed.get(event.address)
                judged = proof.judge_listed(row, event, receiver)
            else:
                receiver = people.get(ref) if ref else None
                judged = proof.judge(row, event, ref, receiver)
            if isinstance(judged, str):
                others.append(_Other(row, judged, receiver.id if receiver else None))
            else:
                proven.append(judged)
        await self._obey(connection, proven, now)
        stored = dict(waiting)
        await _date(connection, [one for one in proven if _is_misdated(one, stored[one.row])])
        await _close(connection, proven, others, now)
        await _empty(connection, [(row, event) for row, event in waiting if row in refs and refs[row] not in people])
        heard = {one.receiver.domain for one in proven if one.heard in ("hard", "block")}
        await breaker.look(connection, self.policy, heard, now)
        return len(waiting)

    def _named(self, event: Event) -> DeliveryRef | None:
        return self.links.read_delivery_token(event.token) if event.token else None

    async def _obey(self, connection: AsyncConnection, proven: Sequence[Proven], now: datetime) -> None:
        await _note(connection, proven, now)
        paused = await pauses.current(connection, now)
        for one in proven:
            pause = paused.get(one.receiver.domain)
            if one.heard == "hard" and pause is not None and pause.cause is Cause.HARD:
                one.outcome = breaker.HELD
        arrived = await _forgive(connection, [one for one in proven if one.heard == "delivered"])
        hard = [one for one in proven if one.heard == "hard" and not one.outcome]
        await counting.hard(connection, hard, arrived, self.policy)
        await _suppress(connection, [one for one in proven if one.heard in _SUPPRESSES and not one.outcome], now)
        for one in proven:
            match one.heard:
                case "unsubscribe":
                    one.outcome = await _let_go(connection, one, now)
                case "block":
                    one.outcome = "blocked: noted on the campaign, the person is not at fault"
        await counting.soft(connection, [one for one in proven if one.heard == "soft"], arrived, self.policy, now)


async def _note(connection: AsyncConnection, proven: Sequence[Proven], now: datetime) -> None:
    """Write into the ledger what was heard of each delivery; who has the mail is not sent it again."""
    noted: dict[tuple[int, str], list[int]] = {}
    for one in proven:
        if one.ref is not None and one.ref.kind == "campaign":
            noted.setdefault((one.ref.campaign_id, one.heard), []).append(one.ref.number)
    for (campaign_id, heard), numbers in sorted(noted.items()):
        await hearing.note(connection, campaign_id, numbers, heard)
        if heard in hearing.ARRIVED:
            await ledger.arrived(connection, campaign_id, numbers, now)


async def _suppress(connection: AsyncConnection, proven: Sequence[Proven], now: datetime) -> None:
    findings = [
        Finding(one.receiver.hash, _SUPPRESSES[one.heard], one.event.at, one.event.source, one.event.detail[:500])
        for one in proven
    ]
    new = await suppression.suppress_all(connection, findings)
    steps: list[tuple[int, str, dict[str, object]]] = []
    for one in proven:
        reason = _SUPPRESSES[one.heard]
        if one.receiver.hash in new:
            new.remove(one.receiver.hash)
            steps.append((one.receiver.id, one.event.source, {"reason": reason.value, "status": one.event.status}))
            one.outcome = f"suppressed: {reason}"
        else:
            one.outcome = f"was suppressed already ({reason})"
    await consent.record_suppressions(connection, steps, now=now)


async def _forgive(connection: AsyncConnection, proven: Sequence[Proven]) -> dict[int, datetime]:
    """Forget the soft bounces of those whom a mail has reached since; when it last did, by the subscriber's number."""
    arrived: dict[int, datetime] = {}
    for one in proven:
        arrived[one.receiver.id] = max(one.event.at, arrived.get(one.receiver.id, one.event.at))
        one.outcome = "delivered"
    by_day: dict[date, list[int]] = {}
    for number, at in arrived.items():
        by_day.setdefault(scoring.day_of(at), []).append(number)
    for day, numbers in sorted(by_day.items()):
        await scoring.delivered(connection, numbers, day)
    return arrived


async def _let_go(connection: AsyncConnection, one: Proven, now: datetime) -> str:
    """End a subscription; whoever asked for it by writing to us is answered by a goodbye, once."""
    person = one.receiver
    left = await preferences.leave(connection, person.id, source=one.event.source, actor=consent.Actor.REPORT, now=now)
    if not left:
        return "had left already"
    if one.event.provider != reports.BY_HAND or await suppression.find(connection, person.hash) is not None:
        return "unsubscribed"
    goodbye = transactional.Kind.GOODBYE
    await transactional.enqueue(connection, person.id, goodbye, now=now, most_a_day=_GOODBYES_A_DAY)
    return "unsubscribed, and a goodbye is on its way"


async def _close(
    connection: AsyncConnection, proven: Sequence[Proven], others: Sequence[_Other], now: datetime
) -> None:
    """Mark the reports as applied."""
    facts: list[dict[str, object]] = [
        {
            "id": one.row,
            "outcome": one.outcome,
            "heard": one.heard,
            "person": one.receiver.id,
            "campaign": (one.ref.campaign_id or None) if one.ref else None,
            "domain": one.receiver.domain,
        }
        for one in proven
    ]
    nothing = {"heard": None, "campaign": None, "domain": None}
    facts += [{"id": one.row, "outcome": one.outcome, "person": one.person, **nothing} for one in others]
    told = statements.listed(connection, facts, *_FACTS)
    await connection.execute(
        update(inbox)
        .where(inbox.c.id == told.c.id)
        .values(
            applied_at=now,
            outcome=told.c.outcome,
            heard=told.c.heard,
            subscriber_id=told.c.person,
            campaign_id=told.c.campaign,
            domain=told.c.domain,
        )
    )
    for fact in facts:
        if fact["heard"] != "delivered":
            log.info("report applied", report=fact["id"], outcome=fact["outcome"])


def _is_misdated(one: Proven, told: Event) -> bool:
    """Whether a report by a wrong clock would be counted on another day, or as older than the opt-in or a release."""
    if told.at == one.event.at:
        return False
    begun = (one.receiver.confirmed_at, one.receiver.released_at)
    return scoring.day_of(told.at) != scoring.day_of(one.event.at) or any(
        at is not None and told.at < at for at in begun
    )


async def _date(connection: AsyncConnection, proven: Sequence[Proven]) -> None:
    """Put right the time of reports by a wrong clock, for days are counted by it later."""
    if proven:
        statement = update(inbox).where(inbox.c.id == bindparam("its_id")).values(event=bindparam("dated"))
        await connection.execute(statement, [{"its_id": one.row, "dated": to_json(one.event)} for one in proven])


async def _empty(connection: AsyncConnection, gone: Sequence[tuple[int, Event]]) -> None:
    """Take the address and the words out of reports whose receiver was erased before they were applied."""
    for row, event in gone:
        left = to_json(replace(event, address="", detail=""))
        await connection.execute(update(inbox).where(inbox.c.id == row).values(event=left))
