"""Tables whose rows have names, of campaigns or processes, which may be long.

Where the terminal is too narrow for a row, its columns stand closer; where it is so for that too, each name gets a line
of its own, and what belongs to it stands below.
"""

from collections.abc import Sequence
from typing import Literal

from rich.console import Console, Group
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from newsletter.cli import edge

_IN = "  "


def show(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: Sequence[str] = (), names: str | None = None
) -> None:
    """Print a table in which the column `names`, or else the first, holds the names."""
    for close in (False, True):
        flat = edge.grid(columns, rows, numbers=numbers, close=close)
        if _fits(flat):
            edge.show(flat)
            return
    at = 0 if names is None else columns.index(names)
    leading = [[row[at], *row[:at], *row[at + 1 :]] for row in (columns, *rows)]
    edge.show(_stacked(leading[0], leading[1:], numbers))


def _fits(flat: Table) -> bool:
    console = Console(width=edge.columns())
    return Measurement.get(console, console.options.update(max_width=1000), flat).maximum <= console.width


def _stacked(columns: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[str]) -> Table:
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]

    def stack(name: str, *cells: str) -> Group:
        below = Table.grid(padding=(0, 2, 0, 0))
        below.add_column()
        for column, width in zip(columns[1:-1], widths[1:-1], strict=True):
            side: Literal["left", "right"] = "right" if column in numbers else "left"
            below.add_column(justify=side, width=width)
        below.add_column(overflow="fold")
        below.add_row(_IN, *(Text(edge.legible(cell)) for cell in cells))
        return Group(Text(edge.legible(name), overflow="fold"), below)

    made = edge.grid([], [])
    made.add_column(stack(*columns))
    for row in rows:
        made.add_row(stack(*row))
    return made
