"""A mail taken apart no deeper than a report needs, whatever its bytes are: reading never fails and never recurses.

The standard library's parser builds the whole tree, in memory several times the mail's size, and nested multiparts
exhaust its stack. A report says what it has to say at its beginning, one level down.
"""

import binascii
import codecs
import html
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header, make_header

MOST_BYTES = 2_000_000
"""What is read of a mail: a returned message of 50 MB comes after everything that matters."""
MOST_PARTS = 40
MOST_HEADERS = 400
MOST_TEXT = 100_000
DEPTH = 4

_FIELD = re.compile(r"([!-9;-~]{1,100})[ \t]*:[ \t]*(.*)", re.DOTALL)
_PARAMETER = re.compile(r"(?:boundary|charset|report-type)\s{0,5}=", re.IGNORECASE)
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
_NULL_SENDER = re.compile(rb">?From (?:MAILER-DAEMON|<>)\s", re.IGNORECASE)
"""How the `From ` line tells the sender of a mail that nobody may answer (RFC 4155, Postfix's and Exim's pipes)."""
_JAPANESE = re.compile(rb"\x1b\$[@B]")
_TAGS = re.compile(r"<(style|script|head)\b.*?(?:</\1|\Z)|<!--.*?(?:-->|\Z)", re.IGNORECASE | re.DOTALL)
_BREAKS = re.compile(r"<(?:br|/p|/div|/tr|/td|/h\d|/li)\b[^>]{0,200}>", re.IGNORECASE)
_TAG = re.compile(r"<[a-z/!][^<>]{0,2000}>", re.IGNORECASE)
_SLOW_CODECS = {"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape"}
_ALIASES = {"gb2312": "gb18030", "gbk": "gb18030", "ks_c_5601-1987": "cp949", "shift_jis": "cp932", "x-sjis": "cp932"}


@dataclass(frozen=True, slots=True)
class Part:
    """Headers, names in lower case, and the body they describe, with lines ended by LF."""

    fields: tuple[tuple[str, str], ...]
    body: bytes

    def all(self, name: str) -> list[str]:
        """The values of every header of that name, decoded (RFC 2047)."""
        return [_decoded(value) for key, value in self.fields if key == name]

    def header(self, name: str) -> str:
        """The first header of that name, decoded; empty when there is none."""
        return next((_decoded(value) for key, value in self.fields if key == name), "")

    def has(self, *names: str) -> bool:
        """Whether any of these headers is there."""
        return any(key in names for key, _ in self.fields)

    @property
    def media_type(self) -> str:
        """The type in lower case; text/plain where none is stated (RFC 2045 5.2)."""
        found = re.split(r"[;\s]", self.header("content-type").strip(), maxsplit=1)[0].lower()
        return found if "/" in found else "text/plain"

    def parameter(self, name: str) -> str:
        """A parameter of Content-Type, unquoted."""
        pattern = rf"[;\s]\s*{re.escape(name)}\*?\s*=\s*(?:\"([^\"]*)\"|([^;\s\"]+))"
        found = re.search(pattern, self.header("content-type"), re.IGNORECASE)
        return (found[1] or found[2] or "") if found else ""

    def parts(self) -> list["Part"]:
        """The parts of a multipart, one level down; none where this is no multipart or its boundary is lost."""
        boundary = self.parameter("boundary").encode("utf-8", "replace")
        if not boundary or not self.media_type.startswith("multipart/"):
            return []
        separator = re.compile(rb"(?:\A|\n)--" + re.escape(boundary) + rb"(--)?[ \t]*(?=\n|\Z)")
        found: list[Part] = []
        start = None
        for match in separator.finditer(self.body):
            if start is not None:
                found.append(parse_part(self.body[start : match.start()]))
            start = None if match[1] else match.end() + 1
            if match[1] or len(found) == MOST_PARTS:
                break
        if start is not None and len(found) < MOST_PARTS:
            found.append(parse_part(self.body[start:]))
        return found

    def decoded(self) -> bytes:
        """The body without its transfer encoding; as it stands where that is broken."""
        encoding = self.header("content-transfer-encoding").strip().lower()
        if encoding == "quoted-printable":
            return quopri.decodestring(self.body)
        if encoding == "base64":
            return _base64(self.body)
        return self.body

    def text(self) -> str:
        """The body as text, HTML without its tags, at most MOST_TEXT characters."""
        text = _as_text(self.decoded()[: 4 * MOST_TEXT], self.parameter("charset"))[:MOST_TEXT]
        return _without_tags(text) if self.media_type == "text/html" else text

    def message(self) -> "Part":
        """The mail, or the headers of one, that this part encloses."""
        return parse_part(self.decoded().lstrip(b"\n"))


def parse(raw: bytes) -> Part:
    """A mail as it arrived, with CR, LF or CRLF, below blank lines or the `From ` line of an mbox or neither."""
    text = raw[:MOST_BYTES].replace(b"\r\n", b"\n").replace(b"\r", b"\n").lstrip(b" \t\n")
    if text.startswith((b"From ", b">From ")):
        line, _, text = text.partition(b"\n")
        if _NULL_SENDER.match(line):
            text = b"Return-Path: <>\n" + text
    return parse_part(text)


def parse_part(raw: bytes) -> Part:
    """Headers up to the first empty line, or up to the first line that cannot be one."""
    if raw.startswith(b"\n"):
        return Part((), raw[1:])
    lines: list[str] = []
    headers = position = 0
    while position < len(raw) and headers < MOST_HEADERS:
        end = raw.find(b"\n", position)
        line = raw[position : end if end >= 0 else len(raw)]
        if not line.strip():
            position = end + 1 if end >= 0 else len(raw)
            break
        text = _as_text(line[:8000], "")
        if lines and (text[:1] in (" ", "\t") or _is_lost_fold(lines[-1], text)):
            lines.append(" " + text)
        elif _FIELD.match(text):
            lines.append(text)
            headers += 1
        else:
            break
        position = end + 1 if end >= 0 else len(raw)
    return Part(tuple(fields("\n".join(lines))), raw[position:])


def _is_lost_fold(before: str, text: str) -> bool:
    """Some systems fold a header without indenting what follows; only a parameter is taken for that."""
    return before.rstrip().endswith(";") and _PARAMETER.match(text) is not None


def fields(text: str) -> Iterator[tuple[str, str]]:
    """The `Name: value` fields of a block, unfolded, names in lower case; lines that are none are passed over."""
    for line in re.split(r"\n(?![ \t])", text):
        match = _FIELD.match(line)
        if match:
            yield match[1].lower(), " ".join(match[2].split())


def walk(part: Part, depth: int = DEPTH) -> Iterator[Part]:
    """The part and what it contains, enclosed mails left closed, no deeper than `depth`."""
    yield part
    if depth:
        for child in part.parts():
            yield from walk(child, depth - 1)


def notice(message: Part) -> str:
    """What the mail says to a person: its first plain text, or its first HTML."""
    texts = [part for part in walk(message) if part.media_type in ("text/plain", "text/html")]
    plain = next((part for part in texts if part.media_type == "text/plain" and part.body.strip()), None)
    found = plain or next(iter(texts), None)
    return found.text() if found else ""


def _decoded(value: str) -> str:
    if "=?" not in value:
        return value
    try:
        return str(make_header(decode_header(value[:8000])))
    except (ValueError, LookupError, HeaderParseError):
        return value


def _base64(body: bytes) -> bytes:
    clean = re.sub(rb"[^A-Za-z0-9+/]", b"", body.partition(b"=")[0])
    try:
        return binascii.a2b_base64(clean[: len(clean) - (len(clean) % 4 == 1)] + b"=" * (-len(clean) % 4))
    except binascii.Error:
        return body


def _as_text(data: bytes, charset: str) -> str:
    """The text; where no charset is stated, Japanese in seven bits shows itself (RFC 1468)."""
    stated = charset.strip().lower() or ("iso-2022-jp" if _JAPANESE.search(data) else "")
    for name in (stated, "utf-8"):
        codec = _codec(name)
        if codec is None:
            continue
        try:
            text = data.decode(codec, "strict" if codec == "utf-8" else "replace")
        except (UnicodeError, ValueError):
            continue
        return _UNSTORABLE.sub("", text)
    return _UNSTORABLE.sub("", data.decode("latin-1"))


def _codec(name: str) -> str | None:
    """The codec for a charset, None when it is unknown, no text encoding, or one that takes for ever."""
    try:
        found = codecs.lookup(_ALIASES.get(name, name)).name if name else ""
    except (LookupError, ValueError):
        return None
    return found if found and found.replace("-", "_") not in _SLOW_CODECS else None


def _without_tags(text: str) -> str:
    return html.unescape(_TAG.sub(" ", _BREAKS.sub("\n", _TAGS.sub(" ", text))))
