"""`newsletter webhooks setup` and `test`: how a provider is connected, and whether what it reports arrives."""

import asyncio
import base64
import contextlib
import secrets
from typing import Annotated
from urllib.parse import urlsplit

import typer

from newsletter.cli import edge
from newsletter.content.headers import TOKEN_LINES
from newsletter.database import Database
from newsletter.errors import NewsletterError
from newsletter.feedback import inbox
from newsletter.feedback.inbox import Arrival
from newsletter.settings import Settings
from webhooks import fetching, lists, providers
from webhooks.errors import MalformedReport, NotAuthentic
from webhooks.fetching import Answer
from webhooks.providers import Provider, Sampling
from webhooks.providers.generic import Generic
from webhooks.providers.guide import Key

Name = Annotated[str, typer.Argument(help="The provider, as in postmark.", metavar="PROVIDER")]

_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
_NOBODY = "nobody@example.org"
_NO_TOKEN = "a" * 40
_LOOK_SECONDS = 0.2
_APPLIED_WITHIN = 5.0


class NotArriving(NewsletterError):
    """What a provider reports would not arrive here."""


def setup(name: Name, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Say how a provider is connected: the URL, the events to tick, which key goes where.

    Example: newsletter webhooks setup postmark
    """
    settings = edge.settings()
    provider = _provider(settings, name)
    guide, url = provider.guide, _url(settings.public_url, name)
    if as_json:
        wanted = [
            {"setting": _setting(name, key), "set": _is_set(provider, key), "place": key.place} for key in guide.keys
        ]
        told = {"url": url, "where": guide.where, "events": guide.tick, "keys": wanted, "notes": guide.notes}
        edge.emit_json({**told, "list": _list_as_json(settings, name)})
        return
    edge.prose(f"At {name}:  {guide.where}")
    edge.prose(f"URL:  {url.replace('://', '://NAME:PASSWORD@', 1) if guide.login else url}")
    if urlsplit(url).hostname in _THIS_MACHINE:
        edge.prose(f"  Only this machine can open that: set public_url before you give it to {name}.")
    edge.prose(f"Events:  {', '.join(guide.tick)}")
    edge.say()
    edge.prose("In newsletter.toml, under [webhooks]:")
    for key in guide.keys:
        of_choice = f" ({key.choice})" if key.choice else ""
        edge.prose(f"  {_setting(name, key)}{of_choice}: {'is set' if _is_set(provider, key) else 'is not set yet'}")
        edge.prose(f"    at {name}: {key.place}")
        if key.ours and not _is_set(provider, key):
            edge.prose(f"    made up by you, for instance {_made_up(name, key)}")
    if name in TOKEN_LINES and name not in settings.providers:
        edge.prose(
            f'Under [smtp] or [[relays]], where mail goes out through it: provider = "{name}"; without, no report can '
            "be believed."
        )
    for note in guide.notes:
        edge.prose(note)
    _tell_of_list(settings, name)
    edge.prose(f"Then start `newsletter serve` anew, and try it: newsletter webhooks test {name}")


def _tell_of_list(settings: Settings, name: str) -> None:
    """Whether the provider's own suppression list can be read, and what for."""
    edge.say()
    if name not in lists.LISTS:
        edge.prose(f"Its own suppression list: {lists.WITHOUT[name]}.")
        return
    edge.prose(f"Its own suppression list ({lists.LISTS[name].where}) is read with:")
    for key, is_set in _list_keys(settings, name):
        edge.prose(f"  {_setting(name, key)}: {'is set' if is_set else 'is not set yet'}")
        edge.prose(f"    at {name}: {key.place}")
    edge.prose(f"  {name}_api: only where its API is at another host than usual")
    edge.prose(f"Once a day, and at once by: newsletter suppressions sync {name}")
    edge.say()


def _list_as_json(settings: Settings, name: str) -> list[dict[str, object]] | str:
    if name not in lists.LISTS:
        return lists.WITHOUT[name]
    return [
        {"setting": _setting(name, key), "set": is_set, "place": key.place}
        for key, is_set in _list_keys(settings, name)
    ]


def _list_keys(settings: Settings, name: str) -> list[tuple[Key, bool]]:
    listing = lists.build(name, settings.webhooks.in_clear())
    return [(key, bool(getattr(listing, key.field))) for key in listing.keys]


def try_(
    name: Name,
    at: Annotated[
        str, typer.Option(help="Where the service is, if not at public_url: http://127.0.0.1:8025.", metavar="URL")
    ] = "",
    wait: Annotated[float, typer.Option(help="Seconds to wait for what only the provider can send.", min=0)] = 60,
) -> None:
    """Post a signed sample through the running service, and show it arrive.

    Where only the provider can sign (SES, SendGrid, Postal), this checks that the service is reached, knows the key and
    refuses what is not signed, and then waits for the provider's own test.

    Example: newsletter webhooks test postmark
    """
    settings = edge.settings()
    provider = _provider(settings, name)
    url = _url(at.rstrip("/") or settings.public_url, name)

    async def work() -> None:
        async with edge.opened(settings.database) as database:
            if isinstance(provider, Sampling):
                await _with_sample(database, provider, url)
            else:
                await _without_sample(database, provider, url, wait)

    edge.run(work())


async def _with_sample(database: Database, provider: Sampling, url: str) -> None:
    now = edge.now()
    _require_key(provider)
    headers, body = provider.sample(_NOBODY, _NO_TOKEN, now=now)
    ids = [event.id for event in provider.parse(body, now=now)]
    answer = await fetching.post(url, headers, body, allow_private=True)
    if answer.status != 200:
        raise NotArriving(f"{url} answered {answer}{_hint(answer)}")
    edge.say(f"{url} answered 200.")
    found = await _applied(database, provider.name, ids)
    if not found:
        raise NotArriving("but nothing is in the inbox: the service at that URL keeps another database than this one")
    _tell(found)
    async with database.begin() as connection:
        await inbox.take_out(connection, [one.id for one in found])
    edge.say("The sample concerned nobody, and is taken out again.")


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


async def _without_sample(database: Database, provider: Provider, url: str, wait: float) -> None:
    _require_key(provider)
    async with database.read() as connection:
        last = await inbox.newest(connection)
    answer = await fetching.post(url, {"Content-Type": "application/json"}, b"{}", allow_private=True)
    if answer.status != NotAuthentic.status:
        raise NotArriving(f"{url} answered {answer}{_hint(answer)}")
    edge.say(f"{url} is reached, knows the key, and refuses what {provider.name} has not signed.")
    if not wait:
        return
    edge.say(
        f"Only {provider.name} can sign a report: press its own test now, or send a mail. Waiting {wait:.0f} seconds."
    )
    deadline = asyncio.get_running_loop().time() + wait
    while asyncio.get_running_loop().time() < deadline:
        async with database.read() as connection:
            found = await inbox.arrivals(connection, provider.name, after=last)
        if found:
            _tell(found)
            return
        await asyncio.sleep(_LOOK_SECONDS)
    raise NotArriving(f"nothing signed by {provider.name} came in {wait:.0f} seconds; see its own log of webhooks")


def _require_key(provider: Provider) -> None:
    """Raises NotConfigured where the settings hold no key, or one that is none."""
    with contextlib.suppress(NotAuthentic, MalformedReport):
        provider.verify({}, b"{}", now=edge.now())


def _tell(found: list[Arrival]) -> None:
    for one in found:
        event = one.event
        what = ", ".join(word for word in (event.kind, event.bounce or "", event.reason) if word)
        edge.say(f"It arrived as report {one.id}: {what}, of {event.address or 'nobody'}.")
        edge.say(f"What follows: {one.outcome or 'it waits for the engine to apply it'}.")


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


def _provider(settings: Settings, name: str) -> Provider:
    return providers.build(name, settings.webhooks.in_clear())


def _url(base: str, name: str) -> str:
    return f"{base}/webhooks/{name}"


def _setting(name: str, key: Key) -> str:
    return f"{name}_{key.field}"


def _is_set(provider: Provider, key: Key) -> bool:
    return bool(getattr(provider, key.field))


def _made_up(name: str, key: Key) -> str:
    """A secret that nobody else has; a name needs none."""
    if key.field == "username":
        return name
    raw = secrets.token_bytes(24)
    return raw.hex() if name != Generic.name else f"whsec_{base64.b64encode(raw).decode()}"
