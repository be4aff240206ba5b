"""A list of values on its way into the database comes out as it went in."""

import pytest
from sqlalchemy import literal, select, union_all

from subscribers import statements

ODD = ["plain", "", 'a "quoted" word', "back\\slash", "{braces},commas", "NULL", "Zoë 🎈", "line\nbreak", "tab\there"]


@pytest.mark.parametrize("wanted", [ODD, ODD[:1], []])
async def test_a_column_is_among_the_values_however_they_are_written(people, wanted: list[str]) -> None:
    every = union_all(*(select(literal(value).label("word")) for value in [*ODD, "another"])).subquery()
    async with people.database.read() as connection:
        found = await connection.scalars(select(every.c.word).where(statements.among(connection, every.c.word, wanted)))
        assert sorted(found) == sorted(wanted)
