"""What a monitor is told."""

import pytest
from sqlalchemy import text as sql

from newsletter.database import DatabaseError
from newsletter.web.app import create_app


async def test_all_is_well(client) -> None:
    response = await client.get("/health")
    assert response.status_code == 200
    assert response.json() == {"status": "ok", "database": "ok", "schema": "ok", "engine": "elsewhere"}


async def test_a_schema_that_is_not_this_programs_is_503(client, database) -> None:
    async with database.begin() as connection:
        await connection.execute(sql("UPDATE alembic_version SET version_num = '0001'"))
    response = await client.get("/health")
    assert (response.status_code, response.json()["schema"]) == (503, "behind")


async def test_a_database_that_does_not_answer_is_503(client, database) -> None:
    async with database.begin() as connection:
        await connection.execute(sql("DROP TABLE alembic_version"))
    response = await client.get("/health")
    assert (response.status_code, response.json()["database"]) == (503, "unreachable")


async def test_the_site_refuses_to_open_on_a_schema_that_is_behind(settings, database) -> None:
    async with database.begin() as connection:
        await connection.execute(sql("UPDATE alembic_version SET version_num = '0001'"))
    app = create_app(settings, database=database, run_engine=False)
    with pytest.raises(DatabaseError, match="newsletter db upgrade"):
        async with app.router.lifespan_context(app):
            pass
