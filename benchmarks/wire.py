"""The other end of the wire, and the usual yardstick for it: Postfix's smtp-sink and smtp-source.

The wire has a core, and whoever sends has the other: where the system puts both on one, which it does now and then for
a whole run, they take turns, and the figure says nothing.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks import processes

_SESSIONS = 20


@contextmanager
def sink() -> Iterator[int]:
    """An smtp-sink on a free port of this machine; answers the port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    privileges = ["-u", "nobody"] if os.geteuid() == 0 else []
    with processes.running([_tool("smtp-sink"), *privileges, f"127.0.0.1:{port}", "512"], core=1):
        _await_listener(port)
        yield port


@contextmanager
def secure_sink() -> Iterator[int]:
    """A sink of our own that offers STARTTLS; answers the port."""
    with tempfile.TemporaryDirectory(prefix="newsletter-bench-") as folder:
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        files = ["-keyout", f"{folder}/server.key", "-out", f"{folder}/server.pem"]
        certify = [_tool("openssl"), "req", "-x509", "-subj", "/CN=localhost", *key, *files]
        subprocess.run(certify, check=True, capture_output=True)
        command = [sys.executable, "-m", "benchmarks.sink", folder]
        with processes.running(command, core=1, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            yield int(process.stdout.readline())


def source(port: int, *, messages: int, size: int) -> float:
    """Messages a second of smtp-source: 20 sessions, each kept open, which is the fastest it can do."""
    command = [
        *processes.pinned(0),
        *(_tool("smtp-source"), "-d", "-s", str(_SESSIONS), "-m", str(messages), "-l", str(size)),
        *("-f", "news@example.org", "-t", "reader@example.net", f"127.0.0.1:{port}"),
    ]
    begun = time.perf_counter()
    subprocess.run(command, check=True)
    return messages / (time.perf_counter() - begun)


def _tool(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        package = "openssl" if name == "openssl" else "postfix"
        raise SystemExit(f"benchmarks: {name} is missing; Debian's package {package} brings it")
    return found


def _await_listener(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise SystemExit(f"benchmarks: smtp-sink does not listen at 127.0.0.1:{port}")
