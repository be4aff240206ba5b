"""What stands in a line of the log, and what does not."""

import json
import logging

import pytest
import structlog
from sqlalchemy import insert
from sqlalchemy.exc import DBAPIError

from newsletter import logs
from newsletter.database import Database
from subscribers.tables import subscriber

pytestmark = pytest.mark.usefixtures("configured")


@pytest.fixture
def configured():
    before = structlog.get_config()
    logs.configure(logs.FULL)
    yield
    structlog.configure(**before)


async def test_a_row_that_the_database_refuses_is_told_of_without_what_is_in_it(database: Database, capsys) -> None:
    row = {"address": "ana@example.org", "first_name": "Anastasia", "status": "nobody knows"}
    with pytest.raises(DBAPIError) as refused:
        async with database.begin() as connection:
            await connection.execute(insert(subscriber).values(**row))
    structlog.get_logger().error("refused", reason=str(refused.value))
    line = json.loads(capsys.readouterr().err)
    assert "INSERT INTO subscriber" in line["reason"]
    assert "ana@" not in line["reason"]
    assert "Anastasia" not in line["reason"]


def test_what_a_library_finds_wrong_is_one_line_with_the_cause_of_its_error(capsys) -> None:
    logs.listen("another.module", logging.ERROR, event="queue", briefly=(OSError,))
    try:
        try:
            raise OSError("it failed") from ValueError("the server\nsays no")
        except OSError:
            logging.getLogger("another.module").exception("Stopped:\n  it failed.\n")
        logging.getLogger("another.module").warning("that is not worth a line")
    finally:
        logging.getLogger("another.module").handlers.clear()
    [line] = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    del line["timestamp"]
    assert line == {"event": "queue", "level": "error", "said": "Stopped: it failed.", "reason": "the server says no"}
