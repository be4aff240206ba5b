"""Private keys in files: made, and read into what signs.

With `private`, what loads the library for it, which takes 8 MB: nobody has it who does not sign.
"""

import base64
import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from newsletter.dkim.keys import Algorithm, DkimError, Key
from newsletter.dkim.private import PrivateKey, signing, stored
from newsletter.setting_tables import Dkim

_LEAST_BITS = 2048  # RFC 8301 section 3.2 says SHOULD; nothing weaker is worth publishing today


def make(algorithm: Algorithm, file: Path) -> None:
    """Write a fresh private key into a file that only we may read. Raises DkimError, also where something stands."""
    private: PrivateKey
    private = generate_private_key(65537, _LEAST_BITS) if algorithm is Algorithm.RSA else Ed25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:  # a FileExistsError, where it is no folder
        raise DkimError(f"{file.parent}: there can be no folder for the key: {error.strerror}") from error
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise DkimError(f"{file}: {_taken(file)}") from error
    except OSError as error:
        raise DkimError(f"{file}: the key cannot be written: {error.strerror}") from error
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(pem)


def _taken(file: Path) -> str:
    """What stands where a key was to be written, and what to do instead."""
    if file.is_dir():
        return "this is a folder; name a file in it"
    try:
        is_key = b" PRIVATE KEY-----" in file.read_bytes()
    except OSError:
        is_key = False
    what = "there is a key already" if is_key else "there is a file already, which is no key"
    return f"{what}; choose another selector, or another file"


def load(configured: Dkim) -> Key:
    """The key of a table in the settings. Raises DkimError, which names its file."""
    file = configured.key_file
    try:
        private = load_pem_private_key(file.read_bytes(), password=None)
    except OSError as error:
        raise DkimError(f"{file}: {error.strerror or error}; `newsletter dkim make` makes a key") from error
    except (ValueError, TypeError) as error:  # a TypeError: it is encrypted
        raise DkimError(f"{file}: there is no private key in PEM form without a password in it") from error
    named = configured.domain, configured.selector, configured.signs_from
    match private:
        case RSAPrivateKey() if private.key_size < _LEAST_BITS:
            raise DkimError(f"{file}: an RSA key of {private.key_size} bits is too weak; make one of {_LEAST_BITS}")
        case RSAPrivateKey():
            public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            return Key(*named, Algorithm.RSA, _base64(public), signing(private), stored(private))
        case Ed25519PrivateKey():  # RFC 8463 sections 3 and 4: it signs the hash itself, and is its bare 32 bytes
            public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
            return Key(*named, Algorithm.ED25519, _base64(public), signing(private), stored(private))
        case _:
            raise DkimError(f"{file}: DKIM signs with RSA and Ed25519, and this key is neither")


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
