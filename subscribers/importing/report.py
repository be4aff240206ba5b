"""What an import did, counted; and each row it refused."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from subscribers.importing.faults import Remark
from subscribers.importing.layout import Layout
from subscribers.importing.record import Source, in_words


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that was not taken: its number as a spreadsheet shows it, why, what it held, and the file's columns."""

    row: int
    fault: StrEnum
    reason: str
    cells: tuple[str, ...]
    columns: tuple[str, ...]


@dataclass(slots=True)
class Counts:
    """What became of rows; each is in exactly one of these.

    active: new, with evidence of consent. pending: new, without. promoted: pending before, and the file has the
    evidence. known: there already, unchanged. duplicates: named by an earlier row. kept_out: suppressed or left,
    by reason. stopped: left, complained or bounced where the file comes from, by reason.
    """

    active: int = 0
    pending: int = 0
    promoted: int = 0
    known: int = 0
    duplicates: int = 0
    kept_out: Counter[str] = field(default_factory=Counter)
    stopped: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Counts") -> None:
        """Count these too."""
        self.active += other.active
        self.pending += other.pending
        self.promoted += other.promoted
        self.known += other.known
        self.duplicates += other.duplicates
        self.kept_out.update(other.kept_out)
        self.stopped.update(other.stopped)
        self.refused.update(other.refused)

    @property
    def rows(self) -> int:
        """All of them."""
        single = self.active + self.pending + self.promoted + self.known + self.duplicates
        return single + self.kept_out.total() + self.stopped.total() + self.refused.total()


@dataclass(slots=True)
class Report:
    """How a file was read, what became of its rows, and what is to be said about rows that were taken.

    `first` is the row in which there was first something to remark, for each remark.
    Where the encoding is a guess, `sample` is a word as it is read.
    A workbook has a `sheet`, and no delimiter; `unread` are its other sheets that hold something. `asked` are the
    pending people who are sent a mail that asks them, `unanswered` those who were by an import before, and forgotten.
    """

    file: str
    encoding: str
    sample: str
    delimiter: str
    sheet: str
    unread: tuple[str, ...]
    layout: str
    columns: dict[str, str]
    ignored: tuple[str, ...]
    dry_run: bool
    counts: Counts = field(default_factory=Counts)
    remarks: Counter[Remark] = field(default_factory=Counter)
    first: dict[Remark, int] = field(default_factory=dict)
    asked: int = 0
    unanswered: int = 0


def begin(source: Source, layout: Layout, *, dry_run: bool) -> Report:
    """The report of an import that is about to start."""
    read = {field.value: place for field, place in layout.places.items()} | layout.extra
    if layout.membership is not None:
        read["membership"] = layout.membership
    return Report(
        file=in_words(source.path),
        encoding=source.encoding_name,
        sample=source.sample,
        sheet=source.sheet,
        unread=source.unread,
        delimiter={"\t": "tab", ",": "comma", ";": "semicolon", "|": "bar"}.get(source.delimiter, source.delimiter),
        layout=layout.kind,
        columns={source.header[place]: field for field, place in read.items()},
        ignored=layout.ignored,
        dry_run=dry_run,
    )
