"""An import whose process is killed in the middle, and is run again."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from newsletter import people

ROWS = 20_000


def counted(database: Path) -> tuple[int, int, int]:
    """How many subscribers there are, how many pieces of evidence, and of how many people."""
    with closing(sqlite3.connect(database)) as connection:
        found: tuple[int, int, int] = connection.execute(
            "SELECT (SELECT count(*) FROM subscriber), count(*), count(DISTINCT subscriber_id) FROM consent"
        ).fetchone()
        return found


def test_an_import_that_is_killed_goes_on_where_it_stopped_and_brings_nobody_twice(newsletter, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for step in (("init",), ("db", "upgrade"), ("constellation", "load", "--yes", "constellation.toml")):
        assert newsletter(*step).code == 0
    people.write_csv(tmp_path / "people.csv", ROWS, 5, ["opening", "closing"])
    database = tmp_path / "newsletter.sqlite3"
    command = (sys.executable, "-m", "newsletter", "subscribers", "import", "people.csv", "--json")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    while process.poll() is None and counted(database)[0] == 0:
        pass  # until its first batch is there
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    half, evidence, proven = counted(database)
    assert 0 < half < ROWS // 2
    assert half == proven
    told = json.loads(newsletter("subscribers", "import", "people.csv", "--json").out)
    assert told["known"] >= half
    whole = counted(database)
    again = json.loads(newsletter("subscribers", "import", "people.csv", "--json").out)
    assert (again["active"], again["pending"], again["promoted"]) == (0, 0, 0)
    assert counted(database) == whole
    assert whole[0] == told["active"] + told["pending"] + half == whole[2]
    assert evidence == half
