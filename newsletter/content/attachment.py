"""The event itself in the mails that say when it is, so that calendars follow (RFC 6047).

It stands in a mail twice: as the last alternative, with its method, which is what mailboxes with a calendar look for;
and as a file, for everyone else. Both are the same bytes for everybody, so that a mail to thousands is made as fast.
"""

import base64
from dataclasses import dataclass
from datetime import datetime

from newsletter import calendars
from newsletter.calendars import Entry, Method
from newsletter.content.facts import Facts

METHODS = {
    "save-the-date": Method.PUBLISH,
    "invitation": Method.PUBLISH,
    "changed": Method.PUBLISH,
    "place": Method.PUBLISH,
    "cancelled": Method.CANCEL,
}
"""What a calendar does with each kind of mail; the other kinds tell it nothing new."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """Two parts of a mail, each with its header and without a line break at its end."""

    alternative: bytes
    file: bytes


def of(kind: str, facts: Facts, now: datetime) -> Calendar | None:
    """The parts of this mail, or None where it has nothing for a calendar."""
    method, event = METHODS.get(kind), facts.event
    if method is None or event is None or event.is_story:
        return None
    entry = Entry(event, facts.sequence)
    written = calendars.write(facts.constellation, [entry], method=method, stamp=now)
    # Base64 keeps the line breaks as they are, whatever a relay does to text.
    encoded = base64.encodebytes(written).replace(b"\n", b"\r\n").removesuffix(b"\r\n")
    name = f"{event.slug}.ics"
    return Calendar(
        alternative=_part(f"text/calendar; charset=utf-8; method={method}") + encoded,
        file=_part(f'application/ics; name="{name}"', f'attachment; filename="{name}"') + encoded,
    )


def _part(content_type: str, disposition: str = "") -> bytes:
    lines = [f"Content-Type: {content_type}", "Content-Transfer-Encoding: base64"]
    if disposition:
        lines.append(f"Content-Disposition: {disposition}")
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n"
