"""What `newsletter subscribers add` does: checks what was said of a person against the series, and adds them."""

from dataclasses import replace
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import typer

from newsletter import catalogues
from newsletter.cli import edge
from newsletter.constellation import store
from newsletter.delivery import transactional, unanswered
from newsletter.settings import Settings
from newsletter.suggest import hint
from subscribers import adding, importing, names, suppression
from subscribers.adding import Proof
from subscribers.signup import Request


def fields(pairs: list[str]) -> dict[str, str | list[str]]:
    """Read `--field NAME=VALUE` options, as an import reads such columns; a wrong one is a usage error."""
    found: dict[str, str | list[str]] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not importing.is_own_field(name) or not names.clean(value):
            raise typer.BadParameter(f"{pair}: write NAME=VALUE, as in role=teacher", param_hint="--field")
        found[name] = importing.listed(value) if name == "tags" else names.clean(value)
    return found


def proof(text: str | None, on: str | None, now: datetime, zone: ZoneInfo) -> Proof | None:
    """Read `--proof` and `--on`; a day that is none in this zone, or lies ahead there, is a usage error."""
    if text is None or not text.strip():
        if on is not None:
            raise typer.BadParameter("say what proves it too, with --proof", param_hint="--on")
        return None
    try:
        at = now if on is None else datetime.combine(date.fromisoformat(on), time(), zone).astimezone(UTC)
    except ValueError as error:
        raise typer.BadParameter(f"{on} is no day; write one such as 2021-02-01", param_hint="--on") from error
    if at > now:
        raise typer.BadParameter(f"{on} has not come yet", param_hint="--on")
    return Proof(names.clean(text), at)


def language(tag: str) -> str:
    """Read `--language`, empty for that of the series; one that we do not speak is a usage error."""
    if tag and catalogues.locale(tag) is None:
        raise typer.BadParameter(f"{tag}{hint(tag, catalogues.LANGUAGES)}", param_hint="--language")
    return tag


async def run(
    settings: Settings, request: Request, told: str | None, on: str | None, *, ask: bool
) -> tuple[Proof | None, bool]:
    """Add a person, have them asked by mail if that is wanted and nothing is `told` that proves their consent, and
    leave an audit row; the proof, and whether they are asked."""
    now, key = edge.now(), settings.secrets.hash_key.get_secret_value()
    subject = suppression.address_hash(request.address.normal, key)
    async with edge.opened_by_key(settings) as database, database.begin() as connection:
        proven = proof(told, on, now, ZoneInfo(await store.timezone(connection)))
        for slug in request.topics:
            await store.find(connection, slug)
        if not request.locale:
            request = replace(request, locale=await store.language(connection))
        number = await adding.add(connection, request, proof=proven, hash_key=key, now=now)
        ask = ask and proven is None and not await unanswered.among(connection, [subject])
        if ask:
            await transactional.ask(connection, [number], now=now)
        await edge.audit(connection, "subscriber.added", subject, status="active" if proven else "pending", asked=ask)
        return proven, ask
