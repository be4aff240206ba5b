"""`newsletter bounces`: the mail that came back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from newsletter import feedback
from newsletter.cli import edge
from newsletter.engine import embedded, returned_mail
from newsletter.engine.returned_mail import Reading
from newsletter.errors import NewsletterError
from newsletter.settings import DEFAULT_FILE, NoSettings
from subscribers.links import Links
from webhooks import mailbox

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)


class NoMaildir(NewsletterError):
    """No Maildir is named."""


@app.callback()
def bounces() -> None:
    """Collect and read the mail that came back."""


@app.command()
def read(
    files: Annotated[list[Path], typer.Argument(help="Messages, mbox files or Maildirs.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a message.")] = False,
) -> None:
    """Say what returned mails mean; nothing is stored and nobody is suppressed.

    Without newsletter.toml nothing is trusted: its keys tell which tokens are ours.

    Example: newsletter bounces read bounce.eml --json
    """
    links = _links()
    readings = [
        (name, returned_mail.read(raw, links, edge.now())) for file in files for name, raw in mailbox.each(file)
    ]
    if as_json:
        edge.emit_json_lines(_as_json(name, reading) for name, reading in readings)
        return
    rows = [row for name, reading in readings for row in _rows(name, reading)]
    edge.table(["file", "kind", "trusted", "address", "class", "reason", "status"], rows)


def _links() -> Links | None:
    """What knows our tokens; None in a folder without settings, unless they were asked for by name."""
    try:
        return embedded.links(edge.settings())
    except NoSettings:
        if edge.settings_file.get() != DEFAULT_FILE:
            raise
        return None


def _rows(name: str, reading: Reading) -> Iterator[tuple[object, ...]]:
    kind, trusted = reading.report.kind, "yes" if reading.token else "no"
    if not reading.report.recipients:
        yield name, kind, trusted, reading.report.sender, "", "", ""
    for one in reading.report.recipients:
        yield name, kind, trusted, one.address, one.bounce or "", one.reason, one.status


def _as_json(name: str, reading: Reading) -> dict[str, Any]:
    return {
        "file": name,
        "kind": reading.report.kind,
        "trusted": reading.token is not None,
        "recipients": [
            {
                "address": one.address,
                "class": one.bounce,
                "reason": one.reason,
                "status": one.status,
                "diagnostic": one.diagnostic,
            }
            for one in reading.report.recipients
        ],
    }


@app.command()
def collect(
    maildir: Annotated[Path | None, typer.Argument(help="The Maildir, instead of bounces.maildir.")] = None,
) -> None:
    """Take new returned mail from the Maildir and obey it now; `newsletter serve` does so by itself.

    Example: newsletter bounces collect /var/mail/bounces
    """
    settings = edge.settings()
    folder = maildir or settings.bounces.maildir
    if folder is None:
        raise NoMaildir("no Maildir is named; give one, or set bounces.maildir in newsletter.toml")

    async def work() -> tuple[int, int]:
        links = embedded.links(settings)
        async with edge.opened(settings.database) as database:
            count = await returned_mail.collect(database, links, folder, edge.now())
            applier, applied = feedback.Applier(links, settings.bounces), 0
            while True:
                async with database.begin() as connection:
                    batch = await applier.apply_due(connection, edge.now())
                if not batch:
                    return count, applied
                applied += batch

    count, applied = edge.run(work())
    edge.say(f"{count:,} mails taken in, {applied:,} reports applied. What nothing proves: newsletter bounces review")


@app.command()
def review(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the latest reports that nothing proved, for a person to judge.

    Example: newsletter bounces review --json
    """
    settings = edge.settings()

    async def work() -> list[feedback.Unproven]:
        async with edge.opened(settings.database) as database, database.read() as connection:
            return await feedback.unproven(connection)

    found = edge.run(work())
    if as_json:
        edge.emit_json(found)
        return
    rows = [
        (edge.moment(one.received_at), one.event.provider, one.event.kind, one.event.address, one.why) for one in found
    ]
    edge.table(["received (UTC)", "from", "kind", "address", "why it was left"], rows)
