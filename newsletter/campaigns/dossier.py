"""Everything that is kept of a person, for that person: who they are here, each step, and each mail."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.tables import campaign, delivery, event, transactional
from subscribers import attending, consent, directory
from subscribers.attending import Answer
from subscribers.consent import Evidence
from subscribers.directory import Entry
from subscribers.tables import address_change, bounce_score


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail to the person. `about` is the event's title; a mail about what they did themselves has none."""

    name: str
    kind: str
    about: str
    state: str
    at: datetime | None
    reply: str
    feedback: str


@dataclass(frozen=True, slots=True)
class Dossier:
    """The person, the evidence of every step, the days on which mail bounced, and the mails, newest first."""

    person: Entry
    steps: tuple[Evidence, ...]
    bounced_on: tuple[str, ...]
    letters: tuple[Letter, ...]
    moving_to: str | None
    """The new address that has been asked, and has not said yes yet."""
    answers: dict[str, Answer]
    """What they said of coming, by the event's slug."""

    def document(self) -> dict[str, Any]:
        """As JSON has it: moments in ISO 8601, each text that was shown with its SHA-256."""
        person = asdict(self.person)
        person["choices"] = self.person.choices.document()
        return {
            "person": _plain(person),
            "evidence": [_plain({**asdict(step), "text_hash": step.text_hash}) for step in self.steps],
            "bounced_on": list(self.bounced_on),
            "moving_to": self.moving_to,
            "answers": dict(self.answers),
            "mails": [_plain(asdict(letter)) for letter in self.letters],
        }


async def read(connection: AsyncConnection, subscriber_id: int) -> Dossier | None:
    """All there is of somebody, or None for one who is not there (any more)."""
    person = await directory.entry(connection, subscriber_id)
    if person is None:
        return None
    days = select(bounce_score.c.day).where(bounce_score.c.subscriber_id == subscriber_id)
    return Dossier(
        person,
        tuple(await consent.evidence(connection, subscriber_id)),
        tuple(await connection.scalars(days.order_by(bounce_score.c.day))),
        await _letters(connection, subscriber_id),
        await connection.scalar(
            select(address_change.c.address).where(address_change.c.subscriber_id == subscriber_id)
        ),
        await attending.of(connection, subscriber_id),
    )


async def _letters(connection: AsyncConnection, subscriber_id: int) -> tuple[Letter, ...]:
    about_events = (
        select(
            campaign.c.slug,
            campaign.c.kind,
            event.c.title,
            delivery.c.state,
            delivery.c.at,
            delivery.c.reply,
            delivery.c.feedback,
        )
        .join(campaign, campaign.c.id == delivery.c.campaign_id)
        .outerjoin(event, event.c.id == campaign.c.event_id)
        .where(delivery.c.subscriber_id == subscriber_id)
    )
    about_them = select(
        literal(""),
        transactional.c.kind,
        literal(""),
        transactional.c.state,
        transactional.c.at,
        transactional.c.reply,
        literal(""),
    ).where(transactional.c.subscriber_id == subscriber_id)
    rows = [*await connection.execute(about_events), *await connection.execute(about_them)]
    found = [Letter(row[0], row[1], row[2] or "", row[3], row[4], row[5] or "", row[6] or "") for row in rows]
    waiting = [letter for letter in found if letter.at is None]
    gone = [(letter.at, letter) for letter in found if letter.at is not None]
    return (*waiting, *(letter for _, letter in sorted(gone, key=lambda one: one[0], reverse=True)))


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}
