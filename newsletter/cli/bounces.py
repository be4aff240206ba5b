"""`newsletter bounces`: the mail that came back."""

import asyncio
import os
import signal
import sys
import textwrap
from pathlib import Path
from typing import Annotated, Any

import typer

from newsletter import feedback, logs, setting_values
from newsletter.cli import edge, grouping, reported, stacked
from newsletter.clock import wall_clock
from newsletter.database import Database
from newsletter.delivery import pauses
from newsletter.delivery.pauses import Pause
from newsletter.engine import listener, mailboxes, parts, returned_mail
from newsletter.engine.returned_mail import Reading
from newsletter.errors import NewsletterError
from newsletter.feedback import breaker, kept
from newsletter.feedback.inbox import LATEST
from newsletter.feedback.kept import Kept
from newsletter.settings import DEFAULT_FILE, NoSettings, Settings
from subscribers.links import Links
from webhooks import mailbox
from webhooks.reports import mime

_MOST_SAID = 200
"""Characters of what a receiver said that are shown."""

app = grouping.group()


app.command("list")(reported.list_)
app.command("show")(reported.show)
app.command("release")(reported.release)


class NoMailbox(NewsletterError):
    """No place is named where returned mail comes from."""


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
    for name, reading in readings:
        _say(name, reading)


def _links() -> Links | None:
    """What knows our tokens; None in a folder without settings, unless they were asked for by name."""
    try:
        return parts.links(edge.settings())
    except NoSettings:
        if edge.settings_file.get() != DEFAULT_FILE:
            raise
        return None


def _say(name: str, reading: Reading) -> None:
    """What a mail is, and below it whom it names and what of them, in as many words as the receiver had."""
    report = reading.report
    whose = "proven by our token" if reading.token else "nothing proves that it is about a mail of ours"
    sender = f" from {report.sender}" if report.sender and not report.recipients else ""
    edge.prose(f"{Path(name).name}: {report.kind}{sender}; {whose}")
    for one in report.recipients:
        told = [str(one.bounce), one.reason, one.status] if one.bounce else []
        said = f" – {textwrap.shorten(one.diagnostic, _MOST_SAID, placeholder=' …')}" if one.diagnostic else ""
        edge.prose(f"  {one.address or '(nobody is named)'}: {' '.join(filter(None, told)) or report.kind}{said}")


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
    folder: Annotated[Path | None, typer.Argument(help="A Maildir, instead of what the settings name.")] = None,
) -> None:
    """Take new returned mail from its mailboxes and obey it now; `newsletter serve` does so by itself.

    Example: newsletter bounces collect /var/mail/bounces
    """
    settings = edge.settings()
    if folder is None and settings.bounces.maildir is None and not settings.mailbox.protocol:
        raise NoMailbox("no mailbox is named; give a Maildir, or set bounces.maildir or [mailbox] in newsletter.toml")

    async def work() -> tuple[int, int]:
        links = parts.links(settings)
        async with edge.opened(settings.database) as database:
            try:
                if folder is None:
                    count = await mailboxes.collect(database, links, settings, edge.now())
                else:
                    count = await returned_mail.collect(database, links, mailbox.maildir(folder), edge.now())
            finally:  # what could be taken in is obeyed, whatever went wrong behind it
                applied = await _apply(database, feedback.Applier(links, settings.bounces))
            return count, applied

    count, applied = edge.run(work())
    taken, heard = edge.counted(count, "mail"), edge.counted(applied, "report")
    edge.say(f"{taken} taken in, {heard} judged. What nothing proves: newsletter bounces review")


async def _apply(database: Database, applier: feedback.Applier) -> int:
    """Apply all that waits in the inbox; how many reports."""
    applied = 0
    while True:
        async with database.begin() as connection:
            batch = await applier.apply_due(connection, edge.now())
        if not batch:
            return applied
        applied += batch


@app.command()
def pipe(
    recipient: Annotated[str, typer.Option(help="The address it came to, where the mail does not say.")] = "",
) -> None:
    """Take one mail from stdin, as an alias of a mail server hands it over.

    Ends with status 0 once it is stored, and with 75 otherwise, upon which the server keeps it and tries again. Where
    nothing comes in at all, with 66.

    Example: newsletter bounces pipe < bounce.eml
    """
    try:
        settings = edge.settings()
        raw = sys.stdin.buffer.read(mime.MOST_BYTES)
        if not raw.strip():
            edge.warn("newsletter: there is no mail on stdin; give one as in: newsletter bounces pipe < bounce.eml")
            raise typer.Exit(os.EX_NOINPUT)
        edge.run(_take(settings, raw, recipient))
        while sys.stdin.buffer.read(1 << 20):  # who is not read to the end takes it for a failure
            pass
    except typer.Exit:
        raise
    except Exception as error:  # a mistake of ours too: with another status, the server would give the mail up
        edge.warn(f"newsletter: the mail was not stored: {' '.join(str(error).split())[:300] or type(error).__name__}")
        raise typer.Exit(os.EX_TEMPFAIL) from error


async def _take(settings: Settings, raw: bytes, recipient: str) -> None:
    async with edge.opened(settings.database) as database:
        await returned_mail.take(database, parts.links(settings), raw, edge.now(), recipient=recipient)


@app.command()
def listen(
    where: Annotated[str, typer.Argument(help="lmtp://HOST:PORT or smtp://HOST:PORT.  [default: bounces.listen]")] = "",
) -> None:
    """Take returned mail by LMTP or SMTP until Ctrl-C or SIGTERM; `newsletter serve` does so with bounces.listen set.

    Example: newsletter bounces listen lmtp://127.0.0.1:2424
    """
    settings = edge.settings()
    try:
        place = setting_values.listener(where) or settings.bounces.listen
    except ValueError as error:
        raise NoMailbox(str(error)) from error
    if not place:
        raise NoMailbox("no place to listen at; give one as in lmtp://127.0.0.1:2424, or set bounces.listen")
    logs.configure(logs.FULL)
    edge.run(_listen(settings, place))


async def _listen(settings: Settings, where: str) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with edge.opened(settings.database) as database:
        letterbox = listener.Letterbox(database, parts.links(settings), settings.bounces.address, wall_clock)
        async with listener.listening(where, letterbox) as port:
            edge.say(f"Listening at {where.rpartition(':')[0]}:{port} for mail to {settings.bounces.address}.")
            await stop.wait()


@app.command()
def review(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List what waits for a person's judgement: paused domains, bounces held, reports that nothing proved, mails kept.

    Among the mails are reports that a provider truly posted and we could not read.

    Example: newsletter bounces review --json
    """
    settings = edge.settings()

    async def work() -> tuple[list[feedback.Unproven], list[Kept], dict[str, int], list[Pause]]:
        async with edge.opened(settings.database) as database, database.read() as connection:
            held, paused = await breaker.held(connection), await pauses.current(connection, edge.now())
            return await feedback.unproven(connection), await kept.waiting(connection), held, list(paused.values())

    reports, mails, held, paused = edge.run(work())
    if as_json:
        edge.emit_json({"reports": reports, "mails": mails, "held": held, "paused": paused})
        return
    reported.tell_pauses(paused)
    for one in paused:
        if one.domain not in held:
            edge.say(f"Send there again: newsletter bounces release {one.domain}\n")
    for domain, count in held.items():
        edge.prose(f"{domain} said of {count:,} people at once that they do not exist; nobody is suppressed for it.")
        edge.prose(f"Let that go: newsletter bounces release {domain}; believe it: the same with --suppress.")
        edge.say()
    reported.tell_unproven(reports)
    if not (paused or held or reports or mails):
        edge.say("Nothing waits for anybody's judgement.")
    if mails:
        edge.prose("Kept as they came, for nobody but a person can judge them:")
        edge.prose("`newsletter bounces mail NUMBER` prints one, --dismiss lets go of it.")
        letters = [(str(one.id), edge.moment(one.received_at), one.kind, one.sender, one.subject) for one in mails]
        columns = ["number", "received (UTC)", "kind", "sender", "subject"]
        stacked.show(columns, letters, numbers=["number"], names="sender")
    if LATEST in (len(reports), len(mails)):
        edge.say(f"Of either, the latest {LATEST} are shown; as you let go of them, older ones follow.")


@app.command()
def mail(
    number: Annotated[int, typer.Argument(help="Its number in `newsletter bounces review`.")],
    dismiss: Annotated[bool, typer.Option("--dismiss", help="Let go of it: it has been judged.")] = False,
) -> None:
    """Print a mail, or a provider's report, that was kept for a person, as it arrived.

    Example: newsletter bounces mail 12
    """
    settings = edge.settings()

    async def work() -> bytes:
        async with edge.opened(settings.database) as database, database.begin() as connection:
            found = await kept.raw(connection, number)
            if dismiss:
                await kept.dismiss(connection, number, edge.now())
                await edge.audit(connection, "mail.dismissed", str(number))
            return found

    sys.stdout.buffer.write(edge.run(work()))
    sys.stdout.buffer.flush()
