"""What can be told; the triggers of the outbox write the same words."""

from enum import StrEnum


class Type(StrEnum):
    """What happened to a subscriber or a campaign; `rsvp` is an answer to an event's invitation."""

    JOINED = "subscriber.joined"
    CONFIRMED = "subscriber.confirmed"
    CHANGED = "subscriber.changed"
    LEFT = "subscriber.left"
    BOUNCED = "subscriber.bounced"
    COMPLAINED = "subscriber.complained"
    ERASED = "subscriber.erased"
    ANSWERED = "rsvp"
    STARTED = "campaign.started"
    PAUSED = "campaign.paused"
    RESUMED = "campaign.resumed"
    FINISHED = "campaign.finished"
    CANCELLED = "campaign.cancelled"


def chosen(words: str) -> tuple[Type, ...]:
    """The types that a comma-separated list names: each one, `subscriber.*`, or `*`. Raises ValueError."""
    wanted: set[Type] = set()
    for word in filter(None, (word.strip() for word in words.split(","))):
        prefix = word.removesuffix("*")
        found = {one for one in Type if one == word or (word.endswith("*") and one.startswith(prefix))}
        if not found:
            raise ValueError(f"there is no event {word}; there are {', '.join(Type)}")
        wanted |= found
    if not wanted:
        raise ValueError(f"name the events to tell of: {', '.join(Type)}, or * for all")
    return tuple(one for one in Type if one in wanted)
