"""A moment as somebody at the terminal writes it: by the clock of a zone, unless it says its offset itself."""

import re
from datetime import datetime

import typer

from newsletter.constellation import values


def read(text: str, timezone: str, where: str, *, usual: str = "09:00") -> datetime:
    """The moment, on that zone's clock. A wrong one is a usage error of `where`; a day alone is told `usual`."""
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        raise typer.BadParameter(f"{text} has no hour; write one as in {text}T{usual}", param_hint=where)
    try:
        return values.moment(datetime.fromisoformat(text), timezone)
    except values.Wrong as error:
        raise typer.BadParameter(str(error), param_hint=where) from error
    except ValueError as error:
        raise typer.BadParameter(f"{text} is no moment; write one as in 2021-02-03T09:00", param_hint=where) from error
