"""`newsletter settings`."""

from collections.abc import Iterator
from typing import Annotated

import typer

from newsletter import settings as reading
from newsletter.cli import edge, grouping

app = grouping.alone()


@app.command()
def settings(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show every setting in force and where it comes from; secrets stay hidden.

    Example: NEWSLETTER_SMTP__PORT=587 newsletter settings
    """
    file = edge.settings_file.get()
    origins = reading.origins(file, edge.settings())
    if as_json:
        edge.emit_json(origins)
    else:
        edge.table(["setting", "value", "from"], _rows(origins, f"{file}:"), whole=["setting"])
        edge.say(f"Lines are those of {file}.")


def _rows(origins: list[reading.Origin], in_file: str) -> Iterator[tuple[str, str, str]]:
    """A row for each, under the name of its table as the file has it: in full, the longest would not fit a line."""
    above = ""
    for origin in origins:
        table, _, name = origin.name.rpartition(".")
        if table != above:
            above = table
            yield "", "", ""
            if table:
                yield f"[{table}]", "", ""
        yield name, origin.value, origin.source.replace(in_file, "line ")
