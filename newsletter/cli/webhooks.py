"""`newsletter webhooks`: whom we tell what happens here; what providers tell us is next door."""

import textwrap
from typing import Annotated

import typer

from newsletter.cli import edge, grouping, webhook_setup, webhook_trial
from newsletter.outgoing import endpoints, outbox, types
from newsletter.outgoing.endpoints import Endpoint
from newsletter.outgoing.outbox import Delivery, State
from webhooks import destinations

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Number = Annotated[int, typer.Argument(help="Its number in `newsletter webhooks list`.")]

_MOST_SAID = 60
"""Characters of an answer that are shown."""

app = grouping.group()


app.command("setup")(webhook_setup.setup)
app.command("test")(webhook_trial.try_)


@app.callback()
def webhooks() -> None:
    """Tell others what happens, and be told by providers."""


@app.command()
def add(
    url: Annotated[str, typer.Argument(help="Where to post it, as in https://example.org/hook.", metavar="URL")],
    events: Annotated[
        str, typer.Option(help="What to tell of, by commas: subscriber.joined, campaign.* or *.", metavar="EVENTS")
    ],
    as_json: AsJson = False,
) -> None:
    """Tell a URL what happens from now on, and print the secret that signs it, which is shown only now.

    The events: subscriber.joined, .confirmed, .changed, .left, .bounced, .complained, .erased; campaign.started,
    .paused, .resumed, .finished, .cancelled; rsvp. docs/webhooks.md says what each message holds.

    Example: newsletter webhooks add https://example.org/hook --events "subscriber.*"
    """
    settings = edge.settings()
    try:
        wanted = types.chosen(events)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--events") from error
    allow_private = settings.outgoing.allow_private

    async def work() -> Endpoint:
        await destinations.resolve(url, allow_private=allow_private)
        async with edge.opened(settings.database) as database, database.begin() as connection:
            added = await endpoints.add(connection, url, wanted, allow_private=allow_private, now=edge.now())
            await edge.audit(connection, "webhook.added", url, events=wanted)
            return added

    added = edge.run(work())
    if as_json:
        edge.emit_json({"id": added.id, "url": added.url, "events": added.types, "secret": added.secret})
        return
    edge.prose(f"Endpoint {added.id}, {added.url}, is told of {', '.join(added.types)}.")
    edge.prose(f"Its secret, for whoever checks the signatures (Standard Webhooks): {added.secret}")


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List whom we tell, of what, and whether they take it.

    Example: newsletter webhooks list
    """
    settings = edge.settings()

    async def work() -> list[Endpoint]:
        async with edge.opened(settings.database) as database, database.read() as connection:
            return await endpoints.listed(connection)

    found = edge.run(work())
    if as_json:
        edge.emit_json([{k: v for k, v in edge.plain(one).items() if k != "secret"} for one in found])
        return
    for one in found:
        edge.prose(f"{one.id}  {one.url}")
        edge.prose(f"   events: {', '.join(one.types)}")
        edge.prose(f"   {_state(one)}")
    if not found:
        edge.say("Nobody is told anything; `newsletter webhooks add` begins it.")


def _state(one: Endpoint) -> str:
    if one.disabled_at is not None:
        return f"turned off at {edge.moment(one.disabled_at)} UTC: {one.disabled_for}"
    if one.failing_since is not None:
        again = f", tried again at {edge.moment(one.resting_until)}" if one.resting_until else ""
        row = "once" if one.failures == 1 else f"{one.failures} times in a row"
        return f"takes nothing since {edge.moment(one.failing_since)} UTC ({row}){again}"
    return f"in order, since {edge.moment(one.added_at)} UTC"


@app.command()
def remove(number: Number) -> None:
    """Tell somebody nothing any more, and forget what they were told.

    Example: newsletter webhooks remove 1
    """
    settings = edge.settings()

    async def work() -> Endpoint:
        async with edge.opened(settings.database) as database, database.begin() as connection:
            gone = await endpoints.remove(connection, number)
            await edge.audit(connection, "webhook.removed", gone.url)
            return gone

    edge.say(f"{edge.run(work()).url} is told nothing any more.")


@app.command()
def enable(number: Number) -> None:
    """Tell somebody again who was turned off, from now on.

    Example: newsletter webhooks enable 1
    """
    settings = edge.settings()

    async def work() -> Endpoint:
        async with edge.opened(settings.database) as database, database.begin() as connection:
            found = await endpoints.enable(connection, number)
            await edge.audit(connection, "webhook.enabled", found.url)
            return found

    found = edge.run(work())
    edge.prose(f"{found.url} is told again of {', '.join(found.types)}.")
    edge.prose(f"What it missed before it was turned off: newsletter webhooks redeliver --failed {number}")


@app.command()
def deliveries(
    endpoint: Annotated[int | None, typer.Option(help="Only to this endpoint.", metavar="NUMBER")] = None,
    state: Annotated[State | None, typer.Option(help="Only those that are in this state.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1)] = 50,
    as_json: AsJson = False,
) -> None:
    """List the latest messages, and how each was answered.

    Example: newsletter webhooks deliveries --state failed
    """
    settings = edge.settings()

    async def work() -> list[Delivery]:
        async with edge.opened(settings.database) as database, database.read() as connection:
            if endpoint is not None:
                await endpoints.find(connection, endpoint)
            return await outbox.latest(connection, endpoint_id=endpoint, state=state, limit=limit)

    found = edge.run(work())
    if as_json:
        edge.emit_json(found)
        return
    if not found:
        edge.say("There is no such message.")
        return
    rows = [(one.id, one.endpoint_id, one.type, edge.moment(one.at), one.state, _answer(one)) for one in found]
    edge.table(
        ["number", "to", "event", "of (UTC)", "state", "answer"],
        rows,
        numbers=["number", "to"],
        whole=["event", "of (UTC)", "state"],
    )


def _answer(one: Delivery) -> str:
    said = textwrap.shorten(one.answer, _MOST_SAID, placeholder=" …")
    return f"{said} ({one.attempts} tries)" if one.attempts > 1 else said


@app.command()
def redeliver(
    numbers: Annotated[
        list[int] | None, typer.Argument(help="Messages, by their numbers in `newsletter webhooks deliveries`.")
    ] = None,
    failed: Annotated[int | None, typer.Option(help="Whatever this endpoint did not take.", metavar="NUMBER")] = None,
) -> None:
    """Post messages again, with the ids they had; the running service does it at once.

    Example: newsletter webhooks redeliver 17 18
    """
    if not numbers and failed is None:
        raise typer.BadParameter("name messages by their numbers, or an endpoint by --failed")
    settings = edge.settings()

    async def work() -> int:
        async with edge.opened(settings.database) as database, database.begin() as connection:
            for number in numbers or []:
                await outbox.redeliver(connection, number, edge.now())
            count = len(numbers or [])
            if failed is not None:
                count += await outbox.redeliver_failed(connection, failed, edge.now())
            await edge.audit(connection, "webhook.redelivered", str(failed or ""), messages=numbers or [])
            return count

    edge.say(f"To be posted again by {edge.sender(settings)}: {edge.run(work()):,}.")
