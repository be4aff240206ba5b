"""HMAC-SHA256 by a key that signs again and again: what a mail's links and its envelope are signed by."""

import hashlib

_BLOCK = 64  # bytes that SHA-256 takes at a time
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))


class Keyed:
    """Both hashes of an HMAC (RFC 2104 section 2), each begun with its half of the key once and for all.

    `hmac` begins them anew for each message, or copies them in Python: two or three times as long as a signature takes.
    """

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        block = (key if len(key) <= _BLOCK else hashlib.sha256(key).digest()).ljust(_BLOCK, b"\0")
        self._inner, self._outer = hashlib.sha256(block.translate(_INNER)), hashlib.sha256(block.translate(_OUTER))

    def sign(self, message: bytes) -> bytes:
        """The signature, of 32 bytes."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer.digest()
