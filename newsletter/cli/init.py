"""`newsletter init`: a new folder's settings, with secrets of its own, and a constellation to begin from."""

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from newsletter import assets, keyring
from newsletter.cli import edge, grouping
from newsletter.errors import NewsletterError

app = grouping.alone()

_SECRETS = ("@SIGNING_KEY@", "@HASH_KEY@")
_PRIVATE, _SHARED = 0o600, 0o644


class CannotBegin(NewsletterError):
    """The folder cannot take the new files, or has one of them already; nothing was written."""


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write to; made if need be.")] = Path(),
) -> None:
    """Write fresh settings and a sample constellation.

    Files that exist are never overwritten.

    Example: newsletter init my-festival
    """
    samples = assets.TEMPLATES / "init"
    settings = _with_fresh_secrets((samples / "newsletter.toml").read_text("utf-8"))
    constellation = (samples / "constellation.toml").read_text("utf-8")
    _write(folder, {"newsletter.toml": (settings, _PRIVATE), "constellation.toml": (constellation, _SHARED)})

    edge.say(f"{folder / 'newsletter.toml'}: every setting, and fresh secrets that only you can read.")
    edge.say(f"{folder / 'constellation.toml'}: a sample series of events, to make your own.")
    edge.say("  (Its season was spring 2021: mails of the past are skipped, so give the events dates of yours,")
    edge.say("  and the series a slug of yours before you load it: a database keeps to one.)")
    edge.say()
    edge.say("Next:")
    if folder != Path():
        edge.say(f"  cd {folder}")
    edge.say("  newsletter db upgrade")
    edge.say("  newsletter constellation load constellation.toml")
    edge.say("  newsletter serve")


def _with_fresh_secrets(text: str) -> str:
    for place in _SECRETS:
        text = text.replace(place, keyring.fresh())
    return text


def _write(folder: Path, files: dict[str, tuple[str, int]]) -> None:
    """Write every file or none."""
    if existing := next((folder / name for name in files if os.path.lexists(folder / name)), None):
        raise CannotBegin(f"{existing} exists already, and is left as it is; name another folder, or move it away")
    if folder.exists() and not folder.is_dir():
        raise CannotBegin(f"{folder} is a file, and is left as it is; name a folder")
    with ExitStack() as undo:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, (text, mode) in files.items():
                _create(folder / name, text, mode, undo)
        except OSError as error:
            raise CannotBegin(f"{error.filename or folder}: {error.strerror}") from error
        undo.pop_all()


def _create(path: Path, text: str, mode: int, undo: ExitStack) -> None:
    # created with its mode, the file is nobody else's at any moment; O_EXCL spares one that has just appeared
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    undo.callback(path.unlink, missing_ok=True)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
