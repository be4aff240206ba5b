"""How much is measured: quick to see that it runs, the default in some minutes, full as the targets are written."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """Counts of messages, people and requests."""

    name: str
    campaign: int
    others: int
    """Recipients of the campaigns of other sizes, signed and secured."""

    rivals: int
    growth: tuple[int, ...]
    start: int
    imported: int
    requests: int
    crowd: int
    helps: int
    reports: int


QUICK = Scale("quick", 3_000, 2_000, 500, (1_000, 5_000), 20_000, 5_000, 500, 5_000, 3, 5_000)
DEFAULT = Scale("default", 50_000, 20_000, 3_000, (10_000, 100_000), 1_000_000, 200_000, 5_000, 100_000, 7, 50_000)
FULL = Scale(
    "full", 50_000, 50_000, 5_000, (10_000, 100_000, 1_000_000), 1_000_000, 1_000_000, 20_000, 1_000_000, 7, 100_000
)
