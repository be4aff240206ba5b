"""What a mail owes to mailboxes, to mail programs and to the law, looked up in the mail itself.

RFC 5322 and 2045 (its form), 2369, 2919 and 8058 (List-*), 3834 (Auto-Submitted), 9477 (CFBL-*), Gmail's 102 KB.
"""

import binascii
import email
import email.policy
import re
from collections.abc import Iterator
from dataclasses import dataclass

from newsletter.demo import outbox
from newsletter.demo.outbox import Headers, Mail

_LONGEST_LINE = 998
_CLIPPED_FROM = 102 * 1024
_TRACE_LINES = 3
_TOKEN = re.compile(r"[a-z2-7]{30,40}")
_ONE_CLICK = re.compile(r"<(https?://[^<>\s]+/one-click/[\w.-]+)>, <mailto:[^<>\s]+@[^<>\s]+>")
_LIST_ID = re.compile(r".*<[\w.-]+\.[\w-]+\.\w+>")
_BOUNDARY = re.compile(r'boundary="([^"]+)"')
_UNFILLED = ("{{", "{%", "%}", "}}")
_ONCE = [
    "from",
    "to",
    "subject",
    "date",
    "message-id",
    "mime-version",
    "content-type",
    "reply-to",
    "feedback-id",
    "cfbl-address",
    "cfbl-feedback-id",
]
_ONCE_IN_MAILINGS = ["list-id", "list-help", "list-unsubscribe", "list-unsubscribe-post", "precedence"]


@dataclass(frozen=True, slots=True)
class Etiquette:
    """What holds for every mail of this sender."""

    public_url: str
    postal_address: str

    def faults(self, mail: Mail, raw: bytes) -> list[str]:
        """What is wrong with a mail, in a few words each; nothing for one that is as it should be."""
        fields = outbox.headers(raw)
        found = [*_form(raw), *_once(fields, mail), *_names(fields, mail)]
        found += self._ways_out(fields, raw) if mail.mailing else _answers(fields)
        return [*found, *self._body(fields, raw)]

    def _ways_out(self, fields: Headers, raw: bytes) -> Iterator[str]:
        ways = _ONE_CLICK.fullmatch(outbox.first(fields, "list-unsubscribe"))
        if ways is None or not ways[1].startswith(f"{self.public_url}/"):
            yield "List-Unsubscribe names no page for one click and no address"
        elif b"\r\nList-Unsubscribe: <" + ways[1].encode() + b">, " not in raw:
            yield "List-Unsubscribe is folded"
        if outbox.first(fields, "list-unsubscribe-post") != "List-Unsubscribe=One-Click":
            yield "List-Unsubscribe-Post is not that of RFC 8058"
        if not _LIST_ID.fullmatch(outbox.first(fields, "list-id")):
            yield "List-Id is none"
        if not outbox.first(fields, "list-help").startswith("<mailto:"):
            yield "List-Help leads nowhere"
        if outbox.first(fields, "precedence") != "bulk":
            yield "Precedence is not bulk"
        if "auto-submitted" in fields:
            yield "a mailing is not Auto-Submitted"

    def _body(self, fields: Headers, raw: bytes) -> Iterator[str]:
        parts = _parts(fields, raw)
        kinds = [kind for kind, _ in parts]
        if kinds not in (["text/plain", "text/html"], ["text/plain", "text/html", "text/calendar"]):
            yield f"its parts are {', '.join(kinds) or 'none'}, not plain text and HTML"
            return
        for kind, content in parts[:2]:
            text = " ".join(content.decode("utf-8", "replace").split())
            if "\ufffd" in text:
                yield f"its {kind} is not UTF-8"
            if any(mark in (text.partition("<body")[2] or text) for mark in _UNFILLED):
                yield f"its {kind} has a place that was not filled"
            if self.postal_address not in text:
                yield f"its {kind} lacks the postal address"
        if len(parts[1][1]) > _CLIPPED_FROM:
            yield "its HTML is so long that Gmail clips it"


def defects(raw: bytes) -> list[str]:
    """What the standard library's strict parser minds about a mail; slow, so for samples."""
    message = email.message_from_bytes(raw, policy=email.policy.default)
    minded = [defect for part in message.walk() for defect in part.defects]
    minded += [
        defect for part in message.walk() for _, value in part.items() for defect in getattr(value, "defects", ())
    ]
    return [f"Python's parser minds: {type(defect).__name__}" for defect in minded]


def _form(raw: bytes) -> Iterator[str]:
    if not raw.count(b"\r\n") == raw.count(b"\n") == raw.count(b"\r"):
        yield "a line ends with a bare CR or LF"
    if max(map(len, raw.split(b"\r\n"))) > _LONGEST_LINE:
        yield "a line is longer than 998 bytes"
    header = raw.partition(b"\r\n\r\n")[0].split(b"\r\n", _TRACE_LINES)[-1]
    if not header.isascii():
        yield "its header is not ASCII"


def _once(fields: Headers, mail: Mail) -> Iterator[str]:
    for name in _ONCE + (_ONCE_IN_MAILINGS if mail.mailing else []):
        values = fields.get(name, [])
        if len(values) != 1 or not values[0]:
            yield f"it has {len(values) or 'no'} {name.title()}"


def _names(fields: Headers, mail: Mail) -> Iterator[str]:
    local = mail.sender.partition("@")[0]
    if not local.startswith("bounce+") or not _TOKEN.fullmatch(mail.token) or len(local) > 64:
        yield "its envelope sender names no delivery"
    if not mail.message_id.startswith(f"<{mail.token}@"):
        yield "its Message-ID names another delivery than its envelope sender"
    if outbox.first(fields, "cfbl-feedback-id") != mail.token:
        yield "its CFBL-Feedback-ID names another delivery"
    if not outbox.first(fields, "cfbl-address").endswith("; report=arf"):
        yield "its CFBL-Address asks for no reports"
    if len(outbox.first(fields, "feedback-id").split(":")) != 4:
        yield "its Feedback-ID has not four parts"
    if mail.recipient not in outbox.first(fields, "to"):
        yield "its To is somebody else"


def _answers(fields: Headers) -> Iterator[str]:
    """What answers a person is no mailing, and says that no person wrote it."""
    if outbox.first(fields, "auto-submitted") != "auto-generated":
        yield "it is not Auto-Submitted"
    if "list-unsubscribe-post" in fields or "precedence" in fields:
        yield "it looks like a mailing"


def _parts(fields: Headers, raw: bytes) -> list[tuple[str, bytes]]:
    """The parts of the multipart/alternative, decoded; read plainly, because a parser takes a second for 700 mails."""
    pieces = _pieces(fields, raw, "multipart/mixed")  # with the event as a file besides
    if pieces:
        raw = pieces[0]
        fields = outbox.headers(raw)
    return [_part(piece) for piece in _pieces(fields, raw, "multipart/alternative")]


def _pieces(fields: Headers, raw: bytes, kind: str) -> list[bytes]:
    boundary = _BOUNDARY.search(outbox.first(fields, "content-type"))
    if boundary is None or not outbox.first(fields, "content-type").startswith(f"{kind};"):
        return []
    mark = b"\r\n--" + boundary[1].encode() + b"\r\n"
    body, end, _ = raw.partition(b"\r\n\r\n")[2].rpartition(b"\r\n--" + boundary[1].encode() + b"--")
    return (b"\r\n" + body).split(mark)[1:] if end else []


def _part(piece: bytes) -> tuple[str, bytes]:
    fields = outbox.headers(piece)
    content = piece.partition(b"\r\n\r\n")[2]
    if outbox.first(fields, "content-transfer-encoding") == "quoted-printable":
        content = binascii.a2b_qp(content)
    return outbox.first(fields, "content-type").partition(";")[0], content
