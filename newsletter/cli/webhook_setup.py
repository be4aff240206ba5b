"""`newsletter webhooks setup`: how a provider is connected."""

import base64
import secrets
from typing import Annotated

import typer

from newsletter import setting_values
from newsletter.cli import edge
from newsletter.content.headers import TOKEN_LINES
from newsletter.settings import Settings
from webhooks import endpoint, lists, providers
from webhooks.errors import NotConfigured
from webhooks.providers import Provider, Rehearsing, Sampling
from webhooks.providers.generic import Generic
from webhooks.providers.guide import Key

Name = Annotated[str, typer.Argument(help="The provider, as in postmark.", metavar="PROVIDER")]


def chosen(settings: Settings, name: str) -> Sampling | Rehearsing:
    """The provider of that name, with its keys."""
    return providers.build(name, settings.webhooks.in_clear())


def url(base: str, name: str) -> str:
    """Where a provider reports to, at a service that is at `base`."""
    return f"{base}/webhooks/{name}"


def setup(name: Name, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Say how a provider is connected: the URL, the events to tick, which key goes where.

    Example: newsletter webhooks setup postmark
    """
    settings = edge.settings()
    provider = chosen(settings, name)
    guide, to = provider.guide, url(settings.public_url, name)
    if as_json:
        wanted = [
            {"setting": _setting(name, key), "set": _is_set(provider, key), "place": key.place} for key in guide.keys
        ]
        told = {"url": to, "where": guide.where, "events": guide.tick, "keys": wanted, "notes": guide.notes}
        edge.emit_json({**told, "list": _list_as_json(settings, name)})
        return
    edge.prose(f"At {name}:  {guide.where}")
    edge.prose(f"URL:  {to.replace('://', '://NAME:PASSWORD@', 1) if guide.login else to}")
    if setting_values.is_only_here(to):
        edge.prose(f"  Only this machine can open that: set public_url before you give it to {name}.")
    edge.prose(f"Events:  {', '.join(guide.tick)}")
    edge.say()
    edge.prose("In newsletter.toml, under [webhooks]:")
    for key in guide.keys:
        of_choice = f" ({key.choice})" if key.choice else ""
        is_set, needless = _is_set(provider, key), _is_needless(provider, key)
        state = "is set" if is_set else "is not needed" if needless else "is not set yet"
        edge.prose(f"  {_setting(name, key)}{of_choice}: {state}")
        edge.prose(f"    at {name}: {key.place}")
        if key.ours and not (is_set or needless):
            edge.say("    made up by you, for instance:")
            edge.say(f'      {_setting(name, key)} = "{_made_up(name, key)}"')
    if fault := _fault(provider):
        edge.prose(f"So nothing of {name} is believed yet: {fault}")
    if name in TOKEN_LINES and name not in settings.providers:
        edge.prose("Under [smtp] or [[relays]], where mail goes out through it; without, no report can be believed:")
        edge.say(f'  provider = "{name}"')
    for note in guide.notes:
        edge.prose(note)
    edge.say()
    _tell_of_list(settings, name)
    edge.say()
    edge.say("Then start `newsletter serve` anew, and try it:")
    edge.say(f"  newsletter webhooks test {name}")


def _tell_of_list(settings: Settings, name: str) -> None:
    """Whether the provider's own suppression list can be read, and what for."""
    if name not in lists.LISTS:
        edge.prose(f"Its own suppression list: {lists.WITHOUT[name]}.")
        return
    edge.prose(f"Its own suppression list ({lists.LISTS[name].where}) is read with:")
    for key, is_set in _list_keys(settings, name):
        edge.prose(f"  {_setting(name, key)}: {'is set' if is_set else 'is not set yet'}")
        edge.prose(f"    at {name}: {key.place}")
    edge.prose(f"  {name}_api: only where its API is at another host than usual")
    edge.prose(f"Once a day, and at once by: newsletter suppressions sync {name}")


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


def _setting(name: str, key: Key) -> str:
    return f"{name}_{key.field}"


def _is_set(provider: Provider, key: Key) -> bool:
    return bool(getattr(provider, key.field))


def _is_needless(provider: Provider, key: Key) -> bool:
    """Whether another choice was made than that of this key."""
    return key.choice != "" and any(
        _is_set(provider, one) for one in provider.guide.keys if one.choice not in ("", key.choice)
    )


def _fault(provider: Provider) -> str:
    """What is wrong with the keys that are set, so that nothing is believed; nothing where none is."""
    if any(_is_set(provider, key) for key in provider.guide.keys):
        try:
            endpoint.require_key(provider, now=edge.now())
        except NotConfigured as error:
            return str(error)
    return ""


def _made_up(name: str, key: Key) -> str:
    """A secret that nobody else has; a name needs none."""
    if key.field == "username":
        return name
    raw = secrets.token_bytes(24)
    return raw.hex() if name != Generic.name else f"whsec_{base64.b64encode(raw).decode()}"
