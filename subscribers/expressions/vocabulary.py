"""What an expression may speak of here and now."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The names there are, the zone in which days are days, and the condition of having got a campaign's mail.

    `events` are their names with the kind of each. `fields` are the fields of one's own, beyond those that everybody
    has. `received` is given a name of `campaigns`, and answers a condition on `subscriber`: what was sent is not this
    package's to know.
    """

    timezone: ZoneInfo
    events: Mapping[str, str]
    campaigns: frozenset[str]
    fields: frozenset[str]
    received: Callable[[str], ColumnElement[bool]]
