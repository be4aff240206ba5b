"""Who had a place at an event that asks, by what pages and mails said: never too many, and each in their turn."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from newsletter.demo import diary, letters
from newsletter.demo.diary import Deed, Entry
from newsletter.demo.mailboxes import Attempt
from newsletter.demo.outbox import Mail
from newsletter.demo.standing import Replay, Standing
from newsletter.demo.timetable import Gathering


def told(mails: Iterable[Mail], gatherings: Sequence[Gathering]) -> list[Entry]:
    """What the mails that tell of a place say, as entries of a diary."""
    found = []
    for mail in mails:
        if mail.kind == "place":
            subject = str(letters.message(mail)["Subject"])
            topics = frozenset(one.slug for one in gatherings if one.title in subject)
            found.append(Entry(mail.dated, diary.key(mail.recipient), Deed.PLACED, "going", topics=topics))
    return found


def faults(gathering: Gathering, entries: Sequence[Entry], attempts: Sequence[Attempt]) -> list[str]:
    """What is wrong with how places were given, by all entries, those of mails that told of one among them."""
    slug, replay, found = gathering.slug, Replay(entries), []
    steps: dict[datetime, list[Entry]] = {}
    for entry in sorted(entries, key=lambda entry: entry.at):
        if entry.deed in (Deed.ANSWERED, Deed.PLACED) and slug in entry.topics:
            steps.setdefault(entry.at, []).append(entry)
    for moment, made in steps.items():
        since = dict(_line(replay, slug))
        replay.to(moment)
        since |= {one.address: one.at for one in made if one.how == "waiting" and one.address not in since}
        found += _turns(replay, gathering, {one.address for one in made if one.deed is Deed.PLACED}, since, moment)
    replay.to(gathering.starts)
    return found + _left_free(replay, gathering, attempts)


def _turns(
    replay: Replay, gathering: Gathering, moved: set[str], since: dict[str, datetime], moment: datetime
) -> list[str]:
    found = []
    taken = _count(replay, gathering.slug, "going")
    if gathering.places is not None and taken > gathering.places:
        found.append(
            f"{taken} people had one of {gathering.places} places at {gathering.slug}, at {moment:%m-%d %H:%M}"
        )
    for who in sorted(moved):
        if who not in since:
            found.append(f"{who} was told of a place at {gathering.slug} and had not waited for one")
            continue
        able = {one: at for one, at in _line(replay, gathering.slug) if replay.people[one].is_with_us(moment)}
        first = min(able, key=lambda one: able[one], default=who)
        if first in able and able[first] < since[who]:
            found.append(f"{who} got a place at {gathering.slug} before {first}, who waited longer")
    return found


def _left_free(replay: Replay, gathering: Gathering, attempts: Sequence[Attempt]) -> list[str]:
    """When it begins, no place is free that somebody waits for. Who was to be told and is gone may hold one."""
    begins = gathering.starts
    waiting = _line(replay, gathering.slug)
    missed = {
        one.address
        for one in attempts
        for who, since in waiting
        if one.address == who and since <= one.at <= begins and not replay.people[who].is_with_us(begins)
    }
    free = (gathering.places or 0) - _count(replay, gathering.slug, "going") - len(missed)
    able = [who for who, _ in waiting if replay.people[who].is_with_us(begins)]
    if free > 0 and able:
        return [f"{free} of {gathering.places} places at {gathering.slug} stayed free, and {able[0]} waited for one"]
    return []


def summary(gathering: Gathering, entries: Sequence[Entry]) -> str:
    """How it stood when it began, in a few words."""
    replay = Replay(entries)
    replay.to(gathering.starts)
    moved = sum(entry.deed is Deed.PLACED and gathering.slug in entry.topics for entry in entries)
    going, waiting = (_count(replay, gathering.slug, answer) for answer in ("going", "waiting"))
    return f"{going} of {gathering.places} places taken; {moved} moved up, {waiting} waited in vain"


def _line(replay: Replay, slug: str) -> list[tuple[str, datetime]]:
    """Who waits, since when."""
    return [(who, person.answers[slug][1]) for who, person in replay.people.items() if _says(person, slug, "waiting")]


def _count(replay: Replay, slug: str, answer: str) -> int:
    return sum(_says(person, slug, answer) for person in replay.people.values())


def _says(person: Standing, slug: str, answer: str) -> bool:
    return person.answer(slug) == answer
