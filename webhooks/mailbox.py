"""Where returned mail waits: a Maildir that a mail server delivers into, and files that a person names."""

import mailbox
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from webhooks.errors import WebhookError


class NoMailbox(WebhookError):
    """The folder is no Maildir, or the file cannot be read."""


@dataclass(frozen=True, slots=True)
class Maildir:
    """A Maildir's new messages. One leaves `new/` only when `done` says that it is stored."""

    path: Path

    def keys(self) -> list[str]:
        """The names of the new messages, oldest first. Raises NoMailbox."""
        new = self.path / "new"
        if not new.is_dir() or not (self.path / "cur").is_dir():
            raise NoMailbox(f"{self.path}: not a Maildir; it has no new/ and cur/ (maildirmake makes them)")
        return sorted(file.name for file in new.iterdir() if file.is_file() and not file.name.startswith("."))

    def get(self, key: str) -> bytes:
        """One new message. Raises NoMailbox when it is not there any more."""
        try:
            return (self.path / "new" / key).read_bytes()
        except OSError as error:
            raise NoMailbox(f"{self.path / 'new' / key}: {error.strerror}") from error

    def done(self, key: str) -> None:
        """Move a message to `cur/`, marked as seen: it stays there for people to read."""
        (self.path / "new" / key).rename(self.path / "cur" / f"{key}:2,S")


def messages(path: Path) -> Iterator[tuple[str, bytes]]:
    """The messages of a file (one message, or an mbox) or of a Maildir, each with the name to show for it.

    Raises NoMailbox.
    """
    try:
        if path.is_dir():
            yield from _in_maildir(path)
        elif _is_mbox(path):
            yield from _in_mbox(path)
        else:
            yield str(path), path.read_bytes()
    except OSError as error:
        raise NoMailbox(f"{path}: {error.strerror or error}") from error


def _is_mbox(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(5) == b"From "


def _in_mbox(path: Path) -> Iterator[tuple[str, bytes]]:
    with closing(mailbox.mbox(path, create=False)) as box:
        for number, key in enumerate(box.iterkeys(), 1):
            yield f"{path}#{number}", box.get_bytes(key)


def _in_maildir(path: Path) -> Iterator[tuple[str, bytes]]:
    folders = [path / name for name in ("new", "cur")]
    if not all(folder.is_dir() for folder in folders):
        raise NoMailbox(f"{path}: neither a message, an mbox nor a Maildir")
    for file in sorted(file for folder in folders for file in folder.iterdir() if file.is_file()):
        yield str(file), file.read_bytes()
