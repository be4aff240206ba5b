"""`newsletter dkim`: the keys that sign mails, and what the DNS says of them."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from newsletter import setting_values
from newsletter.cli import edge, grouping
from newsletter.dkim import files, keys, publication
from newsletter.dkim.keys import Algorithm, DkimError, Key
from newsletter.dkim.publication import Verdict
from newsletter.setting_tables import Dkim

app = grouping.group()

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@dataclass(frozen=True, slots=True)
class Shown:
    """A key as it is listed; the key itself stays in its file."""

    domain: str
    selector: str
    algorithm: Algorithm
    signs: str
    name: str
    record: str


@app.callback()
def dkim() -> None:
    """Make, list and check the keys that sign mails."""


@app.command()
def make(
    domain: Annotated[str, typer.Argument(help="The sender's domain, as in its address.")],
    selector: Annotated[str, typer.Option(help="What tells its keys apart; this month if left out.")] = "",
    ed25519: Annotated[bool, typer.Option("--ed25519", help="An Ed25519 key, to have beside an RSA one.")] = False,
    file: Annotated[Path | None, typer.Option(help="Where to keep it; dkim/ beside the settings if left out.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key; print what to publish in the DNS and to write into the settings.

    Example: newsletter dkim make example.org
    """
    algorithm = Algorithm.ED25519 if ed25519 else Algorithm.RSA
    selector = selector or f"{'e' if ed25519 else 's'}{edge.now():%Y%m}"
    try:
        domain, selector = setting_values.domain(domain), setting_values.selector(selector)
    except ValueError as error:
        raise DkimError(str(error)) from error
    home = edge.settings_file.get().resolve().parent
    kept = Path(f"dkim/{selector}.{domain}.pem") if file is None else file.resolve()
    files.make(algorithm, home / kept)
    made = files.load(Dkim(domain=domain, selector=selector, key_file=home / kept))
    table = f'[[dkim]]\ndomain = "{domain}"\nselector = "{selector}"\nkey_file = "{kept}"'
    if as_json:
        edge.emit_json({"file": home / kept, "name": made.name, "record": made.record, "settings": table})
        return
    edge.say(f"The key is in {home / kept}. Keep it private, and back it up.\n")
    edge.say(f"1. Publish this TXT record:\n\n{_record(made)}\n")
    edge.say(f"2. Add to the end of {edge.settings_file.get()}:\n\n{table}\n")
    edge.say(
        "3. Once `newsletter dkim check` is content, restart `newsletter serve`, or every `newsletter worker`: mail is "
        "signed from then on."
    )


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the keys of the settings, and which of them sign now.

    Example: newsletter dkim list --json
    """
    shown = _shown(_configured(), edge.now())
    if as_json:
        edge.emit_json(shown)
        return
    rows = [(one.domain, one.selector, one.algorithm, one.signs) for one in shown]
    edge.table(["domain", "selector", "key", "signs"], rows)


@app.command()
def record(as_json: AsJson = False) -> None:
    """Print the DNS record of every key.

    Example: newsletter dkim record
    """
    found = _configured()
    if as_json:
        edge.emit_json([{"name": key.name, "record": key.record} for key in found])
        return
    for key in found:
        edge.say(f"{_record(key)}\n")


@app.command()
def check(
    server: Annotated[str, typer.Option(help="Ask this name server: HOST or HOST:PORT.")] = "",
    as_json: AsJson = False,
) -> None:
    """Look up the record of every key; status 1 when one that signs now is not published as it must be.

    Example: newsletter dkim check --server 9.9.9.9
    """
    findings = asyncio.run(publication.check(_configured(), edge.now(), server=_server(server)))
    if as_json:
        edge.emit_json(findings)
    else:
        rows = [(one.name, one.algorithm, "now" if one.signs else "no", one.verdict) for one in findings]
        edge.table(["record", "key", "signs", "in the DNS"], rows)
    faults = [one for one in findings if one.is_fault]
    if faults and not as_json:
        edge.warn("Receivers cannot verify what is signed now. `newsletter dkim record` prints what must be published.")
    waiting = [one for one in findings if not one.signs and one.verdict is Verdict.MISSING]
    if waiting and not as_json:
        edge.warn("A key without a record signs nothing yet: publish it before its time comes, or take it out.")
    raise typer.Exit(1 if faults else 0)


def _configured() -> list[Key]:
    configured = edge.settings().dkim
    if not configured:
        raise DkimError("the settings name no key; `newsletter dkim make DOMAIN` makes one")
    return [files.load(one) for one in configured]


def _shown(every: list[Key], now: datetime) -> list[Shown]:
    return [
        Shown(key.domain, key.selector, key.algorithm, _when(key, every, now), key.name, key.record) for key in every
    ]


def _when(key: Key, every: list[Key], now: datetime) -> str:
    if key in keys.signing(every, key.domain, now):
        return "now"
    return "no more" if key.is_in_force(now) else f"from {edge.moment(key.signs_from)}"


def _record(key: Key) -> str:
    return f"{keys.zone_line(key)}\n\nIn a form on the web:\n  name   {key.name}\n  value  {key.record}"


def _server(text: str) -> tuple[str, int] | None:
    host, _, port = text.partition(":")
    if port and not port.isdigit():
        raise DkimError(f"--server {text}: write the address of a name server, as in 9.9.9.9 or 127.0.0.1:5353")
    return (host, int(port or 53)) if host else None
