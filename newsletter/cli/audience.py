"""`newsletter audience`: who an expression is, before anything is sent to them."""

from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.campaigns import audiences
from newsletter.campaigns.audiences import Saved
from newsletter.cli import edge, grouping, stacked
from newsletter.constellation import store as constellations
from subscribers import audience as people
from subscribers import directory
from subscribers.audience import About
from subscribers.directory import Entry

app = grouping.group()

Wanted = Annotated[str, typer.Argument(metavar="EXPRESSION|NAME", help="An expression, or the name of a saved one.")]
Name = Annotated[str, typer.Argument(help="The name it is saved under.")]
Event = Annotated[str | None, typer.Option("--event", metavar="EVENT", help="Only those who follow this event.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def audience() -> None:
    """Count, sample and save audiences."""


@app.command()
def count(wanted: Wanted, event: Event = None, as_json: AsJson = False) -> None:
    """Count the people an expression is, of those who may be written to now.

    Example: newsletter audience count 'role = "teacher" and follows("closing")'
    """
    settings = edge.settings()

    async def work() -> tuple[str, int]:
        async with edge.opened(settings.database) as database, database.read() as connection:
            expression = await audiences.resolve(connection, wanted)
            only = await audiences.condition(connection, expression)
            return expression, await people.count(connection, await _about(connection, event), edge.now(), only=only)

    expression, number = edge.run(work())
    if as_json:
        edge.emit_json({"expression": expression, "event": event, "people": number})
    else:
        edge.say("1 person." if number == 1 else f"{number:,} people.")


@app.command()
def sample(
    wanted: Wanted,
    number: Annotated[int, typer.Option("--number", "-n", min=1, max=1000, help="How many.")] = 10,
    event: Event = None,
    as_json: AsJson = False,
) -> None:
    """Show some people an expression is, picked at random, of those who may be written to now.

    Example: newsletter audience sample 'domain = "example.org"' -n 5
    """
    settings = edge.settings()

    async def work() -> list[Entry]:
        async with edge.opened(settings.database) as database, database.read() as connection:
            only = await audiences.condition(connection, await audiences.resolve(connection, wanted))
            about = await _about(connection, event)
            return await directory.sample(connection, about, edge.now(), only=only, number=number)

    found = edge.run(work())
    if as_json:
        edge.emit_json(found)
        return
    rows = [
        (entry.address, f"{entry.first_name} {entry.last_name}".strip(), entry.fields.get("role", ""), entry.locale)
        for entry in found
    ]
    stacked.show(["address", "name", "role", "language"], rows)


@app.command()
def save(
    name: Name,
    expression: Annotated[str, typer.Argument(help="Who is meant.")],
    as_json: AsJson = False,
) -> None:
    """Save an expression under a name, in the place of the one of that name if there is one.

    Example: newsletter audience save new-teachers 'role = "teacher" and joined > 2021-02-01'
    """
    settings = edge.settings()

    async def work() -> bool:
        async with edge.opened(settings.database) as database, database.begin() as connection:
            is_new = await audiences.save(connection, name, expression, edge.now())
            await edge.audit(connection, "audience.saved", name, expression=expression)
            return is_new

    is_new = edge.run(work())
    if as_json:
        edge.emit_json({"name": name, "expression": expression, "new": is_new})
    else:
        edge.say(f"{name} is saved." if is_new else f"{name} is saved, in the place of the one before.")


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the saved audiences.

    Example: newsletter audience list --json
    """
    settings = edge.settings()

    async def work() -> list[Saved]:
        async with edge.opened(settings.database) as database, database.read() as connection:
            return await audiences.listed(connection)

    every = edge.run(work())
    if as_json:
        edge.emit_json(every)
        return
    if not every:
        edge.say("No audience is saved; `newsletter audience save` saves one.")
        return
    edge.table(["name", "expression"], [(saved.name, saved.expression) for saved in every])


@app.command()
def show(name: Name, as_json: AsJson = False) -> None:
    """Show a saved audience, and how many it is now.

    Example: newsletter audience show new-teachers
    """
    settings = edge.settings()

    async def work() -> tuple[Saved, int]:
        async with edge.opened(settings.database) as database, database.read() as connection:
            saved = await audiences.find(connection, name)
            only = await audiences.condition(connection, saved.expression)
            return saved, await people.count(connection, About(None), edge.now(), only=only)

    saved, number = edge.run(work())
    if as_json:
        edge.emit_json({**edge.plain(saved), "people": number})
        return
    edge.table(
        ["", saved.name],
        [("expression", saved.expression), ("people now", f"{number:,}"), ("saved (UTC)", edge.moment(saved.saved_at))],
    )


@app.command()
def delete(name: Name, as_json: AsJson = False) -> None:
    """Forget a saved audience; campaigns drafted with it keep their expression.

    Example: newsletter audience delete new-teachers
    """
    settings = edge.settings()

    async def work() -> None:
        async with edge.opened(settings.database) as database, database.begin() as connection:
            await audiences.find(connection, name)
            await audiences.remove(connection, name)
            await edge.audit(connection, "audience.deleted", name)

    edge.run(work())
    if as_json:
        edge.emit_json({"name": name, "deleted": True})
    else:
        edge.say(f"{name} is forgotten.")


async def _about(connection: AsyncConnection, event: str | None) -> About:
    if event is None:
        return About(None)
    found = (await constellations.find(connection, event)).event
    return About(found.slug, found.kind)
