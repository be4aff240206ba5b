"""The geometry of the report's charts: numbers and moments become places on a sheet; the template draws them."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from newsletter.demo.clock import BEGINS, ENDS
from newsletter.demo.diary import GONE, Deed, Entry
from newsletter.demo.summary import Growth
from newsletter.demo.timetable import Gathering

_WEEK = timedelta(weeks=1)


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on an axis, and what stands there."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Star:
    """An event above the chart."""

    x: float
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet in SVG units, and the space around what is drawn on it."""

    width: int
    height: int
    left: int = 44
    right: int = 14
    top: int = 34
    bottom: int = 26

    def x(self, moment: datetime) -> float:
        """Where a moment of the season lies."""
        share = (moment - BEGINS) / (ENDS - BEGINS)
        return round(self.left + share * (self.width - self.left - self.right), 1)

    def y(self, value: float, low: float, high: float) -> float:
        """How high a value stands between the lowest and the highest."""
        share = (value - low) / (high - low)
        return round(self.height - self.bottom - share * (self.height - self.top - self.bottom), 1)

    def months(self, zone: tzinfo) -> list[Tick]:
        """The first of each month."""
        firsts = [datetime(2021, month, 1, tzinfo=zone) for month in (2, 3, 4, 5)]
        return [Tick(self.x(BEGINS), "Jan"), *(Tick(self.x(first), f"{first:%b}") for first in firsts)]


@dataclass(frozen=True, slots=True)
class Line:
    """The audience along the season."""

    sheet: Sheet
    path: str
    ground: str
    values: list[Tick]
    months: list[Tick]
    stars: list[Star]
    end: tuple[float, float]


def line(growth: Growth, gatherings: Iterable[Gathering], sheet: Sheet, zone: tzinfo) -> Line:
    """How many were in, as steps; the axis begins near the lowest value, because it is the change that is looked at."""
    low, high, step = scale(min(growth.people), max(growth.people))
    points = list(zip(growth.moments, growth.people, strict=True))
    path = [f"M{sheet.x(BEGINS)} {sheet.y(points[0][1], low, high)}"]
    for moment, people in points[1:]:
        path.append(f"H{sheet.x(moment)}V{sheet.y(people, low, high)}")
    end = sheet.x(ENDS), sheet.y(points[-1][1], low, high)
    path.append(f"H{end[0]}")
    ticks = [low + step * number for number in range(round((high - low) / step) + 1)]
    return Line(
        sheet=sheet,
        path="".join(path),
        ground=f"{''.join(path)}V{sheet.height - sheet.bottom}H{sheet.x(BEGINS)}Z",
        values=[Tick(sheet.y(value, low, high), f"{value:,.0f}") for value in ticks],
        months=sheet.months(zone),
        stars=[Star(sheet.x(one.starts), one.kind, f"{one.title}, {one.starts:%B %-d}") for one in gatherings],
        end=end,
    )


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle; `kind` is what it stands for."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Weeks:
    """Who came and who went, week by week: upward and downward from `zero`."""

    sheet: Sheet
    bars: list[Bar]
    zero: float
    values: list[Tick]
    months: list[Tick]


_KINDS = {Deed.CONFIRMED: "came", Deed.LEFT: "left", Deed.BOUNCED: "bounced", Deed.COMPLAINED: "complained"}
_WORDS = {"came": "confirmed", "left": "left", "bounced": "bounced", "complained": "complained"}


def weeks(entries: Sequence[Entry], sheet: Sheet, zone: tzinfo) -> Weeks:
    """Count the weeks of the season."""
    number_of_weeks = math.ceil((ENDS - BEGINS) / _WEEK)
    counts: dict[tuple[int, str], int] = {}
    for entry in entries:
        if entry.deed in GONE or entry.deed is Deed.CONFIRMED:
            place = (entry.at - BEGINS) // _WEEK, _KINDS[entry.deed]
            counts[place] = counts.get(place, 0) + 1
    most_came = max((counts.get((week, "came"), 0) for week in range(number_of_weeks)), default=0)
    most_gone = max(
        (
            sum(counts.get((week, kind), 0) for kind in ("left", "bounced", "complained"))
            for week in range(number_of_weeks)
        ),
        default=0,
    )
    step = _round_step(max(most_came + most_gone, 1) / 4)
    high, low = step * math.ceil(max(most_came, 1) / step), -step * math.ceil(max(most_gone, 1) / step)
    bars = [
        bar
        for week in range(number_of_weeks)
        for bar in _week(sheet, week, {kind: counts.get((week, kind), 0) for kind in _WORDS}, low, high)
    ]
    ticks = [low + step * number for number in range(round((high - low) / step) + 1)]
    return Weeks(
        sheet=sheet,
        bars=bars,
        zero=sheet.y(0, low, high),
        values=[Tick(sheet.y(value, low, high), f"{abs(value):,.0f}") for value in ticks],
        months=sheet.months(zone),
    )


def _week(sheet: Sheet, week: int, counts: dict[str, int], low: float, high: float) -> Iterable[Bar]:
    begins = BEGINS + _WEEK * week
    left, right = sheet.x(begins), sheet.x(min(begins + _WEEK, ENDS))
    gap = (right - left) * 0.14
    said = ", ".join(f"{count} {_WORDS[kind]}" for kind, count in counts.items() if count)
    title = f"Week of {begins:%B %-d}: {said or 'nobody came or went'}"
    down = 0
    for kind, count in counts.items():
        upper, lower = (count, 0) if kind == "came" else (-down, -down - count)
        if kind != "came":
            down += count
        if count:
            top = sheet.y(upper, low, high)
            yield Bar(
                round(left + gap, 1), top, round(right - left - 2 * gap, 1),
                round(sheet.y(lower, low, high) - top, 1), kind, title,
            )  # fmt: skip


def scale(lowest: float, highest: float) -> tuple[float, float, float]:
    """A scale of round numbers around a span: its lowest, its highest and its step."""
    step = _round_step(max(highest - lowest, 4) / 4)
    low = step * math.floor(lowest / step)
    return max(low, 0.0), max(step * math.ceil(highest / step), low + step), step


def _round_step(rough: float) -> float:
    """The next of 1, 2, 5, 10, 20, 50, …"""
    magnitude = 10.0 ** math.floor(math.log10(max(rough, 1.0)))
    return float(next(step * magnitude for step in (1, 2, 5, 10) if step * magnitude >= max(rough, 1.0)))
