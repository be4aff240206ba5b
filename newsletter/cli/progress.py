"""Progress bars on a terminal; without one, silence, so that logs and pipes stay readable."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from newsletter.cli import edge
from newsletter.engine import sending


class Rate(ProgressColumn):
    """How many a second."""

    def render(self, task: Task) -> Text:
        """The measured rate of the last moments."""
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f}/s", style="progress.data.speed")


@contextmanager
def bar(title: str) -> Iterator[sending.OnProgress]:
    """A bar with count, rate and remaining time for as long as the block runs."""
    if not edge.is_terminal():
        yield lambda _: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(title, total=None)
        yield lambda seen: progress.update(task, completed=seen.settled, total=seen.audience)
