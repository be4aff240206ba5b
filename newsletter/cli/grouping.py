"""A group of commands, each with its whole first sentence in the list: a line that is cut off explains nothing."""

from typing import Any

import typer
from typer.core import TyperGroup

_LONGEST = 300


class _Listing(TyperGroup):
    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the commands; a sentence that does not fit a line goes on in the next."""
        lines = [(name, self.commands[name].get_short_help_str(_LONGEST)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(lines)


def group() -> typer.Typer:
    """A group that shows its help where no command is named."""
    return typer.Typer(cls=_Listing, no_args_is_help=True, add_completion=False, rich_markup_mode=None)


def alone() -> typer.Typer:
    """A command that stands by itself."""
    return typer.Typer(add_completion=False, rich_markup_mode=None)
