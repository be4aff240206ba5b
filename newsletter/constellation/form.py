"""What the form asks beside the address, as values that nothing changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self


class Names(StrEnum):
    """Which names the form asks for."""

    BOTH = "both"
    FIRST = "first"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Role:
    """Something that a person may come as: the word that is kept, and what is read for it in each language."""

    word: str
    label: str
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)  # a dict has no hash, and mails are kept by it

    def read_in(self, language: str) -> str:
        """What stands in the form; `label` in a language that has none of its own."""
        return self.labels.get(language, self.label)

    def __str__(self) -> str:
        """Everything of it: `teacher (Teacher)`, or `teacher (de: Lehrkraft, en: Teacher)`."""
        told = ", ".join(f"{language}: {label}" for language, label in sorted(self.labels.items()))
        return f"{self.word} ({told or self.label})"


@dataclass(frozen=True, slots=True)
class Form:
    """Beside the address: names, a role where there are `roles`, the events to follow and a time zone."""

    names: Names = Names.BOTH
    roles: tuple[Role, ...] = ()
    events: bool = True
    timezone: bool = True

    def __str__(self) -> str:
        """Everything of it on a line: `both names; role: student (Student), teacher (Teacher); events; time zone`."""
        names = {Names.BOTH: "both names", Names.FIRST: "first name", Names.NONE: ""}[self.names]
        roles = "role: " + ", ".join(map(str, self.roles)) if self.roles else ""
        asked = (names, roles, "events" if self.events else "", "time zone" if self.timezone else "")
        return "; ".join(filter(None, asked)) or "the address alone"

    def to_document(self) -> dict[str, Any]:
        """What JSON can hold."""
        roles = [{"word": role.word, "label": role.label, "labels": dict(role.labels)} for role in self.roles]
        return {"names": self.names.value, "roles": roles, "events": self.events, "timezone": self.timezone}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """The value that `to_document` wrote."""
        names, roles = Names(document["names"]), tuple(Role(**role) for role in document["roles"])
        return cls(names, roles, document["events"], document["timezone"])
