"""Where mail that comes back lies: a Maildir that a mail server fills, an mbox, or single files."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from webhooks.account import MailboxError
from webhooks.reports import mime

_CHUNK = 1 << 16


class Source(Protocol):
    """Where returned mail waits until it is stored."""

    def waiting(self) -> Iterator[tuple[str, bytes]]:
        """Each message by its key, up to what a report is read of; given again until it is `done`."""

    def done(self, key: str) -> None:
        """Take a message that is stored out of the way."""


@dataclass(frozen=True, slots=True)
class Maildir:
    """A Maildir (https://cr.yp.to/proto/maildir.html): what has arrived stands in new/ until it is `done`."""

    path: Path
    stuck: set[str] = field(default_factory=set)
    """Keys of messages that are stored, and could not be moved."""

    def waiting(self) -> Iterator[tuple[str, bytes]]:
        """Each message in new/, oldest first: its key, and its bytes up to what a report is read of.

        Nothing moves: whoever stores a message calls `done` with its key afterwards, and until then it is given
        again. One that could not be moved then is not given any more, but moved as soon as that can be. Raises
        MailboxError where there is no Maildir, and in the end where a message could not be read, or not be moved
        still: the others do not wait for it.
        """
        try:
            keys = sorted(entry.name for entry in os.scandir(self.path / "new") if not entry.name.startswith("."))
        except OSError as error:
            raise MailboxError(f"{self.path}: this is no Maildir that can be read: {error.strerror}") from error
        self.stuck.intersection_update(keys)
        unread: OSError | None = None
        unmoved: MailboxError | None = None
        for key in keys:
            if key in self.stuck:
                try:
                    self.done(key)
                except MailboxError as error:
                    unmoved = error
                continue
            try:
                raw = _read(self.path / "new" / key)
            except (FileNotFoundError, IsADirectoryError):  # another reader was quicker, or a folder
                continue
            except OSError as error:
                unread = unread or error
                continue
            yield key, raw
        if unread is not None:
            raise MailboxError(f"{unread.filename}: this mail cannot be read: {unread.strerror}") from unread
        if unmoved is not None:
            raise unmoved

    def done(self, key: str) -> None:
        """Move a message that is stored to cur/, flagged as seen; nothing happens when it has moved already.

        Raises MailboxError where it cannot be moved.
        """
        name = Path(key).name
        try:
            (self.path / "cur").mkdir(exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                (self.path / "new" / name).rename(self.path / "cur" / f"{name.partition(':')[0]}:2,S")
        except OSError as error:
            self.stuck.add(name)
            said = f"{self.path}: mails are taken in, and cannot be moved from new/ to cur/: {error.strerror}"
            raise MailboxError(said) from error
        self.stuck.discard(name)


def maildir(path: Path) -> Maildir:
    """The Maildir at this path."""
    return Maildir(path)


def each(path: Path) -> Iterator[tuple[str, bytes]]:
    """Every mail at a path and its name: of a Maildir, new and seen; of an mbox, numbered; or of the one file it is.

    Any other folder is its files, each a mail or an mbox. Raises MailboxError when something cannot be read.
    """
    try:
        if (path / "new").is_dir():
            yield from _in_maildir(path)
        elif path.is_dir():
            for file in _files(path):
                yield from _file(file)
        else:
            yield from _file(path)
    except OSError as error:
        raise MailboxError(f"{error.filename or path}: this cannot be read: {error.strerror}") from error


def _in_maildir(path: Path) -> Iterator[tuple[str, bytes]]:
    """Each mail once. One that has moved since it was listed, to cur/ or for a flag, is read where it is then."""
    read: set[str] = set()
    is_moved = True
    while is_moved:
        is_moved = False
        for file in (*_files(path / "new"), *_files(path / "cur")):
            key = file.name.partition(":")[0]
            if key in read:
                continue
            try:
                raw = _read(file)
            except FileNotFoundError:
                is_moved = True
                continue
            read.add(key)
            yield str(file), raw


def mbox(path: Path) -> Iterator[bytes]:
    """The mails of an mbox, whichever way it quotes `From `, in constant memory whatever its size (RFC 4155)."""
    lines: list[bytes] = []
    size, blank, started = 0, True, False
    for line in _lines(path):
        if blank and line.startswith(b"From "):
            if started:
                yield b"".join(lines)
            lines, size, started, blank = [], 0, True, False
            continue
        if started and size < mime.MOST_BYTES:
            lines.append(line[1:] if line.lstrip(b">").startswith(b"From ") and line.startswith(b">") else line)
            size += len(line)
        blank = line in (b"\n", b"\r\n")
    if started:
        yield b"".join(lines)


def _files(folder: Path) -> list[Path]:
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return [file for file in found if file.is_file() and not file.name.startswith(".")]


def _file(path: Path) -> Iterator[tuple[str, bytes]]:
    if _is_mbox(path):
        yield from ((f"{path}:{number}", raw) for number, raw in enumerate(mbox(path), start=1))
    else:
        yield str(path), _read(path)


def _is_mbox(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(5) == b"From "


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(mime.MOST_BYTES)


def _lines(path: Path) -> Iterator[bytes]:
    """Lines, of which one may be longer than memory: then its pieces follow each other."""
    with path.open("rb") as file:
        while line := file.readline(_CHUNK):
            yield line
