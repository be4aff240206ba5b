"""What is made of a server's certificate: it is checked, or any is taken. The contexts are made at first use."""

import ssl
from functools import cache
from pathlib import Path


@cache
def checking(ca_file: Path | None) -> ssl.SSLContext:
    """One for all connections: reading the machine's certificates takes 20 ms, in which nothing else runs.

    Raises OSError for a `ca_file` without certificates.
    """
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise OSError(f"{ca_file}: no certificates can be read from this file") from error


@cache
def trusting() -> ssl.SSLContext:
    """What takes any certificate, and so has read none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
