"""A list of values on its way into the database comes out as it went in."""

import pytest
from sqlalchemy import literal, select, union_all

from subscribers import statements
from subscribers.tables import subscriber

ODD = ["plain", "", 'a "quoted" word', "back\\slash", "{braces},commas", "NULL", "Zoë 🎈", "line\nbreak", "tab\there"]


@pytest.mark.parametrize("wanted", [ODD, ODD[:1], []])
async def test_values_are_looked_up_however_they_are_written(people, wanted: list[str]) -> None:
    every = union_all(*(select(literal(value).label("word")) for value in [*ODD, "another"])).subquery()
    async with people.database.read() as connection:
        found = await statements.looked_up(connection, select(every.c.word), every.c.word, wanted)
        assert sorted(row.word for row in found) == sorted(wanted)


async def test_a_tally_counts_the_values_that_are_there_of_the_rows_that_are_meant(people) -> None:
    for name in ("ana", "bo"):
        await people.active(f"{name}@example.org")
    await people.left("cy@example.org")
    async with people.database.read() as connection:
        found = await statements.tally(connection, subscriber.c.status, ("pending", "active", "left"))
        assert found == {"active": 2, "left": 1}
        of_one = subscriber.c.address == "ana@example.org"
        assert await statements.tally(connection, subscriber.c.status, ("active", "left"), of_one) == {"active": 1}
        nobody = subscriber.c.address == "dee@example.org"
        assert await statements.tally(connection, subscriber.c.status, ("active",), nobody) == {}
