"""People who find the site and join by its form; most confirm by the link in the mail that arrives, some never do."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial

from newsletter import people
from newsletter.demo import diary, letters
from newsletter.demo.browser import Browser
from newsletter.demo.clock import Agenda
from newsletter.demo.diary import Deed
from newsletter.demo.errors import DemoError
from newsletter.demo.outbox import Mail
from newsletter.demo.roster import Listed
from newsletter.demo.stage import Stage
from newsletter.demo.tempers import Habit

_FIRST_DAYS = timedelta(days=100)
"""How long new people keep coming; so that each may still get some mails."""

_SOON = timedelta(hours=1)
_TOO_LATE = timedelta(days=9)
"""A confirmation link works for seven days."""


class Way(StrEnum):
    """How somebody joins, and what comes of it."""

    CONFIRMS = "confirms"
    NEVER = "never confirms"
    TOO_LATE = "confirms when the link is too old, by a new one"
    TWICE = "fills in the form twice, and presses the button twice"
    MISTYPES = "mistypes the address first"
    JSON = "joins by a form on the series' own site, which posts JSON"


_WAYS = (
    *(Way.NEVER,) * 8,
    *(Way.TOO_LATE,) * 3,
    *(Way.TWICE,) * 4,
    *(Way.MISTYPES,) * 3,
    *(Way.JSON,) * 4,
)
"""Out of fifty; the rest simply confirm."""

IN_ALL = 50
"""How many come."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody with a mind to join. No topics are all of them."""

    address: str
    first_name: str
    last_name: str
    timezone: str
    topics: frozenset[str]
    joins_at: datetime
    way: Way


def invent(stage: Stage, listed: Sequence[Listed]) -> list[Visitor]:
    """Fifty visitors; some of them the import has brought already, with consent and without."""
    dice = random.Random(f"{stage.tempers.seed}:visitors")  # noqa: S311 - made-up people, repeatable
    slugs = sorted(gathering.slug for gathering in stage.timetable.gatherings if gathering.kind != "story")
    quiet = [one for one in listed if stage.tempers.of(one.address).habit is Habit.READ]
    known = [one.address for one in quiet if one.has_agreed][:2]
    known += [one.address for one in quiet if not one.has_agreed][:3]
    ways = [*_WAYS, *(Way.CONFIRMS,) * (IN_ALL - len(known) - len(_WAYS))]
    dice.shuffle(ways)
    visitors: list[Visitor] = []
    for number, way in enumerate([*(Way.CONFIRMS,) * len(known), *ways]):
        row = next(people.generate(1, stage.tempers.seed + 1 + number, slugs))
        visitors.append(
            Visitor(
                address=known[number] if number < len(known) else f"visitor{number - len(known) + 1}@visitors.example",
                first_name=row["first_name"],
                last_name=row["last_name"],
                timezone=row["timezone"],
                topics=frozenset(dice.sample(slugs, k=2)) if dice.random() < 0.3 else frozenset(),
                joins_at=stage.clock() + timedelta(minutes=dice.randrange(_FIRST_DAYS // timedelta(minutes=1))),
                way=way,
            )
        )
    return visitors


class Visitors:
    """Everybody who joins by the form, and what they are waiting for."""

    def __init__(self, stage: Stage, agenda: Agenda) -> None:
        self._stage = stage
        self._agenda = agenda
        self._browser = Browser(stage.client)
        self._waiting: dict[str, Visitor] = {}

    def expect(self, visitors: Sequence[Visitor]) -> None:
        """Have them come when they come."""
        for visitor in visitors:
            self._agenda.at(visitor.joins_at, partial(self._join, visitor))

    async def come_back(self, address: str) -> None:
        """Join again after having left."""
        await self._join(Visitor(address, "", "", "", frozenset(), self._stage.clock(), Way.CONFIRMS))

    def notice(self, mail: Mail) -> None:
        """A mail has come that answers what somebody did; whoever waits for it opens it some time."""
        visitor = self._waiting.get(diary.key(mail.recipient))
        if visitor is None:
            return
        dice = self._stage.tempers.dice(f"opens {mail.kind}", mail.recipient)
        wait = timedelta(minutes=dice.randint(3, 2500))
        if mail.kind == "link":
            self._agenda.at(mail.dated + wait, partial(self._look, mail))
        elif mail.kind == "confirm" and visitor.way is Way.TOO_LATE:
            self._agenda.at(mail.dated + _TOO_LATE, partial(self._ask_for_a_new_link, visitor, mail))
        elif mail.kind == "confirm" and visitor.way is not Way.NEVER:
            self._agenda.at(mail.dated + wait, partial(self._confirm, visitor, mail))

    async def _join(self, visitor: Visitor) -> None:
        topics = self._still_ahead(visitor.topics)
        visitor = replace(visitor, topics=topics)
        self._waiting[diary.key(visitor.address)] = visitor
        if visitor.way is Way.JSON:
            await self._post_json(visitor)
        else:
            await self._fill_in(visitor)
        if visitor.way is Way.TWICE:
            await self._fill_in(visitor)
        self._stage.diary.note(visitor.address, Deed.ASKED, visitor.way, topics=topics)

    def _still_ahead(self, topics: frozenset[str]) -> frozenset[str]:
        """Nobody ticks an event that is over; whoever wanted nothing else takes everything."""
        ahead = {one.slug for one in self._stage.timetable.gatherings if one.starts > self._stage.clock()}
        return topics & ahead

    async def _fill_in(self, visitor: Visitor) -> None:
        page = await self._browser.open("/join")
        form, button = page.button("Join")
        typed = {
            "email": [visitor.address],
            "first_name": [visitor.first_name],
            "last_name": [visitor.last_name],
            "timezone": [visitor.timezone],
            "scope": ["some" if visitor.topics else "everything"],
            "topics": sorted(visitor.topics),
        }
        if visitor.way is Way.MISTYPES:
            page = await self._browser.press(
                page, form, button, {**typed, "email": [visitor.address.replace("@", "@@")]}
            )
            form, button = page.button("Join")  # the form comes back filled in, with the reason beside the field
        shown = await self._browser.press(page, form, button, typed)
        if shown.status != 200 or "/join/sent" not in shown.url:
            raise DemoError(f"the form was not taken ({shown.status}): {shown.text[:200]}")

    async def _post_json(self, visitor: Visitor) -> None:
        answer = await self._stage.client.post(
            "/join",
            json={
                "email": visitor.address,
                "first_name": visitor.first_name,
                "last_name": visitor.last_name,
                "timezone": visitor.timezone,
                "topics": sorted(visitor.topics),
                "altcha": await self._browser.prove("/join/challenge"),
            },
        )
        if answer.status_code != 202:
            raise DemoError(f"/join answered {answer.status_code} to JSON: {answer.text[:200]}")

    async def _confirm(self, visitor: Visitor, mail: Mail) -> None:
        """Follow the link and press the button."""
        if self._waiting.get(diary.key(visitor.address)) is not visitor:
            return  # confirmed by another mail already
        url = letters.link(mail, "confirm")
        page = await self._browser.open(url)
        shown = await self._browser.press(page, *page.button("Yes"))
        if "You are in" not in shown.text:
            raise DemoError(f"{url} did not confirm ({shown.status}): {shown.text[:200]}")
        if visitor.way is Way.TWICE:
            await self._browser.press(page, *page.button("Yes"))
        del self._waiting[diary.key(visitor.address)]
        self._stage.diary.note(visitor.address, Deed.CONFIRMED, visitor.way)

    async def _ask_for_a_new_link(self, visitor: Visitor, mail: Mail) -> None:
        """The link is too old; the page says so, and sends another."""
        page = await self._browser.open(letters.link(mail, "confirm"))
        await self._browser.press(page, *page.button("Send me a new link"))
        self._waiting[diary.key(visitor.address)] = replace(visitor, way=Way.CONFIRMS)
        self._stage.diary.note(visitor.address, Deed.ASKED, "a new link", topics=visitor.topics)

    async def _look(self, mail: Mail) -> None:
        """Somebody who was in already got the link to what they chose instead."""
        page = await self._browser.open(letters.link(mail, "preferences"))
        page.button(value="choices")
