"""`newsletter settings`."""

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
        edge.table(["setting", "value", "from"], [(o.name, o.value, o.source) for o in origins])
