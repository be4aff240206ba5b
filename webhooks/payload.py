"""Reads JSON that others wrote: nothing in it may surprise us by its depth, its encoding or its types."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn

from webhooks.errors import MalformedReport

MAX_DEPTH = 40
MAX_TEXT = 4000
"""Characters kept of any one text: a diagnostic may quote a whole page."""

_STRUCTURE = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{]|[\]}]', re.DOTALL)
_CONTROL = re.compile(r"[\x00\ud800-\udfff]")


def load(body: bytes) -> Any:
    """The JSON value in `body`. Raises MalformedReport when it is not UTF-8, not JSON, or nested too deeply."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MalformedReport(f"the body is not UTF-8 at byte {error.start}") from error
    _check_depth(text)
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except ValueError as error:
        raise MalformedReport(f"the body is not JSON: {error}") from error


def _check_depth(text: str) -> None:
    """json.loads recurses: what is too deep must not reach it."""
    depth = 0
    for match in _STRUCTURE.finditer(text):
        sign = match[0]
        if sign in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise MalformedReport(f"the body is nested more than {MAX_DEPTH} levels deep")
        elif sign in "]}":
            depth -= 1


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


@dataclass(frozen=True, slots=True)
class Fields:
    """A JSON object that is read leniently: what is missing or of the wrong type reads as empty."""

    data: dict[str, Any]

    @classmethod
    def of(cls, value: Any) -> "Fields":
        """The fields of `value`; none when it is not an object."""
        return cls(value if isinstance(value, dict) else {})

    def text(self, *names: str) -> str:
        """The first of these that is a text or a number, trimmed and capped; empty when there is none."""
        for name in names:
            value = self.data.get(name)
            if isinstance(value, (str, int, float)) and not isinstance(value, bool) and value != "":
                return _CONTROL.sub("", str(value)[:MAX_TEXT]).strip()
        return ""

    def true(self, name: str) -> bool:
        """Whether the field is `true`, also where it is written as a text."""
        return self.data.get(name) in (True, "true", "True")

    def child(self, *path: str) -> "Fields":
        """The object at the end of this path; without fields when there is none."""
        found: Any = self.data
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        return Fields.of(found)

    def children(self, name: str) -> list["Fields"]:
        """The objects in the list of that name."""
        value = self.data.get(name)
        return [Fields(item) for item in value if isinstance(item, dict)] if isinstance(value, list) else []

    def texts(self, name: str) -> list[str]:
        """The texts in the list of that name, or the one text that stands there itself."""
        value = self.data.get(name)
        values = value if isinstance(value, list) else [value]
        return [_CONTROL.sub("", item[:MAX_TEXT]).strip() for item in values if isinstance(item, str) and item.strip()]

    def header(self, name: str) -> str:
        """A mail header out of `[{"name", "value"}]` or `{name: value}`, whichever the field `headers` holds."""
        return next((value for key, value in self._headers() if key.casefold() == name.casefold()), "")

    def _headers(self) -> Iterator[tuple[str, str]]:
        value = self.data.get("headers")
        if isinstance(value, dict):
            yield from ((key, text) for key, text in value.items() if isinstance(text, str))
        elif isinstance(value, list):
            for item in value:
                match item:
                    case {"name": str(key), "value": str(text)} | [str(key), str(text)]:
                        yield key, text

    def at(self, *names: str, now: datetime) -> datetime:
        """The first of these that is a time: ISO 8601, or seconds or milliseconds since 1970; otherwise `now`.

        Never after `now`: a provider's clock that runs ahead must not make an old bounce look newer than a
        person's fresh consent.
        """
        for name in names:
            found = instant(self.data.get(name))
            if found is not None:
                return min(found, now)
        return now


def instant(value: Any) -> datetime | None:
    """A moment out of ISO 8601 text or a count since 1970 (UTC where no zone is named), None when it is neither."""
    try:
        if isinstance(value, str) and not _is_number(value):
            found = datetime.fromisoformat(value.strip().removesuffix(" UTC").replace(" +", "+"))
            return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
        if isinstance(value, (int, float, str)) and not isinstance(value, bool):
            seconds = float(value)
            return datetime.fromtimestamp(seconds / 1000 if seconds > 1e11 else seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def _is_number(text: str) -> bool:
    return text.strip().replace(".", "", 1).isascii() and text.strip().replace(".", "", 1).isdigit()


def objects(value: Any) -> list[Fields]:
    """The objects of a batch, or the one object that was sent without a list around it."""
    items = value if isinstance(value, list) else [value]
    if not all(isinstance(item, dict) for item in items):
        raise MalformedReport("the body must be a JSON object, or a list of them")
    return [Fields(item) for item in items]
