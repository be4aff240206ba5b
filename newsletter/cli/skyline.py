"""A season as a picture for a terminal: a line for each event, its mails along a scale of months."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from rich.text import Text

from newsletter.constellation.model import Event
from newsletter.constellation.schedule import DueMail, PlanState

_LABEL = 18
_MARKS = {PlanState.STARTED: ("●", "green"), PlanState.PLANNED: ("○", "cyan"), PlanState.SKIPPED: ("×", "dim")}
_STAR, _OFF, _BETWEEN, _NOW, _EMPTY = "★", "☆", "─", "┊", " "
_STYLES = {"★": "bold yellow", "☆": "dim", "─": "dim", "┊": "magenta"}

LEGEND = "● sent  ○ planned  × skipped  ★ takes place  ☆ called off  ┊ now"


@dataclass(frozen=True, slots=True)
class _Scale:
    """Which column stands for a moment."""

    begins: datetime
    ends: datetime
    columns: int

    def column(self, moment: datetime) -> int:
        share = (moment - self.begins) / (self.ends - self.begins)
        return min(self.columns - 1, max(0, int(share * self.columns)))


def draw(events: Sequence[Event], mails: Sequence[DueMail], zone: ZoneInfo, now: datetime, width: int) -> list[Text]:
    """The picture, at most `width` columns wide; nothing where there is nothing to draw.

    Marks tell by their shape, so that the picture says the same without colours. Where several fall into one column,
    the event itself goes before its mails, and what is still to come before what is done.
    """
    if not mails or width < len(LEGEND):
        return []
    moments = [*(mail.due_at for mail in mails), *(event.starts for event in events)]
    scale = _Scale(min(moments) - timedelta(days=2), max(moments) + timedelta(days=2), width - _LABEL - 2)
    lines = [_months(scale, zone)]
    for event in events:
        lines.append(_line(event, [mail for mail in mails if mail.slug == event.slug], scale, now))
    return [*lines, Text(LEGEND, style="dim")]


def _months(scale: _Scale, zone: ZoneInfo) -> Text:
    """The names of the months where each begins, the first where the picture does, as far as there is room."""
    cells = [_EMPTY] * scale.columns
    first = scale.begins.astimezone(zone)
    beginnings = [first]
    while (following := _next_month(beginnings[-1])) < scale.ends:
        beginnings.append(following)
    free = 0
    for number, month in enumerate(beginnings):
        at = scale.column(month)
        until = scale.column(beginnings[number + 1]) if number + 1 < len(beginnings) else scale.columns
        name = f"{month:%b}" if month.month > 1 or number == 0 else f"{month:%b %Y}"
        if at >= free and until - at > len(name):
            cells[at : at + len(name)] = name
            free = at + len(name) + 1
    return Text(" " * (_LABEL + 2) + "".join(cells).rstrip(), style="bold")


def _next_month(moment: datetime) -> datetime:
    first = moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=32)).replace(day=1)


def _line(event: Event, mails: Sequence[DueMail], scale: _Scale, now: datetime) -> Text:
    cells: list[tuple[str, str]] = [(_EMPTY, "")] * scale.columns
    places = [scale.column(moment) for moment in (*(mail.due_at for mail in mails), event.starts)]
    for column in range(min(places), max(places)):
        cells[column] = (_BETWEEN, _STYLES[_BETWEEN])
    if scale.begins <= now < scale.ends:
        cells[scale.column(now)] = (_NOW, _STYLES[_NOW])
    for mail in sorted(mails, key=lambda mail: mail.state is PlanState.PLANNED):
        cells[scale.column(mail.due_at)] = _MARKS[mail.state]
    if not event.is_story or not mails:
        star = _OFF if event.cancelled else _STAR
        cells[scale.column(event.starts)] = (star, _STYLES[star])
    name = event.slug if len(event.slug) <= _LABEL else f"{event.slug[: _LABEL - 1]}…"
    line = Text(f"{name:<{_LABEL}}  ")
    for mark, style in cells:
        line.append(mark, style=style)
    line.rstrip()
    return line
