"""Pictures that travel in the mail beside its HTML, which names them as `cid:NAME` (RFC 2387, 2392)."""

import base64
from collections.abc import Sequence

from newsletter.content.letters import Picture


def opening(boundary: bytes) -> bytes:
    """What follows the boundary of the alternatives, up to where the HTML's own headers begin."""
    inner = _inner(boundary)
    return b'\r\nContent-Type: multipart/related; type="text/html";\r\n boundary="' + inner + b'"\r\n\r\n--' + inner


def closing(pictures: Sequence[Picture], boundary: bytes) -> bytes:
    """What follows the HTML: the pictures, and the end of them."""
    inner = _inner(boundary)
    return b"".join([*(_part(picture, inner) for picture in pictures), b"\r\n--" + inner + b"--\r\n"])


def _inner(boundary: bytes) -> bytes:
    return boundary + b"-related"


def _part(picture: Picture, boundary: bytes) -> bytes:
    headers = (
        f"Content-Type: {picture.media_type}\r\n"
        "Content-Transfer-Encoding: base64\r\n"
        f"Content-ID: <{picture.name}>\r\n"
        f'Content-Disposition: inline; filename="{picture.name}"\r\n\r\n'
    )
    lines = base64.encodebytes(picture.content).replace(b"\n", b"\r\n").rstrip()
    return b"\r\n--" + boundary + b"\r\n" + headers.encode() + lines
