"""`newsletter demo` as a person runs it: to its end, stopped in the middle, and when something is wrong."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

Start = Callable[..., subprocess.Popen[str]]

PATIENCE = 600
"""Seconds: a machine that has more to do takes its time for a season."""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts the command in an empty folder."""
    running: list[subprocess.Popen[str]] = []

    def begin(*arguments: str, **variables: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "newsletter", "demo", "--people", "30", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(Path.cwd()), "PYTHONUNBUFFERED": "1", **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def wait_for(words: str, process: subprocess.Popen[str]) -> str:
    """Read its output up to a line with these words."""
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if words in line:
            return seen
    raise AssertionError(f"it ended without saying {words!r}: {seen}")


def test_it_plays_to_its_end_and_kept_it_serves_until_ctrl_c(start: Start, tmp_path: Path) -> None:
    process = start("--keep", NEWSLETTER_DATABASE="postgresql://never.example/used")
    said = wait_for("Ctrl-C ends it", process)
    assert said.count("✔") == 7
    assert "✘" not in said
    assert max(map(len, said.splitlines())) <= 80
    folder = tmp_path / "demo"
    assert {path.name for path in folder.iterdir()} >= {"report.html", "outbox", "diary.csv", "newsletter.sqlite3"}
    assert list(folder.glob("outbox/*-opening-invitation/*.eml"))
    site = re.search(r"http://\S+/outbox", said)
    assert site is not None
    assert b"The outbox" in urlopen(site[0], timeout=PATIENCE).read()
    process.send_signal(signal.SIGINT)
    _, complained = process.communicate(timeout=PATIENCE)
    assert (process.returncode, complained) == (130, "")


def test_a_forged_mail_in_the_outbox_is_found_and_ends_it_with_status_1_and_scripts_read_so_in_json(
    start: Start, tmp_path: Path
) -> None:
    process = start("--json")
    outbox = tmp_path / "demo" / "outbox"
    while not outbox.exists():
        assert process.poll() is None
        os.sched_yield()
    (outbox / "forged").mkdir()
    forged = outbox / "forged" / "x.eml"
    forged.write_bytes(b"Delivered-To: x@example.org\r\nFeedback-ID: closing-thanks:a:thanks:b\r\n\r\nHello")
    said, complained = process.communicate(timeout=PATIENCE)
    assert (process.returncode, complained) == (1, "")
    document = json.loads(said)
    broken = [check["title"] for check in document["checks"] if not check["holds"]]
    assert "Nobody unconfirmed got a mailing" in broken
    assert "Nobody was mailed twice for one mailing" not in broken
    assert document["mailings"][0]["name"] == "opening-save-the-date"


def test_ctrl_c_stops_it_cleanly(start: Start) -> None:
    process = start()
    said = wait_for("January 2021", process)
    process.send_signal(signal.SIGINT)
    _, complained = process.communicate(timeout=PATIENCE)
    assert (process.returncode, complained) == (130, "")
    site = re.search(r"http://\S+", said)
    assert site is not None
    with pytest.raises(URLError):
        urlopen(site[0], timeout=2)


def test_a_folder_of_somebodys_own_is_one_line_and_status_1(start: Start, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter-1.tex").write_text("so far")
    process = start("--folder", "thesis")
    said, complained = process.communicate(timeout=PATIENCE)
    assert (process.returncode, said) == (1, "")
    assert complained.startswith("newsletter: thesis was not made by the demo")
    assert complained.count("\n") == 1
    assert (tmp_path / "thesis" / "chapter-1.tex").exists()
