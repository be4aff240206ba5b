"""Private keys, and how each kind signs a hash.

With `files`, what loads the library for it, which takes 8 MB: nobody has it who does not sign.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

PrivateKey: TypeAlias = RSAPrivateKey | Ed25519PrivateKey


def signing(private: PrivateKey) -> Callable[[bytes], bytes]:
    """What signs a SHA-256 hash (RFC 6376 section 3.3.1); Ed25519 signs it as any message (RFC 8463 section 3)."""
    if isinstance(private, Ed25519PrivateKey):
        return private.sign
    return partial(private.sign, padding=PKCS1v15(), algorithm=Prehashed(SHA256()))


def stored(private: PrivateKey) -> bytes:
    """The key itself, to be handed to a process of our own: PKCS #8 in DER."""
    return private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def restored(der: bytes) -> PrivateKey:
    """The key of `stored`."""
    private = load_der_private_key(der, password=None)
    assert isinstance(private, RSAPrivateKey | Ed25519PrivateKey)  # noqa: S101 - we wrote it
    return private
