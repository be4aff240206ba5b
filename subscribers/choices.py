"""The rows of `choice`: what a subscriber follows and what they have muted."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, bindparam, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from subscribers.audience import EVERYTHING
from subscribers.prepared import Prepared
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


_NUMBER: BindParameter[int] = bindparam("number")
_OF = Prepared(select(choice.c.topic, choice.c.stance).where(choice.c.subscriber_id == _NUMBER))
_FORGET = Prepared(delete(choice).where(choice.c.subscriber_id == _NUMBER))
_ADD = Prepared(insert(choice).values(subscriber_id=_NUMBER, topic=bindparam("topic"), stance=bindparam("stance")))


async def read(connection: AsyncConnection, subscriber_id: int) -> Choices:
    """What a subscriber chose."""
    rows = await _OF.rows(connection, {"number": subscriber_id})
    return of_stances({row.topic: row.stance for row in rows})


async def replace(connection: AsyncConnection, subscriber_id: int, chosen: Choices) -> None:
    """Put these choices in the place of all that a subscriber had."""
    stances = dict.fromkeys(chosen.followed, "follow") | dict.fromkeys(chosen.muted, "mute")
    if chosen.everything:
        stances[EVERYTHING] = "follow"
    await _FORGET.change(connection, {"number": subscriber_id})
    rows = [{"number": subscriber_id, "topic": topic, "stance": stances[topic]} for topic in sorted(stances)]
    await _ADD.change_each(connection, rows)
