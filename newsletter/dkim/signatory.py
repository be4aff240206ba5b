"""Who makes signatures: threads where there are few, and for campaigns processes of their own.

Threads hand Python's lock to and fro, for each signature and for each reply of a relay meanwhile: a campaign signed by
them took a sixth longer.
"""

import asyncio
import os
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from typing import Self

import structlog

from newsletter.dkim import process
from newsletter.dkim.keys import Key

log = structlog.get_logger(__name__)

Wanted = tuple[int, bytes]
"""The place of a key among those of the signatory, and the hash that it is to sign."""

_FEW = 8
"""So many signatures are made in a thread while no process runs: it would take a fifth of a second to begin."""

_AHEAD = 2
"""Questions for each process: it has the next one when it has answered one."""

_MOST = 4
"""Processes, however many cores there are: they sign more than one sender can offer."""

_PATIENCE_SECONDS = 5.0


class Signatory:
    """Makes signatures by `keys`. Close it, for it may have processes."""

    def __init__(self, keys: Sequence[Key]) -> None:
        self._keys = tuple(keys)
        self._processes: list[_Process] = []
        self._starting = asyncio.Lock()
        self._most = min(os.cpu_count() or 1, _MOST)
        self._turns = asyncio.Semaphore(self._most * _AHEAD)

    async def sign(self, wanted: Sequence[Wanted]) -> list[bytes]:
        """The signatures that are wanted, in their order."""
        if len(wanted) > _FEW or self._processes:
            try:
                await self._start()
                async with self._turns:
                    if self._processes:  # not so where one has died meanwhile
                        return await min(self._processes, key=lambda one: one.asked).sign(wanted)
            except OSError as error:
                await self._do_without(error)
        return await asyncio.to_thread(self._sign, wanted)

    async def close(self) -> None:
        """End the processes."""
        ended, self._processes = self._processes, []
        for one in ended:
            await one.close()

    def _sign(self, wanted: Sequence[Wanted]) -> list[bytes]:
        return [self._keys[place].sign(digest) for place, digest in wanted]

    async def _start(self) -> None:
        async with self._starting:
            while len(self._processes) < self._most:
                self._processes.append(await _Process.start(self._keys))

    async def _do_without(self, error: OSError) -> None:
        """Leave it to threads from now on, since processes cannot be had, or one has died."""
        if self._most:
            self._most = 0
            log.warning("signing in threads from now on", reason=str(error))
            await self.close()


class _Process:
    """One process, and the questions that it has not answered yet."""

    def __init__(
        self, child: "subprocess.Popen[bytes]", reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._child, self._reader, self._writer = child, reader, writer
        self._waiting: deque[asyncio.Future[bytes]] = deque()
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def start(cls, keys: Sequence[Key]) -> Self:
        """Begin one. Raises OSError."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                child = _begun(theirs.fileno())
            except OSError:
                ours.close()
                raise
        reader, writer = await asyncio.open_connection(sock=ours)
        writer.write(process.KEYS.pack(len(keys)) + process.sized([key.private for key in keys]))
        return cls(child, reader, writer)

    @property
    def asked(self) -> int:
        """How many questions it has."""
        return len(self._waiting)

    async def sign(self, wanted: Sequence[Wanted]) -> list[bytes]:
        """The signatures that are wanted. Raises OSError where it has died."""
        if self._listening.done():
            raise _died()
        answer = asyncio.get_running_loop().create_future()
        self._waiting.append(answer)
        self._writer.write(process.question(wanted))
        return process.signatures(await answer)

    async def close(self) -> None:
        """Have it end, and see that it does."""
        self._writer.close()
        await self._listening
        try:
            await asyncio.to_thread(self._child.wait, _PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    async def _listen(self) -> None:
        """Give each answer to who asked; who asked and was cancelled leaves theirs to nobody."""
        try:
            while True:
                (length,) = process.ANSWER.unpack(await self._reader.readexactly(process.ANSWER.size))
                answer = await self._reader.readexactly(length)
                waiting = self._waiting.popleft()
                if not waiting.done():
                    waiting.set_result(answer)
        except (asyncio.IncompleteReadError, OSError):
            for waiting in self._waiting:
                if not waiting.done():
                    waiting.set_exception(_died())


def _died() -> OSError:
    return ChildProcessError("a process that signs has ended")


def _begun(end: int) -> "subprocess.Popen[bytes]":
    """The process, which hears and speaks at this end of a socket. Raises OSError."""
    return subprocess.Popen(  # noqa: S603 - a module of our own
        [sys.executable, "-m", process.__name__],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdin=end,
        stdout=end,
    )
