"""Reading a table of a file so that every fault is found at once, each with its line."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from newsletter.constellation.values import Wrong, describe, shown
from newsletter.errors import NewsletterError
from newsletter.suggest import nearest
from newsletter.tomlfile import Key, TomlFile

Value = TypeVar("Value")
Fallback = TypeVar("Fallback")


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """What is wrong on a line (None when the file cannot be read at all), and what would be right."""

    line: int | None
    text: str


class ConstellationError(NewsletterError):
    """The file describes no constellation; the text has a line `FILE:LINE: what; what would be right` per fault."""

    def __init__(self, path: object, faults: Collection[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(f"{path}:{f.line}: {f.text}" if f.line else f"{path}: {f.text}" for f in faults))


@dataclass(slots=True)
class Section:
    """One table of a file, read key by key; what is wrong is added to `faults`, which all sections share.

    `label` is what people call the table, `why` what to write for a key that is missing. A key that is never asked
    for is unknown: `done` says so.
    """

    file: TomlFile
    key: Key
    label: str
    data: Mapping[str, Any]
    why: Mapping[str, str]
    faults: list[Fault]
    asked: list[str] = field(default_factory=list)

    def fault(self, text: str, *below: str | int) -> None:
        """Note a fault at a key of this table, or at the table itself."""
        named = "".join(f"{part}: " for part in below[:1])
        self.faults.append(Fault(self.file.line(*self.key, *below), f"{self.label}: {named}{text}"))

    def has(self, name: str) -> bool:
        """Whether a key is in the file, right or wrong."""
        return name in self.data

    def need(self, name: str, check: Callable[[Any], Value], otherwise: Fallback) -> Value | Fallback:
        """A value that must be there; `otherwise` where it is missing or wrong."""
        if name not in self.data:
            self.fault(f"{name} is missing; {self.why[name]}")
        return self.may(name, check, otherwise)

    def may(self, name: str, check: Callable[[Any], Value], otherwise: Fallback) -> Value | Fallback:
        """A value that may be left out; `otherwise` where it is missing or wrong."""
        self.asked.append(name)
        if name not in self.data:
            return otherwise
        try:
            return check(self.data[name])
        except Wrong as wrong:
            self.fault(str(wrong), name)
            return otherwise

    def table(self, name: str, label: str, why: Mapping[str, str], *, needed: bool = True) -> "Section":
        """A table inside this one. Where it is missing or no table, its keys are not missed one by one as well."""
        self.asked.append(name)
        inner = self.data.get(name)
        if isinstance(inner, dict):
            return Section(self.file, (*self.key, name), label, inner, why, self.faults)
        if inner is not None:
            self.fault(f"this is {describe(inner)}; write a table, as in {self.why[name]}", name)
        elif needed:
            self.fault(f"{name} is missing; write {self.why[name]}")
        return Section(self.file, (*self.key, name), label, {}, why, [])

    def tables(self, name: str, label: str, why: Mapping[str, str]) -> "list[Section]":
        """The entries of an array of tables, none where it is missing; each is called by its slug or its number."""
        self.asked.append(name)
        entries = self.data.get(name, [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            self.fault(f"this is no list of tables; begin each with [[{name}]], in double brackets", name)
            return []
        return [
            Section(self.file, (*self.key, name, n), f"{label} {_called(entry, n)}", entry, why, self.faults)
            for n, entry in enumerate(entries)
        ]

    def done(self, instead: Mapping[str, str] | None = None) -> None:
        """Note every key nobody asked for; `instead` says what to write in place of some of them."""
        for name in self.data:
            if name in self.asked:
                continue
            near = (instead or {}).get(name) or _instead(name, self.asked)
            self.fault(f"there is no key {name!r} here; {near}", name)


def _called(entry: Mapping[str, Any], number: int) -> str:
    slug = entry.get("slug")
    return shown(slug)[1:-1] if isinstance(slug, str) and slug.strip() else f"number {number + 1}"


def _instead(wrong: str, known: Collection[str]) -> str:
    near = nearest(wrong, known)
    return f"did you mean {near}?" if near else f"known: {', '.join(sorted(known))}"
