"""The rows of `choice`: what a subscriber follows and what they have muted."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from subscribers.audience import EVERYTHING
from subscribers.tables import choice


@dataclass(frozen=True, slots=True)
class Choices:
    """Everything or not, the events followed besides, the events muted. What is muted is not followed."""

    everything: bool
    followed: frozenset[str]
    muted: frozenset[str]

    def document(self) -> dict[str, Any]:
        """As evidence keeps it."""
        return {"everything": self.everything, "followed": sorted(self.followed), "muted": sorted(self.muted)}


def of(*, everything: bool, followed: Collection[str], muted: Collection[str] = ()) -> Choices:
    """Choices in their one form."""
    silent = frozenset(muted) - {EVERYTHING}
    return Choices(everything, frozenset(followed) - silent - {EVERYTHING}, silent)


def of_topics(topics: Collection[str]) -> Choices:
    """The choices of someone who asks for these events; none named, or `*`, is the whole constellation."""
    return of(everything=not topics or EVERYTHING in topics, followed=topics)


def of_document(document: Mapping[str, Any]) -> Choices:
    """The choices that evidence holds, as `Choices.document` wrote them."""
    return of(
        everything=bool(document["everything"]), followed=document.get("followed", ()), muted=document.get("muted", ())
    )


def of_stances(stances: Mapping[str, str]) -> Choices:
    """The choices that these rows are: topic → `follow` or `mute`."""
    return of(
        everything=stances.get(EVERYTHING) == "follow",
        followed={topic for topic, stance in stances.items() if stance == "follow"},
        muted={topic for topic, stance in stances.items() if stance == "mute"},
    )


# Built once, here and wherever every page passes: SQLAlchemy takes longer to build a statement than SQLite to run it.
_OF = select(choice.c.topic, choice.c.stance).where(choice.c.subscriber_id == bindparam("number"))
_FORGET = delete(choice).where(choice.c.subscriber_id == bindparam("number"))
_ADD = insert(choice)


async def read(connection: AsyncConnection, subscriber_id: int) -> Choices:
    """What a subscriber chose."""
    rows = await connection.execute(_OF, {"number": subscriber_id})
    return of_stances({row.topic: row.stance for row in rows})


async def replace(connection: AsyncConnection, subscriber_id: int, chosen: Choices) -> None:
    """Put these choices in the place of all that a subscriber had."""
    stances = dict.fromkeys(chosen.followed, "follow") | dict.fromkeys(chosen.muted, "mute")
    if chosen.everything:
        stances[EVERYTHING] = "follow"
    await connection.execute(_FORGET, {"number": subscriber_id})
    if stances:
        rows = [{"subscriber_id": subscriber_id, "topic": topic, "stance": stances[topic]} for topic in sorted(stances)]
        await connection.execute(_ADD, rows)
