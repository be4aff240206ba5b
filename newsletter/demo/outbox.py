"""The outbox: every mail that arrived, one .eml each, which says itself to whom it was delivered and when.

A file is the message as it came over the wire, under the three lines that a receiving server adds (RFC 5321 section
4.4). So the closing checks need nothing but the files.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache
from pathlib import Path

Headers = dict[str, list[str]]
"""Each field's values by its name in lower case, unfolded and otherwise as they came."""

_FOLD = re.compile(r"\r\n(?=[ \t])")
_UNSAFE = re.compile(r"[^\w.@+-]")
_LONGEST_NAME = 100
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail that arrived `at` a moment (UTC). `sender` and `recipient` are the envelope's.

    `dated` is what its Date says. `mailing` is `EVENT-KIND` for a mail of a campaign, empty for one that answers what
    a person just did; `kind` is `invitation`, `confirm`, ….
    """

    path: Path
    recipient: str
    sender: str
    at: datetime
    dated: datetime
    mailing: str
    kind: str
    message_id: str

    @property
    def token(self) -> str:
        """The name of this one delivery, from the envelope sender: bounce+TOKEN@…."""
        return self.sender.partition("+")[2].partition("@")[0]


class Outbox:
    """Keeps what the mail server accepts: `mails` in the order in which they arrived, `size` of all in bytes."""

    def __init__(self, folder: Path, clock: Callable[[], datetime], zone: tzinfo = UTC) -> None:
        self.folder = folder
        self.mails: list[Mail] = []
        self.size = 0
        self._seen = 0
        self._clock = clock
        self._zone = zone

    def keep(self, sender: str, recipient: str, content: bytes) -> None:
        """Write one mail to `DAY-MAILING/RECIPIENT.eml`, or `KIND/RECIPIENT.eml`; never over another one."""
        raw = _traced(sender, recipient, self._clock()) + content
        mail = examine(raw, self.folder)
        day = mail.dated.astimezone(self._zone)
        folder = self.folder / _safe(f"{day:%m-%d}-{mail.mailing}" if mail.mailing else mail.kind or "other")
        self.mails.append(replace(mail, path=_write(folder, _safe(recipient), raw)))
        self.size += len(raw)

    def take_arrived(self) -> list[Mail]:
        """What has arrived since this was asked last."""
        arrived = self.mails[self._seen :]
        self._seen = len(self.mails)
        return arrived


def read(folder: Path) -> Iterator[tuple[Mail, bytes]]:
    """Every mail of an outbox with its bytes, read from the files."""
    for path in sorted(folder.glob("*/*.eml")):
        raw = path.read_bytes()
        yield examine(raw, path), raw


def examine(raw: bytes, path: Path) -> Mail:
    """What the header of one mail says."""
    fields = headers(raw)
    feedback = first(fields, "feedback-id").split(":")
    mailing = feedback[0] if len(feedback) == 4 and feedback[0] != "transactional" else ""
    return Mail(
        path=path,
        recipient=first(fields, "delivered-to"),
        sender=first(fields, "return-path").strip("<>"),
        at=_moment(first(fields, "received").rpartition(";")[2]),
        dated=_moment(first(fields, "date")),
        mailing=mailing,
        kind=feedback[2] if len(feedback) == 4 else "",
        message_id=first(fields, "message-id"),
    )


def headers(raw: bytes) -> Headers:
    """The header of a message."""
    fields: Headers = {}
    block = raw.partition(b"\r\n\r\n")[0].decode("utf-8", "replace")
    for line in _FOLD.sub("", block).split("\r\n"):
        name, _, value = line.partition(":")
        fields.setdefault(name.lower(), []).append(value.strip())
    return fields


def first(fields: Headers, name: str) -> str:
    """The first value of a field, or nothing."""
    return fields.get(name, [""])[0]


@lru_cache(maxsize=4096)
def _moment(text: str) -> datetime:
    try:
        moment = parsedate_to_datetime(text.strip())
    except ValueError:
        return _NEVER
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _traced(sender: str, recipient: str, at: datetime) -> bytes:
    received = f"from newsletter by demo with ESMTP; {_stamp(at.replace(microsecond=0))}"
    return f"Return-Path: <{sender}>\r\nDelivered-To: {recipient}\r\nReceived: {received}\r\n".encode()


_stamp = lru_cache(maxsize=256)(format_datetime)


def _safe(name: str) -> str:
    return _UNSAFE.sub("_", name).lstrip(".")[:_LONGEST_NAME] or "_"


def _write(folder: Path, name: str, raw: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        path = folder / (f"{name}.eml" if number == 1 else f"{name}-{number}.eml")
        try:
            with path.open("xb") as file:
                file.write(raw)
        except FileExistsError:
            number += 1
        else:
            return path
