"""What is wrong with the staff's own pages, read before anybody asks for one: else a mistake is in the log alone."""

from collections.abc import Iterator
from pathlib import Path

import jinja2
from jinja2 import meta

from newsletter.content import logic, pointing
from newsletter.content.checking import Checked
from newsletter.content.errors import shown
from newsletter.suggest import hint
from newsletter.web import pages
from newsletter.web.look import Look

_EVERYWHERE: logic.Names = {**dict.fromkeys(pages.WORDS), "look": logic.members(Look)}


def check(own: Path) -> list[Checked]:
    """Each page in `own`/pages by its file's name, with its faults as `FILE:LINE:COLUMN: what`."""
    environment = pages.environment(own)
    return [_checked(file, environment) for file in sorted((own / "pages").glob("*.html"), key=lambda file: file.stem)]


def _checked(file: Path, environment: jinja2.Environment) -> Checked:
    name, ours, told = f"pages/{file.name}", pages.FOLDER / file.name, shown(str(file))
    try:
        source = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        return Checked(name, 0, (f"{told}: is not in UTF-8 (byte {error.start})",))
    names = {**dict.fromkeys(_given(ours, environment)), **_EVERYWHERE} if ours.exists() else None
    faults = [*logic.faults_of_page(source, environment, names), *_missing(source, environment)]
    notes = () if names is not None or name.startswith("pages/_") else (f"{told}: {_unknown(file)}",)
    return Checked(name, 0, tuple(f"{told}:{fault}" for fault in faults), notes)


def _given(ours: Path, environment: jinja2.Environment) -> set[str]:
    """What a page is given: the names that ours of that name uses without making them itself."""
    tree = environment.parse(ours.read_text(encoding="utf-8"))
    return meta.find_undeclared_variables(tree) - logic.made(tree)


def _missing(source: str, environment: jinja2.Environment) -> Iterator[str]:
    """The templates that a page names and that are not there."""
    try:
        tree = environment.parse(source)
    except jinja2.TemplateSyntaxError:
        return  # which is told already
    known = environment.list_templates(extensions=["html"])
    for name in meta.find_referenced_templates(tree):
        if name is not None and name not in known:
            at = source.index(name)
            place = f"{pointing.line_of(source, at)}:{pointing.column_of(source, at)}"
            yield f"{place}: there is no page {name}{hint(name, known)}"


def _unknown(file: Path) -> str:
    return f"no page is called so{hint(file.stem, pages.names())}"
