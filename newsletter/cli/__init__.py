"""The `newsletter` command: a table of groups, each imported only when it is used, so that `--help` is quick."""

import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from newsletter import __version__
from newsletter.cli import edge
from newsletter.errors import NewsletterError
from newsletter.suggest import nearest
from subscribers.errors import SubscribersError
from webhooks.errors import WebhookError

COMMANDS = {
    "init": "Write fresh settings and a sample constellation.",
    "demo": "Play a whole season against a real SMTP server, and check it.",
    "serve": "Serve the pages and webhooks, and deliver what is due.",
    "worker": "Deliver what is due without the pages, here or on many hosts.",
    "engine": "Show what the engine does: workers, campaigns, rates.",
    "settings": "Show what is in force and where each setting comes from.",
    "keys": "List, rotate and retire the keys that sign links.",
    "dkim": "Make, list and check the keys that sign mails.",
    "db": "Upgrade, check, back up or restore the database.",
    "constellation": "Check or load the file that describes the series.",
    "events": "List, show, move and cancel the events of the constellation.",
    "plan": "Show which mail fires when, and for how many.",
    "audience": "Count, sample and save audiences.",
    "campaign": "Draft, preview, test, send and follow campaigns.",
    "templates": "List, begin, check templates of mails, and pages of your own.",
    "explain": "Say why somebody got a campaign's mail, or did not.",
    "form": "Print the form, to put into other sites.",
    "subscribers": "Import, add, show, suppress and erase subscribers.",
    "suppressions": "Sync, import, export the addresses never to be mailed.",
    "bounces": "Collect and read the mail that came back.",
    "webhooks": "Tell others what happens, and be told by providers.",
}
"""Each command, in the order a newcomer meets them, and its line in `newsletter --help`."""


class Commands(TyperGroup):
    """The commands by name; a module is imported when its command is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, in the table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import the group's module and make its command."""
        if cmd_name not in COMMANDS:
            near = nearest(cmd_name, COMMANDS)
            better = f" Did you mean '{near}'?" if near else ""
            ctx.fail(f"No such command '{cmd_name}'.{better}")
        module = import_module(f"newsletter.cli.{cmd_name}")
        command = typer.main.get_command(module.app)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the commands from the table, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


app = typer.Typer(
    cls=Commands, no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"newsletter {__version__}")
        raise typer.Exit


@app.callback()
def newsletter(
    settings: Annotated[
        Path, typer.Option(help="The settings file.", envvar="NEWSLETTER_SETTINGS", show_default=True)
    ] = Path("newsletter.toml"),
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show it.")] = False,
) -> None:
    """The mail service for a series of events: newsletter and mailing list in one.

    Example: newsletter init && newsletter serve
    """
    edge.settings_file.set(settings)


def main() -> None:
    """Run the command; a domain error is one line on stderr and exit status 1, Ctrl-C is 130."""
    try:
        app()
    except (NewsletterError, SubscribersError, WebhookError) as error:
        edge.fail(str(error))
    except BrokenPipeError:
        sys.exit(1)
