"""`newsletter templates`: which mails there are, how they look, and whether they can go out; and pages to change."""

from pathlib import Path
from typing import Annotated

import typer

from newsletter.cli import edge, grouping, output
from newsletter.content import checking, gallery, languages, scaffolding
from newsletter.content.errors import ContentError, shown
from newsletter.content.facts import TRANSACTIONAL
from newsletter.suggest import hint
from newsletter.web import page_faults, pages

app = grouping.group()

Kinds = Annotated[list[str] | None, typer.Argument(metavar="KIND", help="Which; all of them, if none is named.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Own = Annotated[
    Path | None,
    typer.Option("--templates", metavar="DIR", help="Your templates, if not those that the settings name."),
]


@app.callback()
def templates() -> None:
    """List, begin, check templates of mails, and pages of your own."""


@app.command("list")
def list_(own: Own = None, as_json: AsJson = False) -> None:
    """List every kind of mail, whose template it is, and its languages.

    Example: newsletter templates list
    """
    folder = _own(own)
    kinds = [scaffolding.describe(kind, folder) for kind in languages.kinds(folder)]
    if as_json:
        edge.emit_json(kinds)
        return
    rows = [
        (one.kind, "yours" if one.is_own else "ours", ", ".join(one.languages), one.sent_to)
        for one in sorted(kinds, key=lambda one: (one.kind in TRANSACTIONAL, one.kind))
    ]
    edge.table(["kind", "whose", "also in", "sent to"], rows)


@app.command()
def new(
    kind: Annotated[str, typer.Argument(help="A kind of ours to make your own, or a new name.")],
    like: Annotated[str | None, typer.Option(metavar="KIND", help="What a new one begins as a copy of.")] = None,
    language: Annotated[
        str, typer.Option(metavar="LANGUAGE", help="Begin a translation instead: body.es.mjml and its like.")
    ] = "",
    own: Own = None,
) -> None:
    """Begin a template of your own as a copy of one there is.

    Example: newsletter templates new invitation --language es
    """
    folder = _folder(own)
    with output.writing():
        files = scaffolding.begin(kind, folder, like=like or kind, language=language)
    for file in files:
        edge.say(shown(str(file)))
    edge.say(f"Change them, then: newsletter templates check {kind}")


@app.command()
def page(
    name: Annotated[
        str, typer.Argument(help="Which, such as join, confirm, preferences, or base for what is around all.")
    ],
    own: Own = None,
) -> None:
    """Begin a page of the site as a copy of ours; yours is shown from then on.

    Example: newsletter templates page join
    """
    with output.writing():
        begun = pages.begin(name, _folder(own))
    edge.say(shown(str(begun)))


@app.command()
def check(kinds: Kinds = None, own: Own = None, as_json: AsJson = False) -> None:
    """Compile templates with everything they might have to say; each fault with its file, line and column.

    Your own pages are read too, unless you name kinds of mails.

    Ends with status 1 if there is a fault.

    Example: newsletter templates check invitation reminder
    """
    folder = _own(own)
    mails = [checking.check_kind(kind, folder) for kind in _known(kinds, folder)]
    own_pages = page_faults.check(folder) if folder is not None and not kinds else []
    found = [*mails, *own_pages]
    if as_json:
        edge.emit_json(found)
    else:
        for one in found:
            for fault in one.faults:
                edge.warn(fault)
            for note in one.notes:
                edge.say(f"note: {note}")
        count = sum(len(one.faults) for one in found)
        largest = max(mails, key=lambda one: one.html_size)
        size = (
            f"; the largest is {largest.kind}, {largest.html_size / 1000:.0f} KB of HTML" if largest.html_size else ""
        )
        seen = f"{edge.counted(len(mails), 'kind')}{', ' + edge.counted(len(own_pages), 'page') if own_pages else ''}"
        edge.say(f"{seen}, {edge.counted(count, 'fault')}{size}.")
    if any(one.faults for one in found):
        raise typer.Exit(1)


@app.command("gallery")
def gallery_(
    kinds: Kinds = None,
    folder: Annotated[Path, typer.Option(help="Where to hang the pictures.")] = Path("gallery"),
    sheet: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Put them all into one small PNG too, for a document.")
    ] = None,
    own: Own = None,
) -> None:
    """Take pictures of mails at 360 and 700 pixels, by day and by night, by Chromium.

    Example: newsletter templates gallery invitation --folder gallery
    """
    mine = _own(own)
    with output.writing():
        pictures = edge.run(gallery.hang(_known(kinds, mine), folder, mine))
    edge.say(f"{len(pictures)} pictures: {folder / 'index.html'}")
    if sheet is not None:
        with output.writing():
            gallery.sheet(pictures, sheet)
        edge.say(f"All of them in one: {sheet}")


def _folder(own: Path | None) -> Path:
    """Where a template is to begin; the folder that the settings name is made with it."""
    folder = _own(own) if own is not None else edge.settings(begins_templates=True).templates
    if folder is None:
        raise ContentError('there is no folder for your templates; name one in the settings: templates = "templates"')
    return folder


def _own(folder: Path | None) -> Path | None:
    if folder is not None and not folder.is_dir():
        raise ContentError(f"{folder}: there is no such folder")
    return folder or edge.settings().templates


def _known(kinds: list[str] | None, folder: Path | None) -> list[str]:
    known = languages.kinds(folder)
    for kind in kinds or []:
        if kind not in known:
            raise ContentError(f"there is no template for {kind}{hint(kind, known)}")
    return kinds or known
