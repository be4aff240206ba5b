"""`newsletter suppressions sync`: what providers keep on their own suppression lists, brought here."""

from typing import Annotated

import typer

from newsletter import feedback
from newsletter.cli import edge, output
from newsletter.engine import parts
from newsletter.errors import NewsletterError
from newsletter.feedback import lists
from newsletter.feedback.lists import Tally
from newsletter.settings import Settings
from webhooks import lists as providers
from webhooks.errors import NotConfigured, WebhookError
from webhooks.lists import SuppressionList

_HEARD = {
    "hard": "bounced for good",
    "soft": "bounced, but may come back",
    "block": "refused because of us",
    "complaint": "complained",
    "unsubscribe": "unsubscribed there",
}


class NotRead(NewsletterError):
    """Lists of providers could not be read; the text has a line for each."""


def sync(
    provider: Annotated[
        str,
        typer.Argument(
            help="The provider, as in sendgrid; without one, all whose API keys are set.", metavar="PROVIDER"
        ),
    ] = "",
    dry_run: output.DryRun = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Read the suppression lists that providers keep, and obey what is new; the service does so once a day.

    It asks their APIs, by keys in newsletter.toml (brevo, mailersend, mailgun, mailtrap, mandrill, postmark, resend,
    sendgrid, ses, sparkpost). An entry follows the rules of a report; one older than an opt-in here, or than your
    release, changes nothing.

    Example: newsletter suppressions sync sendgrid --dry-run
    """
    settings = edge.settings()
    tallies, faults = edge.run(_read(settings, _wanted(settings, provider), dry_run=dry_run))
    if as_json and tallies:
        edge.emit_json(tallies)
    elif tallies:
        for tally in tallies:
            _tell(tally)
        if dry_run:
            edge.say("This was a dry run: nothing was changed.")
    if faults:
        raise NotRead("\n".join(map(str, faults)))


def _wanted(settings: Settings, name: str) -> list[SuppressionList]:
    values = settings.webhooks.in_clear()
    if name:
        one = providers.build(name, values)
        one.access()
        return [one]
    found = providers.configured(values)
    if not found:
        raise NotConfigured(f"no API key of any provider is set under [webhooks]: {', '.join(providers.LISTS)}")
    return found


async def _read(
    settings: Settings, wanted: list[SuppressionList], *, dry_run: bool
) -> tuple[list[Tally], list[WebhookError]]:
    """What became of each list, and why some could not be read: the others do not wait for them."""
    applier, tallies, faults = feedback.Applier(parts.links(settings), settings.bounces), [], []
    async with edge.opened_by_key(settings) as database:
        for one in wanted:
            try:
                tally = await lists.read(database, one, edge.now, dry_run=dry_run)
            except WebhookError as error:
                faults.append(error)
                continue
            tallies.append(tally)
            if dry_run:
                continue
            async with database.begin() as connection:
                await lists.finished(connection, one.name, edge.now() + settings.webhooks.lists_every)
                await edge.audit(connection, "suppressions.synced", one.name, news=dict(tally.news))
        more = not dry_run
        while more:
            async with database.begin() as connection:
                more = bool(await applier.apply_due(connection, edge.now()))
    return tallies, faults


def _tell(tally: Tally) -> None:
    rows = [
        *((f"new: {_HEARD[heard]}", number) for heard, number in sorted(tally.news.items())),
        ("known here already", tally.known),
        *((f"left alone: {why}", number) for why, number in sorted(tally.left.items())),
        ("nobody here has the address", tally.strangers),
        ("without an address or a date", tally.unreadable),
    ]
    shown = [(what, f"{number:,}") for what, number in rows if number]
    if shown:
        edge.table([f"on the list of {tally.provider}", "entries"], shown, numbers=["entries"])
    else:
        edge.say(f"The list of {tally.provider} is empty.")
    if tally.cut:
        edge.prose(
            f"{tally.provider} gives no more than {providers.AT_MOST[tally.provider]:,} entries, and may hold more."
        )
        edge.prose("Export them there as a file with a column email: newsletter suppressions import FILE")
    if any(tally.left):
        edge.say(f"Whom {tally.provider} holds gets no mail through it, whatever we say:")
        edge.say("newsletter subscribers release ADDRESS --at-provider")
