"""What a provider's own name for something means in our vocabulary, and how the receiver's words refine it."""

import re
from dataclasses import dataclass, replace

from webhooks import classification
from webhooks.events import BounceClass, Kind, Reason

_READING = re.compile(r"open|click|loaded|engagement", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Meaning:
    """A row of a provider's table: the kind of event and, for a bounce, its class and the likeliest reason."""

    kind: Kind
    bounce: BounceClass | None = None
    reason: Reason = Reason.UNKNOWN
    status: str = ""

    def refined(self, said: str, status: str = "") -> "Meaning":
        """The meaning with what the receiver said and the enhanced status it gave.

        A provider's class stands, for it saw the whole conversation, but for two cases: `hard` where the receiver
        plainly speaks of the sender or of the moment, since an address is buried only where nobody disagrees; and
        `block` where the provider itself did not try, since the receiver's domain has objected to nothing.
        """
        if self.bounce is None:
            return replace(self, status=classification.telling_status(status, said))
        reading = classification.classify(status, said)
        if reading.reason is Reason.SUPPRESSED and self.bounce is BounceClass.BLOCK:
            return replace(SUPPRESSED, status=reading.status)
        if reading.reason in (Reason.UNKNOWN, Reason.SUPPRESSED):
            return replace(self, status=reading.status)
        if reading.bounce is self.bounce or self.bounce is BounceClass.HARD:
            return replace(self, bounce=reading.bounce, reason=reading.reason, status=reading.status)
        return replace(self, status=reading.status)

    def told(self, said: str, name: str) -> str:
        """What is kept in words of an event: of one that means nothing here, its provider's name for it comes first.

        But for what a person did with a mail: we count no opens and no clicks, so nothing says that this was one.
        """
        if self.kind is not Kind.OTHER or _READING.search(name):
            return said
        return ": ".join(filter(None, [name, said]))


def hard(reason: Reason = Reason.NO_SUCH_USER) -> Meaning:
    """A bounce of an address that is gone."""
    return Meaning(Kind.BOUNCED, BounceClass.HARD, reason)


def soft(reason: Reason = Reason.UNKNOWN) -> Meaning:
    """A bounce that may not happen again."""
    return Meaning(Kind.BOUNCED, BounceClass.SOFT, reason)


def block(reason: Reason = Reason.POLICY) -> Meaning:
    """A bounce that is about us or this mail."""
    return Meaning(Kind.BOUNCED, BounceClass.BLOCK, reason)


DELIVERED = Meaning(Kind.DELIVERED)
DEFERRED = Meaning(Kind.DEFERRED, BounceClass.SOFT)
COMPLAINED = Meaning(Kind.COMPLAINED)
UNSUBSCRIBED = Meaning(Kind.UNSUBSCRIBED)
AUTO_REPLIED = Meaning(Kind.AUTO_REPLIED)
OTHER = Meaning(Kind.OTHER)
SUPPRESSED = soft(Reason.SUPPRESSED)
"""The provider did not try: what it remembers of the address may be older than the person's consent."""
