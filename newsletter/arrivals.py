"""Requests that came by a form, from the moment they are answered until they are carried out.

Whoever asks is answered once the request is kept. What it comes to – a mail, a link, nothing – is worked out after
that: not even the time that an answer takes must tell who is subscribed.
"""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.database import Database
from newsletter.delivery import transactional
from newsletter.settings import Settings
from newsletter.tables import arrival
from subscribers import signup
from subscribers.addresses import Address

Asked = signup.Request | Address
"""Somebody wants to join, or, where it is an address alone, to be sent the link to what is theirs."""


async def keep(connection: AsyncConnection, asked: Asked, *, now: datetime) -> None:
    """Keep a request until it is carried out, which survives a crash."""
    wants = "join" if isinstance(asked, signup.Request) else "link"
    await connection.execute(insert(arrival).values(at=now, wants=wants, document=asdict(asked)))


async def carry_out(database: Database, settings: Settings) -> None:
    """Carry out what is kept, oldest first. One that fails holds up no other; its error is raised after them."""
    async with database.read() as connection:
        waiting = list(await connection.scalars(select(arrival.c.id).order_by(arrival.c.id)))
    failed: list[DBAPIError] = []
    for number in waiting:
        try:
            async with database.briefly() as connection:
                await _carry_out(connection, number, settings)
        except DBAPIError as error:
            failed.append(error)
    if failed:
        raise failed[0]


async def _carry_out(connection: AsyncConnection, number: int, settings: Settings) -> None:
    one = select(arrival).where(arrival.c.id == number).with_for_update(skip_locked=True)
    found = (await connection.execute(one)).one_or_none()
    if found is None:
        return  # another process has come to it
    await connection.execute(delete(arrival).where(arrival.c.id == found.id))
    hash_key = settings.secrets.hash_key.get_secret_value()
    if found.wants == "join":
        due = await signup.join(connection, _request(found.document), hash_key=hash_key, now=found.at)
    else:
        due = await signup.remind(connection, Address(**found.document))
    most_a_day = settings.joining.confirmations_a_day
    await transactional.answer(connection, due, now=found.at, most_a_day=most_a_day, hash_key=hash_key)


def _request(document: dict[str, Any]) -> signup.Request:
    read = {**document, "address": Address(**document["address"]), "topics": tuple(document["topics"])}
    return signup.Request(**read)
