"""The files that a mail is made of, and whether they are still what they were."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from newsletter import assets
from newsletter.campaigns.store import Campaign
from newsletter.settings import Settings


def stamp(settings: Settings, campaign: Campaign) -> str:
    """Something that is another as soon as one of the files is; a hundred of them take a millisecond."""
    digest = hashlib.blake2b(digest_size=12)
    for file in _files(settings, campaign):
        try:
            found = file.stat()
        except OSError:  # gone since it was listed
            continue
        digest.update(f"{file}\0{found.st_mtime_ns}\0{found.st_size}\0".encode())
    return digest.hexdigest()


def _files(settings: Settings, campaign: Campaign) -> Iterator[Path]:
    for folder in (settings.templates, assets.TEMPLATES):
        if folder is not None:
            yield from sorted((folder / "mail").glob("*/*"))
    if campaign.source:
        yield from sorted(_beside(Path(campaign.source)))


def _beside(source: Path) -> Iterator[Path]:
    """The file, its translations, and pictures, in folders too; not the database, which may lie there and changes."""
    kinds = {source.suffix.lower(), *_PICTURES}
    for pattern in ("*", "*/*"):
        yield from (file for file in source.parent.glob(pattern) if file.suffix.lower() in kinds)


_PICTURES = (".gif", ".jpeg", ".jpg", ".png", ".webp")
