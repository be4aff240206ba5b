"""`newsletter demo`: a whole season on this machine, checked from outside, and kept to look around in if you like."""

import asyncio
import os
import time
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from uvicorn.loops.auto import auto_loop_factory

from newsletter.cli import edge, grouping
from newsletter.demo import encore, folder, performance, stage
from newsletter.demo.checks import Finding
from newsletter.demo.clock import BEGINS, ENDS
from newsletter.demo.performance import Result
from newsletter.demo.stage import Stage
from newsletter.demo.summary import Outcome
from subscribers.importing import Report

app = grouping.alone()

_COLUMNS = 80


@app.command()
def demo(
    people: Annotated[int, typer.Option(min=1, max=100_000, help="How many rows of people to import.")] = 2000,
    seed: Annotated[int, typer.Option(help="What is left to chance; the same number makes the same season.")] = 1,
    to: Annotated[Path, typer.Option("--folder", help="Where everything is put; emptied first.")] = Path("demo"),
    keep: Annotated[bool, typer.Option("--keep", help="Leave the site running, to try it yourself.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The site's port; 0 takes a free one.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON at the end, and nothing else.")] = False,
) -> None:
    """Play a whole season against a real SMTP server, and check what really arrived.

    Made-up people join, read, choose, say whether they come, bounce and leave, from January to May 2021 by a simulated
    clock. Nothing leaves this machine. Ends with status 1 if a check does not hold.

    Example: newsletter demo --keep
    """
    folder.forget_variables(os.environ)
    prepared = folder.prepare(to, people=people)
    # The site's own kind of event loop: twice as quick as Python's at what happens here.
    with asyncio.Runner(loop_factory=auto_loop_factory(use_subprocess=False)) as runner:
        try:
            holds = runner.run(_demo(prepared, Show(silent=as_json), people, seed, port, keep=keep, as_json=as_json))
        except KeyboardInterrupt:
            raise SystemExit(130) from None
    if not holds:
        raise typer.Exit(1)


async def _demo(
    where: folder.Folder, show: "Show", people: int, seed: int, port: int, *, keep: bool, as_json: bool
) -> bool:
    began = time.perf_counter()
    async with stage.opened(where, seed=seed, port=port) as opened:
        with show:
            show.opened(opened)
            show.imported(await performance.bring_in(opened, people, show))
            show.say("")
            await performance.play(opened, show.following(opened))
            result = await performance.close(opened, show, began)
        if as_json:
            edge.emit_json({"mailings": result.outcomes, "checks": [_plain(finding) for finding in result.findings]})
        else:
            _conclude(opened, result, time.perf_counter() - began)
        if keep:
            _invite(opened, show)
            await performance.keep(opened)
    return result.holds


class Show:
    """Tells what happens: by bars on a terminal, else by a line for each step and each month."""

    def __init__(self, *, silent: bool) -> None:
        self._silent = silent
        self._stack = ExitStack()
        self._bars: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._stage: Stage | None = None
        self._month: datetime | None = None
        self._before = (0, 0, 0)

    def __enter__(self) -> "Show":
        """Begin to show bars, where anyone can see them."""
        if edge.is_terminal() and not self._silent:
            columns = (TextColumn("  {task.description:<42}"), BarColumn(bar_width=20), TimeRemainingColumn())
            self._bars = self._stack.enter_context(Progress(*columns, console=Console(), transient=True))
        return self

    def __exit__(self, *exc: object) -> None:
        """Take the bars away."""
        self._stack.close()

    def say(self, line: str) -> None:
        """One line."""
        if not self._silent:
            (self._bars.console.print if self._bars else edge.say)(line)

    def opened(self, on: Stage) -> None:
        """What the season is played on."""
        self.say(f"A season on this machine, in {on.folder.path}/\n")
        self.say(f"  Database     {on.folder.database.name}, migrated")
        planned = len(on.loaded.plan.planned)
        self.say(f"  Season       {on.constellation.name}: {len(on.constellation.events)} events, {planned} mailings")
        self.say(f"  Mail server  {on.settings.smtp.host}:{on.settings.smtp.port}")
        self.say(f"  Site         {on.settings.public_url}")

    def imported(self, report: Report) -> None:
        """Who came by the spreadsheet, and who was refused."""
        counts = report.counts
        self._end("importing")
        self.say(f"  People       {counts.rows:,} rows of a spreadsheet:")
        self.say(f"               {counts.active:>6,} agreed, and will be written to")
        self.say(f"               {counts.pending:>6,} without proof that they agreed: not written to")
        if counts.duplicates:
            self.say(f"               {counts.duplicates:>6,} named twice")
        for reason, count in counts.refused.most_common():
            self.say(f"               {count:>6,} refused: {reason}")

    def following(self, on: Stage) -> "Show":
        """This, from here on with an eye on the season's months."""
        self._stage = on
        self._month = BEGINS.astimezone(on.timetable.zone)
        return self

    def importing(self, done: int, total: int) -> None:
        """The bar of the import."""
        self._advance("importing", "Importing people", done, total)

    def playing(self, now: datetime, mails: int) -> None:
        """The bar of the season, or a line when a month has passed."""
        total = (ENDS - BEGINS).total_seconds()
        done = (now - BEGINS).total_seconds()
        if self._stage is not None and self._month is not None:
            local = now.astimezone(self._stage.timetable.zone)
            self._advance("playing", f"{local:%A, %B %-d}: {mails:,} mails", done, total)
            if local.month != self._month.month:
                self._month_is_over(self._stage, self._month)
                self._month = local

    def checking(self, done: int, total: int) -> None:
        """The bar of the checks."""
        if done == 1 and self._stage is not None and self._month is not None:
            self._month_is_over(self._stage, self._month)
            self._end("playing")
        self._advance("checking", "Reading every mail again", done, total)

    def _month_is_over(self, on: Stage, month: datetime) -> None:
        now = (len(on.outbox.mails), on.diary.came, on.diary.lost)
        mails, came, lost = (after - before for after, before in zip(now, self._before, strict=True))
        self._before = now
        self.say(
            f"  {month:%B %Y}".ljust(15) + f"{mails:>6,} mails arrived, {came:>3} people joined, {lost:>3} were lost"
        )

    def _advance(self, name: str, words: str, done: float, total: float) -> None:
        if self._bars is None:
            return
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(words, total=total)
        self._bars.update(self._tasks[name], description=words, completed=done, total=total)

    def _end(self, name: str) -> None:
        if self._bars is not None and name in self._tasks:
            self._bars.remove_task(self._tasks.pop(name))
            self._bars.refresh()


def _conclude(on: Stage, result: Result, seconds: float) -> None:
    """The table of mailings, the checks, and where to look further."""
    console = Console(highlight=False, width=None if edge.is_terminal() else _COLUMNS)
    console.print("", _table(on, result.outcomes), "", sep="\n")
    for finding in result.findings:
        _print(console, finding)
    count, size = len(on.outbox.mails), on.outbox.size / 1e6
    console.print(f"\n  The season in pictures   {on.folder.report}", soft_wrap=True)
    console.print(f"  Every mail that arrived  {on.folder.outbox}/ ({count:,} files, {size:,.0f} MB)", soft_wrap=True)
    console.print(f"  What people did          {on.folder.diary}", soft_wrap=True)
    console.print(f"\nPlayed and checked in {seconds:.0f} seconds.")


def _table(on: Stage, outcomes: list[Outcome]) -> Table:
    grid = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0)
    grid.add_column("day", no_wrap=True)
    grid.add_column("mailing", overflow="fold")
    for column in ("arrived", "late", "refused", "bounced", "spam", "left", "less"):
        grid.add_column(column, justify="right")
    for one in outcomes:
        numbers = (one.arrived, one.late, one.refused, one.bounced, one.complained, one.left, one.fewer)
        day = one.at.astimezone(on.timetable.zone)
        grid.add_row(
            f"{day:%m-%d}",
            f"{one.event} {one.kind}".removesuffix(" story"),
            *(f"{number:,}" if number else "·" for number in numbers),
        )
    grid.caption = "late: put off by a mailbox first.  less: fewer events, a digest, a pause."
    grid.caption_justify = "left"
    return grid


def _print(console: Console, finding: Finding) -> None:
    mark = "[green]✔[/]" if finding.holds else "[red]✘[/]"
    console.print(f"{mark} {finding.title}")
    console.print(f"    {finding.counted}", style="dim")
    for violation in finding.shown:
        console.print(f"    {violation}", style="red", markup=False)


def _plain(finding: Finding) -> dict[str, object]:
    return {
        "title": finding.title,
        "holds": finding.holds,
        "counted": finding.counted,
        "violations": list(finding.violations),
    }


def _invite(on: Stage, show: Show) -> None:
    url = on.settings.public_url
    minutes = int(encore.FIRST_STORY_IN.total_seconds() // 60)
    show.say("\nThe site is yours, and the same season lies ahead once more:\n")
    show.say(f"  1. Join              {url}/join")
    show.say(f"  2. Read your mail    {url}/outbox")
    show.say(f"  3. In {minutes} minutes a story goes out to everyone: it will be in the outbox too.\n")
    show.say(f"Look behind it with any command: newsletter --settings {on.folder.settings} plan")
    show.say("Ctrl-C ends it.")
