"""A process that signs: hashes come in on stdin, signatures go out on stdout, until stdin is closed.

`signatory` starts it and speaks to it, in this form, numbers in network order:

    once      number of keys (1 byte); of each its length (2 bytes) and itself, PKCS #8 in DER
    question  number of hashes (2 bytes); of each the place of its key (1 byte) and itself (32 bytes)
    answer    how many bytes follow (4 bytes); of each signature its length (2 bytes) and itself

Whoever stops a service stops all of its processes at once. This one goes by its stdin alone, so that what is on its way
is signed before its parent ends, and it ends with that parent, however it dies.
"""

import os
import signal
import struct
import sys
from collections.abc import Callable, Sequence
from typing import BinaryIO

KEYS = struct.Struct(">B")
HASHES = struct.Struct(">H")
HASH = struct.Struct(">B32s")
ANSWER = struct.Struct(">I")
LENGTH = struct.Struct(">H")


def question(wanted: Sequence[tuple[int, bytes]]) -> bytes:
    """The places of keys, and the hash that each is to sign."""
    return HASHES.pack(len(wanted)) + b"".join([HASH.pack(*one) for one in wanted])


def signatures(answer: bytes) -> list[bytes]:
    """Those of an answer, without the four bytes in front."""
    found, start = [], 0
    while start < len(answer):
        (length,) = LENGTH.unpack_from(answer, start)
        start += LENGTH.size + length
        found.append(answer[start - length : start])
    return found


def sized(parts: Sequence[bytes]) -> bytes:
    """Keys or signatures, each behind its length."""
    return b"".join([LENGTH.pack(len(part)) + part for part in parts])


def main(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer every question."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sign = _keys(source)
    while head := source.read(HASHES.size):
        (count,) = HASHES.unpack(head)
        wanted = HASH.iter_unpack(source.read(count * HASH.size))
        answer = sized([sign[place](digest) for place, digest in wanted])
        sink.write(ANSWER.pack(len(answer)) + answer)
        sink.flush()


def _keys(source: BinaryIO) -> list[Callable[[bytes], bytes]]:
    from newsletter.dkim import private  # who only asks does not load it

    (count,) = KEYS.unpack(source.read(KEYS.size))
    ders = [source.read(*LENGTH.unpack(source.read(LENGTH.size))) for _ in range(count)]
    return [private.signing(private.restored(der)) for der in ders]


if __name__ == "__main__":
    try:
        main(sys.stdin.buffer, sys.stdout.buffer)
    except ConnectionError:  # who asked has gone in the middle
        os._exit(0)  # and not even what stands in stdout's buffer is for anybody
