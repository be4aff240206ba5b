"""`newsletter subscribers release`: a suppression undone, here and at the providers that hold the address too."""

from dataclasses import dataclass
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.cli import edge
from newsletter.feedback import inbox
from newsletter.settings import Settings
from subscribers import addresses, directory, suppression
from subscribers.addresses import Address
from subscribers.directory import NoSuchSubscriber
from subscribers.suppression import Reason
from webhooks import asking
from webhooks import lists as providers
from webhooks.errors import NotConfigured
from webhooks.lists import LISTS, WITHOUT


@dataclass(frozen=True, slots=True)
class Released:
    """What an address was suppressed for, None if it was not; what the person had said before, and still counts; whose
    lists it was taken off; who may hold it still."""

    was: Reason | None
    still: Reason | None
    taken_off: list[str]
    may_hold: list[str]


def release(
    email: Annotated[str, typer.Argument(help="The address.")],
    note: Annotated[str, typer.Option(help="Why, for the record.")] = "",
    at_provider: Annotated[
        bool, typer.Option("--at-provider", help="Take it off the lists of providers too, by their APIs.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Undo a suppression by staff or for bounces; what a person said, that person alone undoes.

    Example: newsletter subscribers release ana@example.org --note "mailbox works again"
    """
    settings, address = edge.settings(), addresses.parse(email)
    done = edge.run(_release(settings, address, note, at_provider=at_provider))
    if as_json:
        edge.emit_json(
            {
                "address": address.given,
                "released": done.was,
                "still": done.still,
                "taken_off": done.taken_off,
                "may_hold": done.may_hold,
            }
        )
        return
    if done.was is None:
        edge.say(f"{address.given} was not suppressed here.")
    else:
        edge.say(f"{address.given} is released (was: {done.was}).")
    if done.still is not None:
        edge.prose(f"They are still suppressed for “{done.still}”, which only they can undo, by joining again.")
    for name in done.taken_off:
        edge.say(f"{name} does not hold it any more.")
    for name in done.may_hold:
        edge.say(f"{name} reported it, and may go on refusing mail to it: {_how(name)}.")


def _how(name: str) -> str:
    if name in LISTS:
        return f"take it off at {LISTS[name].where}, or by --at-provider"
    return f"look there ({WITHOUT[name]})"


async def _release(settings: Settings, address: Address, note: str, *, at_provider: bool) -> Released:
    key = settings.secrets.hash_key.get_secret_value()
    hashed = suppression.address_hash(address.normal, key)
    lists = providers.configured(settings.webhooks.in_clear()) if at_provider else []
    if at_provider and not lists:
        raise NotConfigured(f"no API key of any provider is set under [webhooks]: {', '.join(providers.LISTS)}")
    async with edge.opened_by_key(settings) as database:
        async with database.read() as connection:
            held = await suppression.finding_of_hash(connection, hashed)
            reporters = await _reporters(connection, address)
        taken_off = []
        # Whoever may not be released is not taken off any list either, and what cannot be taken off is not released.
        if held is None or (held.reason in suppression.STAFF_MAY_LIFT and held.own_word is None):
            for one in lists:
                async with asking.opened(one.access(), edge.now) as api:
                    if await one.remove(api, address.given):
                        taken_off.append(one.name)
        async with database.begin() as connection:
            if held is not None or not at_provider:
                held = await directory.release(connection, address, hash_key=key, note=note, now=edge.now())
            was, still = (held.reason, held.own_word) if held is not None else (None, None)
            detail = {"note": note, "reason": was, "still": still, "taken_off": taken_off}
            await edge.audit(connection, "subscriber.released", hashed, **detail)
    asked = {one.name for one in lists}
    return Released(was, still, taken_off, sorted(reporters - asked))


async def _reporters(connection: AsyncConnection, address: Address) -> set[str]:
    """The providers that reported the address, if it is somebody's here."""
    try:
        person = await directory.find(connection, address)
    except NoSuchSubscriber:
        return set()
    return await inbox.reporters(connection, person.id) & (LISTS.keys() | WITHOUT.keys()) - {"generic"}
