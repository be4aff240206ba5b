"""A prepared statement does what SQLAlchemy does with it, in the same transaction, on each database."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import bindparam, delete, insert, select, text, update
from sqlalchemy.exc import IntegrityError, OperationalError, StatementError
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.database import Database
from newsletter.sqlite import driver
from subscribers.columns import Instant
from subscribers.prepared import Prepared
from subscribers.tables import choice, subscriber

PERSON = select(subscriber).where(subscriber.c.id == bindparam("number"), subscriber.c.status != "left")
PAUSE = update(subscriber).where(subscriber.c.id == bindparam("number")).values(paused_until=bindparam("until"))
FOLLOW = insert(choice).values(subscriber_id=bindparam("number"), topic=bindparam("topic"), stance="follow")
FORGET = delete(choice).where(choice.c.subscriber_id == bindparam("number"))


async def follow(connection: AsyncConnection, person: int, topic: str) -> None:
    await Prepared(FOLLOW).change(connection, {"number": person, "topic": topic})


async def follow_by_sqlalchemy(connection: AsyncConnection, person: int, topic: str) -> None:
    await connection.execute(FOLLOW, {"number": person, "topic": topic})


async def topics(connection: AsyncConnection) -> list[str]:
    return sorted(await connection.scalars(select(choice.c.topic)))


async def test_the_rows_are_those_of_sqlalchemy_with_the_same_names_and_kinds_of_values(people) -> None:
    person = await people.active("ana@example.org", first_name="Ana", fields={"role": "teacher"})
    async with people.database.read() as connection:
        (prepared,) = await Prepared(PERSON).rows(connection, {"number": person})
        theirs = (await connection.execute(PERSON, {"number": person})).one()
        assert prepared._asdict() == theirs._asdict()
        assert isinstance(prepared.confirmed_at, datetime)
        assert prepared.fields == {"role": "teacher"}
        assert list(await Prepared(PERSON).rows(connection, {"number": person + 1})) == []


async def test_a_value_that_the_statement_names_itself_counts(people) -> None:
    person = await people.left("ana@example.org")
    async with people.database.read() as connection:
        assert list(await Prepared(PERSON).rows(connection, {"number": person})) == []


async def test_a_change_tells_how_many_it_changed_and_reads_moments_as_moments(people) -> None:
    person = await people.active("ana@example.org")
    async with people.database.begin() as connection:
        assert await Prepared(PAUSE).change(connection, {"number": person, "until": people.now}) == 1
        assert await Prepared(PAUSE).change(connection, {"number": person + 1, "until": people.now}) == 0
        (row,) = await Prepared(PERSON).rows(connection, {"number": person})
        assert row.paused_until == people.now
        with pytest.raises((ValueError, StatementError), match="naive"):
            await Prepared(PAUSE).change(connection, {"number": person, "until": people.now.replace(tzinfo=None)})


async def test_each_of_several_is_done_and_none_of_none(people) -> None:
    person = await people.active("ana@example.org")
    async with people.database.begin() as connection:
        await Prepared(FORGET).change(connection, {"number": person})
        await Prepared(FOLLOW).change_each(connection, [{"number": person, "topic": topic} for topic in "ab"])
        await Prepared(FOLLOW).change_each(connection, [])
        assert await topics(connection) == ["a", "b"]


@pytest.mark.parametrize(
    "steps",
    [[follow], [follow, follow_by_sqlalchemy], [follow_by_sqlalchemy, follow]],
    ids=["alone", "before", "after"],
)
async def test_what_is_prepared_and_what_is_not_are_one_transaction(people, steps) -> None:
    person = await people.active("ana@example.org")

    async def change(*, then: BaseException | None = None) -> None:
        async with people.database.begin() as connection:
            for topic, step in enumerate(steps):
                await step(connection, person, f"t{topic}")
            if then is not None:
                raise then

    with pytest.raises(ZeroDivisionError):
        await change(then=ZeroDivisionError())
    async with people.database.read() as connection:
        assert await topics(connection) == ["*"]
    await change()
    async with people.database.read() as connection:
        assert await topics(connection) == ["*", *(f"t{topic}" for topic, _ in enumerate(steps))]


async def test_a_savepoint_takes_back_what_was_prepared_within_it(people) -> None:
    person = await people.active("ana@example.org")
    async with people.database.begin() as connection:
        await Prepared(FOLLOW).change(connection, {"number": person, "topic": "a"})
        savepoint = await connection.begin_nested()
        await Prepared(FOLLOW).change(connection, {"number": person, "topic": "b"})
        await savepoint.rollback()
    async with people.database.read() as connection:
        assert await topics(connection) == ["*", "a"]


async def test_a_rule_of_the_database_that_is_broken_is_sqlalchemys_error(people) -> None:
    with pytest.raises(IntegrityError):
        async with people.database.begin() as connection:
            await Prepared(FOLLOW).change(connection, {"number": 7, "topic": "nobody's"})


@pytest.mark.parametrize("wanted", [["a", "c"], ["b"], []], ids=["several", "one", "none"])
async def test_a_list_behind_an_in_is_spread(people, wanted: list[str]) -> None:
    person = await people.active("ana@example.org")
    chosen = select(choice.c.topic).where(choice.c.subscriber_id == bindparam("number"), choice.c.topic.in_(wanted))
    async with people.database.begin() as connection:
        await Prepared(FOLLOW).change_each(connection, [{"number": person, "topic": topic} for topic in "abc"])
        found = await Prepared(chosen.order_by(choice.c.topic)).rows(connection, {"number": person})
    assert [row.topic for row in found] == wanted


async def test_sql_as_text_is_prepared_too_with_the_types_it_names(people) -> None:
    person = await people.active("ana@example.org")
    moment = datetime(2031, 5, 6, 7, 8, tzinfo=UTC)
    pause = text("UPDATE subscriber SET paused_until = :until, left_at = :until WHERE id = :number").bindparams(
        bindparam("until", type_=Instant())
    )
    async with people.database.begin() as connection:
        assert await Prepared(pause).change(connection, {"number": person, "until": moment}) == 1
        assert await connection.scalar(select(subscriber.c.left_at).where(subscriber.c.id == person)) == moment


async def test_a_value_that_is_missing_is_refused(people) -> None:
    async with people.database.read() as connection:
        with pytest.raises((KeyError, StatementError)):
            await Prepared(PERSON).rows(connection, {})


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_sqlalchemy_begins_no_transaction_for_what_is_prepared_and_its_errors_at_the_end_are_sqlalchemys(
    people, database: Database
) -> None:
    person = await people.active("ana@example.org")
    async with database.begin() as connection:
        late = "REFERENCES subscriber (id) DEFERRABLE INITIALLY DEFERRED"
        await connection.exec_driver_sql(f"CREATE TABLE late (id INTEGER {late})")

    async def change() -> None:
        async with database.briefly() as connection:
            await follow(connection, person, "a")
            await connection.run("INSERT INTO late VALUES (7)", ())
            assert not connection.in_transaction()

    with pytest.raises(IntegrityError):
        await change()
    async with database.read() as connection:
        assert await topics(connection) == ["*"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_long_read_that_is_prepared_goes_to_the_thread_too(
    people, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(200):
        await people.pending(f"reader{number}@example.org")
    monkeypatch.setattr(driver, "_NOTICEABLE", 0)
    monkeypatch.setattr(driver, "_STEPS", 50)
    everybody = Prepared(select(subscriber.c.id).where(subscriber.c.id > bindparam("number")))
    async with database.read() as connection:
        assert len(await everybody.rows(connection, {"number": 0})) == 200


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_view_to_read_from_refuses_what_was_prepared_to_write(people, database: Database) -> None:
    with pytest.raises(OperationalError, match="readonly"):
        async with database.read() as connection:
            await Prepared(FORGET).change(connection, {"number": 7})
