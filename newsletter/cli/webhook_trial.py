"""`newsletter webhooks test`: whether what a provider reports arrives."""

import asyncio
import json
from datetime import datetime
from typing import Annotated

import typer

from newsletter.cli import edge, webhook_setup
from newsletter.database import Database
from newsletter.errors import NewsletterError
from newsletter.feedback import inbox
from newsletter.feedback.inbox import Arrival
from newsletter.settings import Settings
from webhooks import endpoint, fetching, rehearsals
from webhooks.fetching import Answer
from webhooks.providers import Provider, Rehearsing, Sampling
from webhooks.rehearsals import Rehearsals

_LOOK_SECONDS = 0.2
_APPLIED_WITHIN = 5.0
_ELSEWHERE = "but nothing is in the inbox: the service at that URL keeps another database than this one"


class NotArriving(NewsletterError):
    """What a provider reports would not arrive here."""


def try_(
    name: webhook_setup.Name,
    at: Annotated[
        str, typer.Option(help="Where the service is, if not at public_url: http://127.0.0.1:8025.", metavar="URL")
    ] = "",
    wait: Annotated[
        float, typer.Option(help="Wait so long for a report by the provider itself.", min=0, metavar="SECONDS")
    ] = 0,
) -> None:
    """Post a signed sample through the running service, and show it arrive.

    SES, SendGrid and Postal alone can sign by their keys: a key made for this test stands in, for one sample about
    nobody. That shows all but this: that the provider reports to that URL, and signs by the key that is set. With
    --wait you see that too, once it reports something.

    Example: newsletter webhooks test postmark
    """
    settings = edge.settings()
    provider = webhook_setup.chosen(settings, name)
    endpoint.require_key(provider, now=edge.now())
    url = webhook_setup.url(at.rstrip("/") or settings.public_url, name)

    async def work() -> None:
        async with edge.opened(settings.database) as database:
            await _show_sample(database, settings, provider, url)
            if wait:
                await _wait_for_report(database, provider, wait)
            elif isinstance(provider, Rehearsing):
                edge.prose(
                    f"That {name} reports to that URL, and that we believe it, shows once it does: add --wait 60, and "
                    f"meanwhile {provider.guide.trial}."
                )

    edge.run(work())


async def _show_sample(database: Database, settings: Settings, provider: Sampling | Rehearsing, url: str) -> None:
    now = edge.now()
    headers, body = _sample(settings, provider, now)
    ids = [event.id for event in provider.parse(body, now=now)]
    try:
        answer = await fetching.post(url, headers, body, allow_private=True)
        if answer.status != 200:
            raise NotArriving(f"{url} answered {answer.status}{_reason(answer)}{_hint(answer)}")
        edge.say(f"{url} answered 200.")
        found = await _applied(database, provider.name, ids)
        if not found:
            raise NotArriving(_ELSEWHERE)
        _tell(found)
    finally:
        async with database.begin() as connection:
            await inbox.take_out(connection, provider.name, ids)
    edge.say("The sample concerned nobody, and is taken out again.")
    if isinstance(provider, Rehearsing):
        edge.say(f"It was signed by a key made for this test: only {provider.name} has its own.")


def _sample(settings: Settings, provider: Sampling | Rehearsing, now: datetime) -> tuple[dict[str, str], bytes]:
    """The headers and body of a report about nobody, which the service believes."""
    if isinstance(provider, Rehearsing):
        keys = [key.get_secret_value() for key in settings.secrets.signing_keys]
        return Rehearsals(keys).sample(provider, now=now)
    return provider.sample(rehearsals.NOBODY, rehearsals.NO_TOKEN, now=now)


async def _applied(database: Database, name: str, ids: list[str]) -> list[Arrival]:
    """The sample in the inbox, given a few seconds to be applied."""
    deadline = asyncio.get_running_loop().time() + _APPLIED_WITHIN
    while True:
        async with database.read() as connection:
            found = await inbox.arrivals(connection, name, ids=ids)
        late = asyncio.get_running_loop().time() >= deadline
        if not found or late or all(one.outcome for one in found):
            return found
        await asyncio.sleep(_LOOK_SECONDS)


async def _wait_for_report(database: Database, provider: Provider, seconds: float) -> None:
    """Show the first that comes from now on. Raises NotArriving where none does."""
    async with database.read() as connection:
        last = await inbox.newest(connection)
    edge.prose(f"Waiting {seconds:g} seconds for a report by {provider.name} itself: {provider.guide.trial}.")
    deadline = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < deadline:
        async with database.read() as connection:
            found = await inbox.arrivals(connection, provider.name, after=last)
        if found:
            _tell(found)
            return
        await asyncio.sleep(_LOOK_SECONDS)
    raise NotArriving(f"{provider.name} reported nothing in {seconds:g} seconds; see its own log of webhooks")


def _tell(found: list[Arrival]) -> None:
    for one in found:
        event = one.event
        what = ", ".join(word for word in (event.kind, event.bounce or "", event.reason) if word)
        edge.say(f"It arrived as report {one.id}: {what}, of {event.address or 'nobody'}.")
        edge.say(f"What follows: {one.outcome or 'it waits for the engine to apply it'}.")


def _reason(answer: Answer) -> str:
    """What a service of ours says of it; the pages of others are left out."""
    try:
        return f": {json.loads(answer.text)['error']}"
    except (ValueError, TypeError, KeyError):
        return ""


def _hint(answer: Answer) -> str:
    match answer.status:
        case 401:
            return "\nthe service holds another key than these settings; start `newsletter serve` anew"
        case 403:
            return "\nthe service knows no key for it; start `newsletter serve` anew"
        case 404:
            return "\nsomething else answers there; is public_url right?"
        case _:
            return ""
