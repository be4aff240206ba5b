"""What follows from a report: nothing unless our own token proves it, and all of it in one transaction.

Reports are judged one by one, in the order in which they came, and what follows is written for a batch at once.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import structlog
from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.delivery import hearing, pauses, transactional
from newsletter.delivery.pauses import Cause
from newsletter.feedback import breaker, receivers
from newsletter.feedback.receivers import Receiver
from newsletter.settings import Bounces
from newsletter.tables import inbox
from subscribers import consent, preferences, scoring, suppression
from subscribers.links import DeliveryRef, Links
from subscribers.scoring import Bounce
from subscribers.suppression import Finding, Reason
from webhooks import reports
from webhooks.events import BounceClass, Event, Kind, from_json

log = structlog.get_logger(__name__)

_BATCH = 500

_HEARD = {
    Kind.DELIVERED: "delivered",
    Kind.COMPLAINED: "complaint",
    Kind.UNSUBSCRIBED: "unsubscribe",
}
_SUPPRESSES = {"hard": Reason.HARD_BOUNCE, "complaint": Reason.COMPLAINT}
_GOODBYES_A_DAY = 1


@dataclass(slots=True)
class _Proven:
    """A report that names a mail really made to its receiver: `heard` is what it says of that mail."""

    row: int
    event: Event
    ref: DeliveryRef
    receiver: Receiver
    heard: str
    outcome: str = ""


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
        proven: list[_Proven] = []
        outcomes: dict[int, str] = {}
        for row, event in waiting:
            ref = refs.get(row)
            judged = _judge(row, event, ref, people.get(ref) if ref else None)
            if isinstance(judged, str):
                outcomes[row] = judged
            else:
                proven.append(judged)
        await self._obey(connection, proven, now)
        await _close(connection, proven, outcomes, now)
        await breaker.look(connection, self.policy, now)
        return len(waiting)

    def _named(self, event: Event) -> DeliveryRef | None:
        return self.links.read_delivery_token(event.token) if event.token else None

    async def _obey(self, connection: AsyncConnection, proven: Sequence[_Proven], now: datetime) -> None:
        await _note(connection, proven)
        paused = await pauses.current(connection, now)
        for one in proven:
            pause = paused.get(one.receiver.domain)
            if one.heard == "hard" and pause is not None and pause.cause is Cause.HARD:
                one.outcome = breaker.HELD
        await _suppress(connection, [one for one in proven if one.heard in _SUPPRESSES and not one.outcome], now)
        arrived = await _forgive(connection, [one for one in proven if one.heard == "delivered"])
        for one in proven:
            match one.heard:
                case "unsubscribe":
                    one.outcome = await _let_go(connection, one, now)
                case "block":
                    one.outcome = "blocked: noted on the campaign, the person is not at fault"
        await self._count(connection, [one for one in proven if one.heard == "soft"], arrived)

    async def _count(
        self, connection: AsyncConnection, soft: Sequence[_Proven], now_heard: Mapping[int, datetime]
    ) -> None:
        """Score soft bounces, but those before a mail that arrived: the mailbox is there then, and not full."""
        if not soft:
            return
        arrived = await _arrived(connection, {one.receiver.id for one in soft}, now_heard)
        counted: list[_Proven] = []
        for one in soft:
            since = arrived.get(one.receiver.id)
            if since is not None and _day(since) >= _day(one.event.at):
                one.outcome = "soft bounce: a mail has arrived since then"
            else:
                one.outcome = "soft bounce counted"
                counted.append(one)
        rule = scoring.Rule(self.policy.soft_days, self.policy.soft_span, self.policy.soft_memory)
        bounces = [Bounce(one.receiver.id, one.event.at, one.event.source, one.event.detail) for one in counted]
        gone = await scoring.soft(connection, bounces, rule)
        for one in counted:
            if one.receiver.id in gone:
                one.outcome = "suppressed: it bounced softly too often"


def _judge(row: int, event: Event, ref: DeliveryRef | None, receiver: Receiver | None) -> _Proven | str:
    """The report if something follows from it, else in a few words why nothing does, for people to read."""
    if event.kind in (Kind.AUTO_REPLIED, Kind.DEFERRED, Kind.OTHER):
        return "nothing follows from it"
    if ref is None:
        return "unproven: it names no delivery of ours"
    if receiver is None:
        return "the delivery or its receiver is no more"
    # Who unsubscribes by mail may write from another address, and by a wrong clock: the token came to them alone.
    is_leaving = event.kind is Kind.UNSUBSCRIBED
    if not is_leaving and not receiver.is_named(event.address):
        return "unproven: the delivery went to another address"
    happened = max(event.at, receiver.mailed_at or event.at) if is_leaving else event.at
    if receiver.confirmed_at is not None and happened < receiver.confirmed_at:
        return "older than the opt-in"
    return _Proven(row, event, ref, receiver, _HEARD.get(event.kind) or (event.bounce or BounceClass.SOFT).value)


async def _note(connection: AsyncConnection, proven: Sequence[_Proven]) -> None:
    """Write into the ledger what was heard of each delivery."""
    noted: dict[tuple[int, str], list[int]] = {}
    for one in proven:
        if one.ref.kind == "campaign":
            noted.setdefault((one.ref.campaign_id, one.heard), []).append(one.ref.number)
    for (campaign_id, heard), numbers in sorted(noted.items()):
        await hearing.note(connection, campaign_id, numbers, heard)


async def _suppress(connection: AsyncConnection, proven: Sequence[_Proven], now: datetime) -> None:
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


async def _forgive(connection: AsyncConnection, proven: Sequence[_Proven]) -> dict[int, datetime]:
    """Forget the soft bounces of those whom a mail has reached since; when it last did, by the subscriber's number."""
    arrived: dict[int, datetime] = {}
    for one in proven:
        arrived[one.receiver.id] = max(one.event.at, arrived.get(one.receiver.id, one.event.at))
        one.outcome = "delivered"
    by_day: dict[date, list[int]] = {}
    for number, at in arrived.items():
        by_day.setdefault(_day(at), []).append(number)
    for day, numbers in sorted(by_day.items()):
        await scoring.delivered(connection, numbers, day)
    return arrived


async def _arrived(
    connection: AsyncConnection, people: Collection[int], now_heard: Mapping[int, datetime]
) -> dict[int, datetime]:
    """When a mail last reached each of these people, as far as that was ever reported."""
    arrived = {number: at for number, at in now_heard.items() if number in people}
    rows = await connection.execute(
        select(inbox.c.subscriber_id, inbox.c.event).where(
            inbox.c.subscriber_id.in_(sorted(people)), inbox.c.heard == "delivered"
        )
    )
    for number, document in rows:
        at = from_json(document).at
        arrived[number or 0] = max(at, arrived.get(number or 0, at))
    return arrived


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


async def _let_go(connection: AsyncConnection, one: _Proven, now: datetime) -> str:
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
    connection: AsyncConnection, proven: Sequence[_Proven], outcomes: dict[int, str], now: datetime
) -> None:
    """Mark the reports as applied."""
    facts: list[dict[str, object]] = [
        {
            "its_id": one.row,
            "its_outcome": one.outcome,
            "its_heard": one.heard,
            "its_person": one.receiver.id,
            "its_campaign": one.ref.campaign_id or None,
            "its_domain": one.receiver.domain,
        }
        for one in proven
    ]
    nothing = {"its_heard": None, "its_person": None, "its_campaign": None, "its_domain": None}
    facts += [{"its_id": row, "its_outcome": outcome, **nothing} for row, outcome in outcomes.items()]
    statement = (
        update(inbox)
        .where(inbox.c.id == bindparam("its_id"))
        .values(
            applied_at=now,
            outcome=bindparam("its_outcome"),
            heard=bindparam("its_heard"),
            subscriber_id=bindparam("its_person"),
            campaign_id=bindparam("its_campaign"),
            domain=bindparam("its_domain"),
        )
    )
    await connection.execute(statement, facts)
    for fact in facts:
        log.info("report applied", report=fact["its_id"], outcome=fact["its_outcome"])
