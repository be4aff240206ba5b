"""Every kind of mail as a reader sees it: on a phone and on a desktop, by day and by night, as pictures to look at."""

import asyncio
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from itertools import product
from pathlib import Path

from PIL import Image

from newsletter.content import compiler, photographs, samples
from newsletter.content.facts import TRANSACTIONAL, Facets
from newsletter.content.headers import Envelope

WIDTHS = (360, 700)
"""A phone, and a mail program's window, in CSS pixels."""

_SEEN_AT = datetime(2031, 9, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Picture:
    """One view of a kind, and the file it is in."""

    kind: str
    width: int
    dark: bool
    file: Path


async def hang(kinds: Sequence[str], folder: Path, templates: Path | None = None) -> list[Picture]:
    """Take all views of these kinds into a folder, which is made, with an index.html. Raises ContentError."""
    mails = {kind: html(kind, templates) for kind in kinds}
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    pictures = []
    async with photographs.camera() as camera:
        for kind, width, dark in product(kinds, WIDTHS, (False, True)):
            picture = Picture(kind, width, dark, folder / f"{kind}-{width}-{'dark' if dark else 'light'}.png")
            taken = await camera.take(mails[kind], width=width, dark=dark)
            await asyncio.to_thread(_save, taken, picture.file)
            pictures.append(picture)
    (folder / "index.html").write_text(_index(pictures), encoding="utf-8")
    return pictures


def html(kind: str, templates: Path | None = None) -> str:
    """The HTML of a kind for a made-up reader, about a made-up event."""
    campaign = "" if kind in TRANSACTIONAL else "sample"
    envelope = Envelope.of(samples.CONSTELLATION, date=_SEEN_AT, campaign=campaign)
    facets = Facets(timezone="America/Los_Angeles", named=True)
    skeleton = compiler.compile(kind, samples.facts(kind)[0], facets, envelope=envelope, templates=templates)
    return skeleton.html(samples.VALUES)


def sheet(pictures: Sequence[Picture], file: Path) -> None:
    """One picture of many at half their size, a row for each kind and the upper part of each view: for documents."""
    rows = [[one for one in pictures if one.kind == kind] for kind in dict.fromkeys(one.kind for one in pictures)]
    wide = max(sum(one.width + _GAP for one in row) for row in rows) + _GAP
    paper = Image.new("RGB", (wide, (_UPPER + _GAP) * len(rows) + _GAP), _WALL)
    for number, row in enumerate(rows):
        left = _GAP
        for one in row:
            with Image.open(one.file) as view:
                upper = view.convert("RGB").crop((0, 0, one.width, min(_UPPER, view.height)))
            paper.paste(upper, (left, _GAP + number * (_UPPER + _GAP)))
            left += one.width + _GAP
    half = paper.resize((paper.width // 2, paper.height // 2), Image.Resampling.LANCZOS)
    file.parent.mkdir(parents=True, exist_ok=True)
    half.quantize(128).save(file, "PNG", optimize=True)


_UPPER, _GAP, _WALL = 900, 24, (214, 210, 220)
"""How much of each view a sheet shows, what is left between them, in pixels, and the colour behind."""


def _save(png: bytes, file: Path) -> None:
    with Image.open(io.BytesIO(png)) as view:
        view.convert("RGB").quantize(256).save(file, optimize=True)


def _index(pictures: Sequence[Picture]) -> str:
    rows = []
    for kind in dict.fromkeys(picture.kind for picture in pictures):
        views = "".join(
            f'<img src="{escape(one.file.name)}" width="{one.width}" alt="{escape(kind)}, {one.width} pixels wide,'
            f' {"by night" if one.dark else "by day"}">'
            for one in pictures
            if one.kind == kind
        )
        rows.append(f"<h2>{escape(kind)}</h2><div>{views}</div>")
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>The mails</title><style>'
        "body{font:16px/1.5 system-ui,sans-serif;margin:2rem;background:#e6e3ea;color:#1d1b24}"
        "div{display:flex;gap:1.5rem;align-items:start;overflow-x:auto}</style><h1>The mails</h1>"
        + "".join(rows)
        + "</html>\n"
    )
