"""What `campaign send` shows on a terminal while it works; without one silence, so that pipes stay readable."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from newsletter.cli import edge, moments
from newsletter.engine import sending


class Rate(ProgressColumn):
    """How many a second."""

    def render(self, task: Task) -> Text:
        """The measured rate of the last moments."""
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f}/s", style="progress.data.speed")


@contextmanager
def live(title: str) -> Iterator[sending.OnProgress]:
    """A bar with count, rate and remaining time, relays and domains under it, for as long as the block runs."""
    if not edge.is_terminal():
        yield lambda _: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(None), MofNCompleteColumn(), Rate(), TimeRemainingColumn())
    progress = Progress(*columns, expand=True)
    task = progress.add_task(title, total=None)
    shown = Live(progress, console=Console(stderr=True, highlight=False))

    def on_progress(seen: sending.Progress) -> None:
        progress.update(task, completed=seen.settled, total=seen.audience)
        limits = seen.limits
        shown.update(Group(progress, *moments.tables(seen.relays, seen.domains, limits.receivers, limits.paused)))
        shown.start()  # not before there is something to show: what is said first has lines of its own

    try:
        yield on_progress
    finally:
        shown.stop()
