"""Changing an event where it stands in the constellation file, which keeps its comments and its order.

The file is what the season is; a command that changes an event changes it there, and then loads it.
"""

import copy
import re
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from newsletter import tomlfile
from newsletter.constellation import file as files
from newsletter.constellation.faults import ConstellationError, Fault
from newsletter.constellation.model import Constellation
from newsletter.suggest import hint
from newsletter.tomlfile import TomlFile

Value = date | bool


@dataclass(frozen=True, slots=True)
class Edited:
    """A file as it would be, whether that is other than it is, and the constellation that it would describe. `write`
    puts it in its place."""

    path: Path
    source: str
    is_other: bool
    constellation: Constellation

    def write(self) -> None:
        """Replace the file. Raises ConstellationError, and then it is as it was."""
        try:
            tomlfile.replace(self.path.resolve(), self.source)
        except OSError as error:
            raise ConstellationError(self.path, [Fault(None, error.strerror or str(error))]) from error


def change(path: Path, slug: str, values: Mapping[str, Value]) -> Edited:
    """The file with these values of an event; one that is not there yet comes below its slug.

    Times without a zone are by the clock at its place. Raises ConstellationError: for a file that is wrong, before or
    after; for an event that is not in it; and where it is written in a way that is not changed here.
    """
    file = _read(path)
    entry = _entry(file, slug)
    wanted = copy.deepcopy(file.data)
    wanted["event"][entry].update(values)
    before = _source(path)
    lines = before.split("\n")
    for name, value in values.items():
        _set(lines, file, entry, name, value)
    source = "\n".join(lines)
    if _parsed(source) != wanted:
        raise _unclear(file, entry, slug)
    return Edited(path, source, source != before, _checked(path, source))


def _read(path: Path) -> TomlFile:
    files.read(path)  # what is wrong with it already is said first, with its line
    return tomlfile.read(path)


def _entry(file: TomlFile, slug: str) -> int:
    slugs = [event["slug"] for event in file.data.get("event", [])]
    if slug not in slugs:
        raise ConstellationError(file.path, [Fault(None, f"there is no event {slug} in it{hint(slug, slugs)}")])
    return slugs.index(slug)


def _set(lines: list[str], file: TomlFile, entry: int, name: str, value: Value) -> None:
    """Write a value on its line, or on a new one below the slug. Lines above it have not moved: see the order."""
    text = str(value).lower() if isinstance(value, bool) else value.isoformat()
    if name in file.data["event"][entry]:
        at = file.line("event", entry, name) - 1
        lines[at] = re.sub(rf"^(\s*{name}\s*=\s*)[^#\r]*?(\s*(?:#.*)?\r?)$", rf"\g<1>{text}\g<2>", lines[at])
    else:
        at = file.line("event", entry, "slug") - 1
        ending = "\r" if lines[at].endswith("\r") else ""
        lines[at] = f"{lines[at]}\n{name} = {text}{ending}"  # on the same entry: the numbers of the others stay


def _source(path: Path) -> str:
    with path.open(encoding="utf-8", newline="") as file:
        return file.read()


def _parsed(source: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(source.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError:
        return None


def _unclear(file: TomlFile, entry: int, slug: str) -> ConstellationError:
    text = (
        f"event {slug} is written in a way this command does not change; write each value on a line of its own, "
        "or edit the file by hand, and then: newsletter constellation load"
    )
    return ConstellationError(file.path, [Fault(file.line("event", entry), text)])


def _checked(path: Path, source: str) -> Constellation:
    """What the new source describes; what is wrong with it is said of the file that it is meant for."""
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / path.name
        trial.write_text(source, encoding="utf-8", newline="")
        try:
            return files.read(trial)
        except ConstellationError as error:
            raise ConstellationError(path, error.faults) from error
