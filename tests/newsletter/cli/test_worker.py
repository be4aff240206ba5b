"""`newsletter worker`, as an operator starts it."""

import asyncio
import signal
from pathlib import Path
from typing import Any

WARNING = b"warning: no constellation is loaded yet; run `newsletter constellation load FILE`\n"


async def test_it_says_that_there_is_nothing_to_deliver_before_a_constellation_is_loaded(
    migrated_url: str, tmp_path: Path, spawn: Any
) -> None:
    kind, begins = "embedded", b"engine started"
    if migrated_url.startswith("postgresql"):
        kind, begins = "procrastinate", b"worker started"
    (tmp_path / "newsletter.toml").write_text(
        f"""
        database = "{migrated_url}"
        public_url = "https://news.example.org"
        [secrets]
        signing_keys = ["{"k" * 40}"]
        hash_key = "{"h" * 40}"
        [engine]
        kind = "{kind}"
        """
    )
    process = await spawn("worker")
    async with asyncio.timeout(60):
        assert await process.stdout.readline() == WARNING
        assert begins in await process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        said, _ = await process.communicate()
    assert (process.returncode, WARNING in said) == (0, False), "said once, and it works on until it is stopped"
