"""`newsletter subscribers`: the people, as staff deal with them. Whatever changes something leaves an audit row."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import and_

from newsletter.campaigns import audiences
from newsletter.cli import edge, grouping, output, people_import, person_added, person_evidence, releasing
from newsletter.errors import NewsletterError
from newsletter.settings import Settings
from subscribers import addresses, audience, consent, directory, erasure, exporting, names, signup, suppression
from subscribers.addresses import Address
from subscribers.audience import Rhythm
from subscribers.directory import Entry, NoSuchSubscriber
from subscribers.suppression import Finding

app = grouping.group()

app.command("release")(releasing.release)

_RHYTHMS = {Rhythm.EACH: "", Rhythm.WEEKLY: "a digest once a week", Rhythm.ESSENTIALS: "the essentials only"}

Email = Annotated[str, typer.Argument(help="The address.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Note = Annotated[str, typer.Option(help="Why, for the record.")]


class NotConfirmed(NewsletterError):
    """Something that cannot be undone was not confirmed."""


@app.callback()
def subscribers() -> None:
    """Import, add, show, suppress and erase subscribers."""


@app.command("import")
def import_file(
    file: Annotated[
        Path,
        typer.Argument(help="A CSV file or Excel workbook: ours, of Wix, Mailchimp, listmonk, Mailman, or any other."),
    ],
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="COLUMN=FIELD", help="What a column holds; FIELD - ignores it. Repeatable."),
    ] = None,
    ask: Annotated[
        bool, typer.Option("--ask", help="Ask those without proof of consent once, by mail, whether they want yours.")
    ] = False,
    dry_run: output.DryRun = False,
    rejects: output.Rejects = None,
    as_json: AsJson = False,
) -> None:
    """Import people from a file, with the proof of their consent; a second time changes nothing.

    Example: newsletter subscribers import people.csv --map "School=field:school" --dry-run
    """
    settings = edge.settings()
    target = output.rejects(file, rejects)
    columns = people_import.mapping(mapping or [])
    report = edge.run(people_import.run(settings, file, columns, target, ask=ask, dry_run=dry_run))
    if as_json:
        edge.emit_json(people_import.plain(report, target))
    else:
        people_import.tell(report, target)
    if report.counts.rows and report.counts.refused.total() == report.counts.rows:
        raise typer.Exit(1)  # whoever runs it by a script learns that nobody came in


@app.command()
def add(
    email: Email,
    first_name: Annotated[str, typer.Option(help="Their first name.")] = "",
    last_name: Annotated[str, typer.Option(help="Their last name.")] = "",
    language: Annotated[
        str, typer.Option(metavar="TAG", help="What they are spoken to in, such as es.  [default: the series' own]")
    ] = "",
    follow: Annotated[
        list[str] | None,
        typer.Option(metavar="EVENT", help="An event they want to hear of. Repeatable.  [default: all]"),
    ] = None,
    field: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="What else is known, as in role=teacher. Repeatable.")
    ] = None,
    proof: Annotated[
        str | None, typer.Option(metavar="TEXT", help="What proves that they agreed: they are active at once.")
    ] = None,
    on: Annotated[str | None, typer.Option(metavar="DAY", help="The day they agreed.  [default: today]")] = None,
    ask: Annotated[
        bool, typer.Option("--ask", help="Without proof: ask them once, by mail, whether they want yours.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Add a person; without proof of their consent they are pending, and not mailed.

    Example: newsletter subscribers add ana@example.org --proof "signed the list at the opening" --on 2021-02-03
    """
    settings = edge.settings()
    request = signup.Request(
        addresses.parse(email),
        source="command line",
        first_name=names.parse(first_name),
        last_name=names.parse(last_name),
        locale=person_added.language(language),
        topics=tuple(follow or ()),
        fields=person_added.fields(field or []),
    )
    proven, is_asked = edge.run(person_added.run(settings, request, proof, on, ask=ask))
    status = "active" if proven else "pending"
    line = f"{request.address.given} is added, and {status}"
    if ask and proven is None:
        again = "an import had them asked before, without an answer, and they are not asked again"
        line += "; they are asked by mail" if is_asked else f"; {again}"
    line += "."
    _done(as_json, line, address=request.address.given, status=status, asked=is_asked)


@app.command()
def show(email: Email, as_json: AsJson = False) -> None:
    """Show what is known of a person, whether they are written to, and the evidence: reports, consent, scores.

    Of an address that is suppressed and nobody's here, that is why, and who can undo it.

    Example: newsletter subscribers show ana@example.org
    """
    settings, address = edge.settings(), addresses.parse(email)
    seen = edge.run(_find(settings, address))
    if isinstance(seen, Finding):
        if as_json:
            edge.emit_json({"address": address.given, "status": None, "suppressed": seen.reason, "suppression": seen})
        else:
            edge.say(f"{address.given} is no subscriber's.")
            person_evidence.tell_suppression(seen, address.given)
        return
    entry, evidence = seen
    if as_json:
        edge.emit_json({**edge.plain(entry), **edge.plain(evidence)})
        return
    edge.table(["", entry.address], _facts(entry))
    person_evidence.tell(evidence, entry.address, edge.now())


@app.command("consent")
def show_consent(email: Email, as_json: AsJson = False) -> None:
    """Print the evidence of a person's consent, oldest first.

    Example: newsletter subscribers consent ana@example.org --json
    """
    settings = edge.settings()
    evidence = edge.run(_evidence(settings.database, addresses.parse(email)))
    if as_json:
        edge.emit_json([{**edge.plain(step), "text_hash": step.text_hash} for step in evidence])
        return
    person_evidence.tell_consent(evidence)


@app.command()
def erase(
    email: Email, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False, as_json: AsJson = False
) -> None:
    """Erase everything about a person; a keyed hash stays, so that no import brings them back.

    Example: newsletter subscribers erase ana@example.org --yes
    """
    settings, address = edge.settings(), addresses.parse(email)
    if not yes and not edge.confirm(f"Erase everything about {address.given}? This cannot be undone."):
        raise NotConfirmed("nothing was erased; --yes confirms it where nobody can be asked")
    edge.run(_erase(settings, address))
    _done(as_json, f"Everything about {address.given} is erased.", address=address.given, erased=True)


@app.command()
def suppress(email: Email, note: Note = "", as_json: AsJson = False) -> None:
    """Never write to an address again, whoever asks; it need not be a subscriber's.

    Example: newsletter subscribers suppress ana@example.org --note "asked by telephone"
    """
    settings, address = edge.settings(), addresses.parse(email)
    is_new = edge.run(_suppress(settings, address, note))
    line = f"{address.given} is suppressed." if is_new else f"{address.given} was suppressed already."
    _done(as_json, line, address=address.given, suppressed=True, new=is_new)


@app.command()
def export(
    target: output.Target = None,
    mailable: Annotated[bool, typer.Option("--mailable", help="Only those who are written to now.")] = False,
    where: Annotated[
        str | None, typer.Option(metavar="EXPRESSION|NAME", help="Only those whom this says; see `audience --help`.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line instead of CSV.")] = False,
) -> None:
    """Print every subscriber as CSV that a spreadsheet opens safely, and that can be imported again.

    Example: newsletter subscribers export --mailable --where 'role = "teacher"' -o teachers.csv
    """
    settings = edge.settings()
    count = edge.run(_export(settings.database, target, where, as_json=as_json, mailable=mailable))
    edge.warn("1 person." if count == 1 else f"{count:,} people.")


async def _find(settings: Settings, address: Address) -> tuple[Entry, person_evidence.Evidence] | Finding:
    """A person, or why an address that is nobody's is suppressed. Raises NoSuchSubscriber."""
    async with edge.opened_by_key(settings) as database, database.read() as connection:
        try:
            entry = await directory.find(connection, address)
        except NoSuchSubscriber:
            found = await suppression.finding_of_hash(connection, _subject(settings, address))
            if found is None:
                raise
            return found
        return entry, await person_evidence.read(connection, entry.id, settings.bounces)


async def _evidence(url: str, address: Address) -> list[consent.Evidence]:
    async with edge.opened(url) as database, database.read() as connection:
        entry = await directory.find(connection, address)
        return await consent.evidence(connection, entry.id)


# The audit names people by the hash of their address: it must say what was done after they are erased, not to whom.


async def _erase(settings: Settings, address: Address) -> None:
    async with edge.opened_by_key(settings) as database, database.begin() as connection:
        entry = await directory.find(connection, address)
        if not await erasure.erase(connection, entry.id, now=edge.now()):
            raise NoSuchSubscriber(f"nobody here has the address {address.given}")
        await edge.audit(connection, "subscriber.erased", _subject(settings, address))


async def _suppress(settings: Settings, address: Address, note: str) -> bool:
    key = settings.secrets.hash_key.get_secret_value()
    async with edge.opened_by_key(settings) as database, database.begin() as connection:
        is_new = await directory.suppress(connection, address, hash_key=key, note=note, now=edge.now())
        await edge.audit(connection, "subscriber.suppressed", _subject(settings, address), note=note)
        return is_new


def _subject(settings: Settings, address: Address) -> str:
    return suppression.address_hash(address.normal, settings.secrets.hash_key.get_secret_value())


def _done(as_json: bool, line: str, **facts: Any) -> None:
    if as_json:
        edge.emit_json(facts)
    else:
        edge.say(line)


def _at(moment: datetime | None) -> str:
    return "" if moment is None else f"{edge.moment(moment)} UTC"


def _facts(entry: Entry) -> list[tuple[str, str]]:
    chosen = entry.choices
    follows = ["everything"] if chosen.everything else []
    facts = [
        ("name", f"{entry.first_name} {entry.last_name}".strip()),
        ("status", entry.status),
        ("suppressed", "" if entry.suppressed is None else f"{entry.suppressed}, {_at(entry.suppressed_at)}"),
        ("follows", ", ".join([*follows, *sorted(chosen.followed)]) or "nothing"),
        ("mutes", ", ".join(sorted(chosen.muted))),
        ("rhythm", _RHYTHMS[entry.rhythm]),
        ("paused until", _at(entry.paused_until)),
        ("language", entry.locale),
        ("time zone", entry.timezone or "the constellation's"),
        ("joined", _at(entry.joined_at)),
        ("confirmed", _at(entry.confirmed_at)),
        ("left", _at(entry.left_at)),
        *((name, ", ".join(value) if isinstance(value, list) else str(value)) for name, value in entry.fields.items()),
    ]
    return [fact for fact in facts if fact[1]]


async def _export(url: str, target: Path | None, where: str | None, *, as_json: bool, mailable: bool) -> int:
    async with edge.opened(url) as database, database.read() as connection:
        expression = await audiences.resolve(connection, where) if where is not None else ""
        only = await audiences.condition(connection, expression)
        if mailable:
            only = and_(only, audience.mailable(edge.now()))
        with output.opened(target) as file:
            write = exporting.json_lines(file) if as_json else exporting.comma_separated(file)
            return await exporting.run(connection, write, only=only)
