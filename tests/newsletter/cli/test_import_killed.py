"""An import whose process is killed or interrupted in the middle, and is run again."""

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from sqlalchemy import Engine, create_engine, text

from newsletter import database as databases
from newsletter import people

ROWS = {".csv": 120_000, ".xlsx": 60_000}
"""Of the file, which takes longer to make and to read as a workbook: more than is written at once, twice over."""


def counted(engine: Engine) -> tuple[int, int, int, int]:
    """How many subscribers there are, pieces of evidence, of how many people, and of how many who were asked twice."""
    asked_twice = "SELECT subscriber_id FROM transactional GROUP BY subscriber_id HAVING count(*) > 1"
    with engine.connect() as connection:
        found = connection.execute(
            text(
                "SELECT (SELECT count(*) FROM subscriber), count(*), count(DISTINCT subscriber_id),"
                f" (SELECT count(*) FROM ({asked_twice}) AS twice) FROM consent"
            )
        ).one()
        return tuple(found)


def audited(engine: Engine) -> list[dict[str, Any]]:
    """What the audit says of each import."""
    with engine.connect() as connection:
        found = connection.execute(text("SELECT detail FROM audit WHERE action = 'subscribers.imported' ORDER BY id"))
        return [one if isinstance(one, dict) else json.loads(one) for one in found.scalars()]


def workbook(source: Path, target: Path) -> None:
    """The same rows as an Excel workbook."""
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("People")
    with source.open(encoding="utf-8", newline="") as file:
        for row in csv.reader(file):
            sheet.append(row)
    book.save(target)


@pytest.mark.parametrize(
    ("database_url", "name", "number", "status"),
    [
        ("sqlite", "people.csv", signal.SIGKILL, -signal.SIGKILL),
        ("sqlite", "people.csv", signal.SIGINT, 130),
        ("postgresql", "people.xlsx", signal.SIGKILL, -signal.SIGKILL),
        ("postgresql", "people.csv", signal.SIGINT, 130),
    ],
    indirect=["database_url"],
    ids=["CSV into SQLite, killed", "interrupted", "Excel into PostgreSQL, killed", "CSV into PostgreSQL, interrupted"],
)
def test_an_import_that_is_ended_goes_on_where_it_stopped_and_brings_nobody_twice(
    newsletter: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    database_url: str,
    name: str,
    number: signal.Signals,
    status: int,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEWSLETTER_DATABASE", database_url)
    for step in (("init",), ("db", "upgrade"), ("constellation", "load", "--yes", "constellation.toml")):
        assert newsletter(*step).code == 0
    url = databases.parse(database_url)
    rows = ROWS[Path(name).suffix]
    people.write_csv(tmp_path / "people.csv", rows, 5, ["opening", "closing"])
    if name.endswith(".xlsx"):
        workbook(tmp_path / "people.csv", tmp_path / name)
    engine = create_engine(url.set(drivername=url.drivername.replace("postgresql", "postgresql+psycopg")))
    command = ("subscribers", "import", name, "--ask", "--json")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    process = subprocess.Popen(
        (sys.executable, "-m", "newsletter", *command),
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(
            signal.SIGINT, signal.default_int_handler
        ),  # whoever runs the tests ignores it
    )
    while process.poll() is None and counted(engine)[0] == 0:
        pass  # until its first batch is there
    process.send_signal(number)
    _, said = process.communicate()
    assert (process.returncode, said) == (status, "")
    half, evidence, proven, _ = counted(engine)
    assert 0 < half < rows // 2
    assert half == proven
    assert audited(engine) == [{"finished": False}]
    told = json.loads(newsletter(*command).out)
    assert [one.get("known") for one in audited(engine)] == [None, told["known"]]
    assert told["known"] >= half
    whole = counted(engine)
    again = json.loads(newsletter(*command).out)
    assert (again["active"], again["pending"], again["promoted"], again["asked"]) == (0, 0, 0, 0)
    assert counted(engine) == whole
    assert whole[0] == told["active"] + told["pending"] + half == whole[2]
    assert whole[3] == 0
    assert evidence == half
    engine.dispose()
