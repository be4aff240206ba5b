"""Text as the bytes of a mail: quoted-printable bodies (RFC 2045 6.7) and header fields (RFC 5322, 2047).

Bodies come out in the form to which DKIM's relaxed canonicalisation would bring them (RFC 6376 3.4.4): tabs, and spaces
that follow a space, are escaped. So a body can be hashed as it is, and relays that tidy white space break nothing.
"""

import binascii
import re

WIDTH = 75
"""The longest row of quoted-printable, its soft break's "=" aside: with it a row reaches 76, the limit of RFC 2045."""

SOFT_BREAK = b"=\r\n"

_UNSAFE = re.compile(rb"[^ -<>-~]|(?<= ) ")
_SAFE = re.compile(rb"[!-\-/-<>-EG-~][!-<>-~]*(?: [!-<>-~]+)*")  # needs no escape, begins with no "." and no "F"
_GUARDED = (b".", b"From ")  # a dot would have to be stuffed (RFC 5321 4.5.2); mbox files turn "From " into ">From "
_GUARDED_BYTES = b".F"


def body(text: str, *, before_slot: bool) -> bytes:
    """Quoted-printable of shared text that begins at a line's start.

    Where a slot follows, it ends at a line's start again, so that a value can be written as rows of its own.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    rows = [SOFT_BREAK.join(_rows(_escaped(line.encode()))) for line in lines]
    end = SOFT_BREAK if before_slot and rows[-1] else b""
    return b"\r\n".join(rows) + end


def value(text: str) -> bytes:
    """Quoted-printable of one value without line breaks, as complete rows: each ends in a soft break."""
    raw = text.encode()
    if _SAFE.fullmatch(raw):
        if len(raw) <= WIDTH:
            return raw + SOFT_BREAK
        if len(raw) <= 2 * WIDTH and raw[WIDTH] not in _GUARDED_BYTES:  # most links
            return raw[:WIDTH] + SOFT_BREAK + raw[WIDTH:] + SOFT_BREAK
    if len(raw) * 3 <= WIDTH and raw[:1] not in (b"", b".", b"F") and b"  " not in raw and b"\t" not in raw:
        return binascii.b2a_qp(raw) + SOFT_BREAK  # one row whatever it holds, and made in C
    return SOFT_BREAK.join(_rows(_UNSAFE.sub(_hex, raw))) + SOFT_BREAK if raw else b""


def word(text: str) -> bytes:
    """What `value` makes of letters, digits, ".", "_" and "-" in ASCII, of which the first is a letter or a digit."""
    raw = text.encode()
    return raw + SOFT_BREAK if len(raw) <= WIDTH else value(text)


def header(field: str, text: str) -> bytes:
    """One unstructured header field, folded, in encoded words where it has to be."""
    return field.encode() + b": " + _folded(squeezed(one_line(text)), len(field) + 2) + b"\r\n"


def phrase(text: str) -> bytes:
    """A display name (RFC 5322 3.2.5): as it is, quoted, or as encoded words; b"" for none."""
    if _ATOMS.fullmatch(text):
        return text.encode()
    name = " ".join(one_line(text).split())
    if not name or _ATOMS.fullmatch(name):
        return name.encode()
    if len(name) <= 60 and name.isascii() and "=?" not in name:
        return b'"' + name.replace("\\", "\\\\").replace('"', '\\"').encode() + b'"'
    return _words(name)


_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/^_`{|}~-]+){0,8}", re.ASCII)

_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_BLANK = re.compile(r"[^\S\u00a0\u202f]+")
_REORDERING = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
_SURROGATES = re.compile(r"[\ud800-\udfff]")


def squeezed(text: str) -> str:
    """The text with one space for each stretch of white space, and none around it.

    No-break spaces stay: French has them before its ? ! ; and :.
    """
    return _BLANK.sub(" ", text).strip()


def one_line(text: str) -> str:
    """The text without anything that could begin a new line, or reorder the text around it.

    Control characters become spaces, so no value can add a header; directional overrides go, so none can turn the
    words after it around; half a surrogate pair, which has no UTF-8, becomes U+FFFD.
    """
    if text.isprintable():
        return text
    return _SURROGATES.sub("\ufffd", _REORDERING.sub("", _BREAKS.sub(" ", text)))


def _escaped(line: bytes) -> bytes:
    line = _UNSAFE.sub(_hex, line)
    if line[-1:] == b" ":  # relays strip white space at a line's end
        line = line[:-1] + _HEX[line[-1]]
    return line


_HEX = [f"={number:02X}".encode() for number in range(256)]


def _hex(match: re.Match[bytes]) -> bytes:
    return _HEX[match[0][0]]


def _rows(line: bytes) -> list[bytes]:
    """Cut an encoded line into rows of at most WIDTH, never inside an =XX."""
    rows = []
    start, length = 0, len(line)
    while start < length:
        guarded = line.startswith(_GUARDED, start)
        end = min(start + (WIDTH - 2 if guarded else WIDTH), length)
        if end < length:
            end -= line[end - 1] == 0x3D or 2 * (line[end - 2] == 0x3D)
        rows.append(_HEX[line[start]] + line[start + 1 : end] if guarded else line[start:end])
        start = end
    return rows or [b""]


def _folded(text: str, used: int) -> bytes:
    plain = text.isascii() and "=?" not in text
    if plain and used + len(text) < 77:
        return text.encode()
    if not plain or any(len(word) > 70 for word in text.split(" ")):
        return _words(text)
    lines, width = [""], used
    for word in text.split(" "):
        if lines[-1] and width + len(word) >= 77:
            lines.append(word)
            width = len(word) + 1
        else:
            lines[-1] += f" {word}" if lines[-1] else word
            width += len(word) + 1
    return "\r\n ".join(lines).encode()


def _words(text: str) -> bytes:
    """Encoded words (RFC 2047 2): at most 75 characters each, no character cut in two."""
    raw = text.encode()
    words = []
    start, length = 0, len(raw)
    while start < length:
        end = min(start + 42, length)
        while end < length and raw[end] & 0xC0 == 0x80:
            end -= 1
        words.append(b"=?utf-8?b?" + binascii.b2a_base64(raw[start:end], newline=False) + b"?=")
        start = end
    return b"\r\n ".join(words)
