"""`newsletter events attendance` and `answer`: who comes, and an answer that somebody gave by telephone."""

import csv
from dataclasses import dataclass
from typing import Annotated, TextIO

import typer

from newsletter import attendance as answers
from newsletter.cli import edge, output
from newsletter.constellation import store
from newsletter.constellation.store import StoredEvent
from newsletter.errors import NewsletterError
from newsletter.suggest import hint
from subscribers import addresses, attending, consent, directory, spreadsheet
from subscribers.addresses import Address
from subscribers.attending import WISHES, Answer, Attendee

Slug = Annotated[str, typer.Argument(help="The event's slug.")]

_COLUMNS = ("email", "first_name", "last_name", "answer", "answered_at")


@dataclass(frozen=True, slots=True)
class _Attendance:
    event: str
    asks: bool
    capacity: int | None
    counts: dict[Answer, int]
    people: list[Attendee]


def attendance(
    slug: Slug,
    only: Annotated[str, typer.Option("--answer", metavar="ANSWER", help="Only going, maybe, not or waiting.")] = "",
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV that a spreadsheet opens safely.")] = False,
    target: output.Target = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show who comes to an event, who may, who waits for a place and who does not come, in the order of their answers.

    Example: newsletter events attendance equity-lab --answer going --csv -o door.csv
    """
    if as_json and (as_csv or target):
        raise typer.BadParameter("print JSON or CSV, not both", param_hint="--json")
    wanted = (_answer(only, list(Answer)),) if only else ()
    found = edge.run(_attendance(edge.settings().database, slug, wanted))
    if as_json:
        edge.emit_json(found)
    elif as_csv or target:
        with output.opened(target) as file:
            _write(file, found.people)
    else:
        _show(found)


def answer(
    slug: Slug,
    email: Annotated[str, typer.Argument(help="The person's address.")],
    wish: Annotated[str, typer.Argument(metavar="ANSWER", help="going, maybe or not.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write down whether somebody comes, for whoever says so in person; the waiting list holds for them too.

    Example: newsletter events answer equity-lab ana@example.org going
    """
    said, address = _answer(wish, WISHES), addresses.parse(email)
    kept = edge.run(_keep(edge.settings().database, slug, address, said))
    if as_json:
        edge.emit_json({"event": slug, "address": address.given, "answer": kept})
    elif kept is Answer.WAITING:
        edge.say(f"{address.given} is on the waiting list of {slug}: every place is taken.")
    else:
        edge.say(f"{address.given} is kept for {slug}: {kept}.")


def _answer(word: str, known: tuple[Answer, ...] | list[Answer]) -> Answer:
    if word not in known:
        raise typer.BadParameter(f"there is no answer {word}{hint(word, [one.value for one in known])}")
    return Answer(word)


async def _attendance(url: str, slug: str, only: tuple[Answer, ...]) -> _Attendance:
    async with edge.opened(url) as database, database.read() as connection:
        stored = await store.find(connection, slug)
        counts = await attending.counts(connection, slug)
        people = await attending.listed(connection, slug, only)
        if not stored.event.rsvp and not people:
            raise answers.NotAsked(f"{slug} does not ask who comes; rsvp = true in the constellation file makes it ask")
        return _Attendance(slug, stored.event.rsvp, stored.event.capacity, counts, people)


async def _keep(url: str, slug: str, address: Address, said: Answer) -> Answer:
    async with edge.opened(url) as database, database.begin() as connection:
        stored: StoredEvent = await store.find(connection, slug)
        person = await directory.find(connection, address)
        if person.status != "active":
            raise NewsletterError(f"{address.given} is {person.status}: only who is in can be asked")
        kept = await answers.answer(
            connection, stored, person.id, said, source="staff", actor=consent.Actor.STAFF, now=edge.now()
        )
        await edge.audit(connection, "event.answered", slug, answer=kept)
        return kept


def _write(file: TextIO, people: list[Attendee]) -> None:
    writer = csv.writer(file)
    writer.writerow(_COLUMNS)
    for one in people:
        row = (one.address, one.first_name, one.last_name, one.answer.value, one.answered_at.isoformat())
        writer.writerow([spreadsheet.safe(cell) for cell in row])


def _show(found: _Attendance) -> None:
    said = [f"{found.counts.get(one, 0):,} {one}" for one in Answer]
    room = (
        "no limit"
        if found.capacity is None
        else "of 1 place"
        if found.capacity == 1
        else f"of {found.capacity:,} places"
    )
    edge.say(f"{found.event}: {', '.join(said)} ({room}).")
    if found.people:
        rows = [
            (one.answer, f"{one.first_name} {one.last_name}".strip(), one.address, edge.moment(one.answered_at))
            for one in found.people
        ]
        edge.table(["answer", "name", "address", "since (UTC)"], rows)
