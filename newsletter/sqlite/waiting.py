"""Who waits until they may write to a SQLite database says so, where whoever writes can see it.

SQLite keeps no queue, and tells nobody that somebody waits. So that is said by a lock on a file beside the database,
which all who wait share: the operating system lets go of it when its holder dies, and asking takes a microsecond.
"""

import fcntl
import os
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FORMAT = "hhqqi"  # struct flock of Linux: type, from where, start, length, process
_SET, _GET = (fcntl.F_OFD_SETLK, fcntl.F_OFD_GETLK) if sys.platform == "linux" else (-1, -1)
"""Locks that belong to a file that was opened, not to a process: its other connections wait for themselves."""


def file(database: Path) -> Path:
    """Where it is said of a database."""
    return database.with_name(f"{database.name}.waiting")


class Waiting:
    """Waits for the lock of a database, or asks whether others do. The file is opened when it is first needed."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._descriptor = -1

    @contextmanager
    def said(self) -> Iterator[None]:
        """Say for as long as the block runs that somebody waits."""
        self._ask(_SET, fcntl.F_RDLCK)
        try:
            yield
        finally:
            self._ask(_SET, fcntl.F_UNLCK)

    def is_said(self) -> bool:
        """Whether anybody but this one waits, in this process or another."""
        return self._ask(_GET, fcntl.F_WRLCK) != fcntl.F_UNLCK

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _ask(self, command: int, kind: int) -> int:
        """Ask the operating system something about the whole file; the kind of lock that it answers.

        Nothing is locked where that cannot be said: on another system, or beside somebody else's database. Whoever
        writes leaves gaps too; one waits longer for them.
        """
        try:
            if self._descriptor < 0:
                mode = self._database.stat().st_mode & 0o777  # as SQLite gives it to what it puts there
                self._descriptor = os.open(file(self._database), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, mode)
            answer = fcntl.fcntl(self._descriptor, command, struct.pack(_FORMAT, kind, os.SEEK_SET, 0, 0, 0))
        except OSError:
            return fcntl.F_UNLCK
        found: int = struct.unpack(_FORMAT, answer)[0]
        return found
