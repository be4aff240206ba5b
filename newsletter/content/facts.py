"""What a mail may state: facts that are the same for everyone, and facets that have few values."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from newsletter.constellation.model import Constellation, Event
from newsletter.content.letters import Letter

TRANSACTIONAL = frozenset({"confirm", "remind", "ask", "welcome", "link", "goodbye", "move", "moved", "place", "probe"})
"""The mails to one person because of what that person just did, in that person's language; all other kinds are about
an event, and in the language of their templates."""


@dataclass(frozen=True, slots=True)
class DigestItem:
    """What a digest tells of an event: the kinds of the mails that are due of it."""

    event: Event
    kinds: tuple[str, ...]

    def to_document(self) -> dict[str, Any]:
        """What JSON can hold."""
        return {"event": self.event.to_document(), "kinds": list(self.kinds)}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "DigestItem":
        """The value that `to_document` wrote."""
        return cls(Event.from_document(document["event"]), tuple(document["kinds"]))


@dataclass(frozen=True, slots=True)
class Facts:
    """What a mailing states, the same for all its readers; frozen when a campaign starts.

    `event` is what the mail is about (None for what is about no event, such as confirm); `previous` is that event as
    people were told before, for a `changed` mail; `note` is what staff want said besides, in plain text.
    `letters` are the words of a Markdown file, one for each language; without any, the kind's own template speaks.
    `upcoming` are the next events (for `welcome`), `public_url` is where the join page lives, `confirm_days`
    for how many days a confirmation link works, `confirm_hours` for how many hours where these are not whole days (else
    0), and `reminds` whether those who do not follow one are reminded. `event_id` is the event's number and `sequence`
    how often calendars had to learn that it changed. `archive_url` is where everyone may read the mail ("": nowhere).
    """

    constellation: Constellation
    event: Event | None = None
    previous: Event | None = None
    upcoming: tuple[Event, ...] = ()
    note: str = ""
    public_url: str = ""
    confirm_days: int = 7
    confirm_hours: int = 0
    reminds: bool = True
    event_id: int = 0
    sequence: int = 0
    archive_url: str = ""
    items: tuple[DigestItem, ...] = ()
    letters: tuple[Letter, ...] = ()

    def to_document(self) -> dict[str, Any]:
        """A JSON object that `from_document` reads back, for the campaign's row."""
        return {
            "constellation": self.constellation.to_document(),
            "event": self.event.to_document() if self.event else None,
            "previous": self.previous.to_document() if self.previous else None,
            "upcoming": [event.to_document() for event in self.upcoming],
            "note": self.note,
            "public_url": self.public_url,
            "confirm_days": self.confirm_days,
            "confirm_hours": self.confirm_hours,
            "reminds": self.reminds,
            "event_id": self.event_id,
            "sequence": self.sequence,
            "archive_url": self.archive_url,
            "items": [item.to_document() for item in self.items],
            "letters": [letter.to_document() for letter in self.letters],
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "Facts":
        """The facts that `to_document` wrote."""
        event, previous = document["event"], document["previous"]
        return cls(
            constellation=Constellation.from_document(document["constellation"]),
            event=Event.from_document(event) if event else None,
            previous=Event.from_document(previous) if previous else None,
            upcoming=tuple(Event.from_document(one) for one in document["upcoming"]),
            note=document["note"],
            public_url=document["public_url"],
            confirm_days=document["confirm_days"],
            confirm_hours=document.get("confirm_hours", 0),  # campaigns that an older program started
            reminds=document.get("reminds", True),
            event_id=document.get("event_id", 0),
            sequence=document.get("sequence", 0),
            archive_url=document.get("archive_url", ""),
            items=tuple(DigestItem.from_document(item) for item in document.get("items", [])),
            letters=tuple(Letter.from_document(one) for one in document.get("letters", [])),  # none in older ones
        )


class Facets(NamedTuple):
    """What a template may decide on about its reader: one skeleton serves everyone who shares these.

    `locale` and `timezone` are as the subscriber has them ("en-GB", "Europe/Berlin"; "" = the constellation's, as is
    a language that we do not speak); `named` says whether there is a first name to greet with. `items` are those of a
    digest that the reader gets, a bit for each; all of them, unless somebody is known. `confirmed` says whether they
    pressed our button; else they came with proof from another list. `is_gone` says whether they have left, `is_choosy`
    whether they follow what they chose and not everything: both are asked for mails to one person only.
    """

    locale: str = "en"
    timezone: str = ""
    named: bool = False
    items: int = -1
    confirmed: bool = True
    is_gone: bool = False
    is_choosy: bool = False
