"""Pictures beside a Markdown file, made ready for mail: upright, no wider than is seen, without the camera's notes."""

import hashlib
import io
import warnings
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from newsletter.content.letters import Picture

SHOWN = 544
"""How wide a mail's column is, in CSS pixels."""

WIDEST = 2 * SHOWN
"""How wide a picture is kept, so that it is sharp on a phone's screen."""

_QUALITY = 82
_LARGEST_MOVING = 1_000_000


class NoPicture(ValueError):
    """A file is no picture that mails can show; the text says why."""


def prepare(file: Path) -> Picture:
    """The picture of a file (JPEG, PNG, GIF, WebP). Raises NoPicture, and OSError where it cannot be read."""
    original = file.read_bytes()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(original), formats=("JPEG", "PNG", "GIF", "WEBP")) as opened:
                return _prepared(opened, original)
    except UnidentifiedImageError as error:
        raise NoPicture("is no picture in JPEG, PNG, GIF or WebP") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise NoPicture("has far more pixels than a mail can show") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise NoPicture(f"cannot be read as a picture ({error})") from error


def _prepared(opened: Image.Image, original: bytes) -> Picture:
    if getattr(opened, "is_animated", False):
        return _moving(opened, original)
    picture = ImageOps.exif_transpose(opened)
    if picture.width > WIDEST:
        height = max(1, round(picture.height * WIDEST / picture.width))
        has_own_colours = picture.mode == "P"
        picture = (picture.convert("RGBA") if has_own_colours else picture).resize(
            (WIDEST, height), Image.Resampling.LANCZOS
        )
    made = io.BytesIO()
    if opened.format == "PNG" or picture.has_transparency_data:
        kept = picture if picture.mode in ("1", "L", "LA", "P", "RGB", "RGBA") else picture.convert("RGBA")
        kept.save(made, "PNG", optimize=True)
        return _named(made.getvalue(), "png", picture)
    picture.convert("RGB").save(made, "JPEG", quality=_QUALITY, optimize=True, progressive=True)
    return _named(made.getvalue(), "jpeg", picture)


def _moving(opened: Image.Image, original: bytes) -> Picture:
    if opened.format != "GIF" or len(original) > _LARGEST_MOVING:
        raise NoPicture(f"moves; mails show moving pictures as GIFs of up to {_LARGEST_MOVING // 1_000_000} MB only")
    return _named(original, "gif", opened)


def _named(content: bytes, kind: str, picture: Image.Image) -> Picture:
    digest = hashlib.sha256(content).hexdigest()[:32]
    return Picture(f"{digest}.{kind}", f"image/{kind}", picture.width, picture.height, content)
