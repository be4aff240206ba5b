"""Which reports are believed: those that our own token proves to be about a mail really made to that receiver."""

from dataclasses import dataclass, replace

from newsletter.feedback.receivers import Receiver
from subscribers.links import DeliveryRef
from webhooks.events import BounceClass, Event, Kind

_HEARD = {
    Kind.DELIVERED: "delivered",
    Kind.COMPLAINED: "complaint",
    Kind.UNSUBSCRIBED: "unsubscribe",
}


@dataclass(slots=True)
class Proven:
    """A report that names a mail really made to its receiver: `heard` is what it says of that mail.

    Without a `ref` it names the receiver alone, by a provider's suppression list. The event's time is not before that
    of the mail.
    """

    row: int
    event: Event
    ref: DeliveryRef | None
    receiver: Receiver
    heard: str
    outcome: str = ""


def judge(row: int, event: Event, ref: DeliveryRef | None, receiver: Receiver | None) -> Proven | str:
    """The report if something follows from it, else in a few words why nothing does, for people to read."""
    if event.kind in (Kind.AUTO_REPLIED, Kind.DEFERRED, Kind.OTHER):
        return "nothing follows from it"
    if ref is None:
        return "unproven: it names no delivery of ours"
    if receiver is None:
        return "the delivery or its receiver is no more"
    # Who unsubscribes by mail may write from another address: the token came to them alone.
    if event.kind is not Kind.UNSUBSCRIBED and not receiver.is_named(event.address):
        return "unproven: the delivery went to another address"
    # Nothing comes of a mail before it is sent: what says so has a wrong clock.
    if receiver.mailed_at is not None and event.at < receiver.mailed_at:
        event = replace(event, at=receiver.mailed_at)
    if receiver.confirmed_at is not None and event.at < receiver.confirmed_at:
        return "older than the opt-in"
    # What a person said of our mail, staff cannot undo.
    if event.kind is Kind.BOUNCED and receiver.released_at is not None and event.at < receiver.released_at:
        return "older than the release by staff"
    return Proven(row, event, ref, receiver, _heard(event))


def judge_listed(row: int, event: Event, receiver: Receiver | None) -> Proven | str:
    """An entry of a provider's suppression list, if something follows from it, else why nothing does."""
    if event.kind is Kind.OTHER:
        return "put on the provider's list by hand: nothing follows from it"
    if receiver is None:
        return "nobody here has this address"
    if receiver.confirmed_at is not None and event.at < receiver.confirmed_at:
        return "older than the opt-in"
    if receiver.released_at is not None and event.at < receiver.released_at:
        return "older than the release by staff"
    return Proven(row, event, None, receiver, _heard(event))


def _heard(event: Event) -> str:
    return _HEARD.get(event.kind) or (event.bounce or BounceClass.SOFT).value
