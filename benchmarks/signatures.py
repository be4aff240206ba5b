"""What a mail's signature costs this machine, whoever sends it."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

_EACH = 2_000


def rate() -> float:
    """RSA-2048 signatures a second, by every core of the machine and with nothing else to do."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    padding, hashed = PKCS1v15(), Prehashed(SHA256())

    def sign(_: int) -> None:
        for _ in range(_EACH):
            key.sign(b"h" * 32, padding, hashed)

    cores = os.cpu_count() or 1
    begun = time.perf_counter()
    with ThreadPoolExecutor(cores) as threads:
        list(threads.map(sign, range(cores)))
    return cores * _EACH / (time.perf_counter() - begun)
