"""`newsletter keys`: the keys that sign the links in mails."""

import os
from typing import Annotated

import typer

from newsletter import keyring
from newsletter.cli import edge, grouping
from newsletter.errors import NewsletterError
from newsletter.keyring import KeyInFile, KeysError

app = grouping.group()

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_VARIABLES = ("NEWSLETTER_SECRETS__SIGNING_KEYS", "NEWSLETTER_SECRETS")


class NotConfirmed(NewsletterError):
    """Something that cannot be undone was not confirmed."""


@app.callback()
def keys() -> None:
    """List, rotate and retire the keys that sign links."""


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the keys by fingerprint, newest first; the keys themselves stay hidden.

    Example: newsletter keys list --json
    """
    _refuse_variables()
    _tell(keyring.listed(edge.settings_file.get()), as_json=as_json)


@app.command()
def rotate(as_json: AsJson = False) -> None:
    """Put a fresh key in front of the others: it signs from now on, and old links still work.

    Example: newsletter keys rotate
    """
    _refuse_variables()
    _tell(keyring.rotate(edge.settings_file.get()), as_json=as_json)
    edge.warn(
        "Restart `newsletter serve` and every `newsletter worker`, and back up the settings file: links that go out "
        "then need its new key."
    )


@app.command()
def retire(
    fingerprint: Annotated[str, typer.Argument(help="Which key, as `keys list` names it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take out an old key; every link it signed is dead from then on, the ones to leave too.

    Example: newsletter keys retire 5f0c2a91 --yes
    """
    _refuse_variables()
    question = f"Take out {fingerprint}? The links it signed, also those to leave, will not work any more."
    if not yes and not edge.confirm(question):
        raise NotConfirmed("nothing was changed; --yes confirms it where nobody can be asked")
    _tell(keyring.retire(edge.settings_file.get(), fingerprint), as_json=as_json)
    edge.warn("Restart `newsletter serve` and every `newsletter worker`: until then, they still know the key.")


def _refuse_variables() -> None:
    if variable := next((name for name in _VARIABLES if name in os.environ), None):
        raise KeysError(f"${variable} gives the keys, not the settings file; put a new one first in it")


def _tell(found: list[KeyInFile], *, as_json: bool) -> None:
    if as_json:
        edge.emit_json(found)
        return
    rows = [(key.place, key.fingerprint, "signs new links" if key.signs else "opens old links") for key in found]
    edge.table(["", "fingerprint", "what it does"], rows, numbers=[""])
