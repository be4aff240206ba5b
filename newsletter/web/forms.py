"""What was sent to a page, urlencoded, multipart or JSON, as one kind of value."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

_MOST_FIELDS = 400
_HALVES = re.compile(r"[\ud800-\udfff]")
"""Halves of surrogate pairs: JSON can name one alone, as of a sign that a script has cut in two, and UTF-8 has none."""


@dataclass(frozen=True, slots=True)
class Form:
    """The fields that were sent, each with its values in order. What is not there is empty."""

    fields: Mapping[str, tuple[str, ...]]
    is_json: bool = False

    def text(self, name: str) -> str:
        """The first value of a field, trimmed."""
        return next(iter(self.fields.get(name, ())), "").strip()

    def many(self, name: str) -> tuple[str, ...]:
        """Every value of a field that says anything."""
        return tuple(value.strip() for value in self.fields.get(name, ()) if value.strip())

    def has(self, name: str) -> bool:
        """Whether the field was sent at all, empty or not."""
        return name in self.fields


def kind(request: Request) -> str:
    """The media type of the body, without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read(request: Request) -> Form:
    """Read the body; one of another kind counts as empty. Raises HTTPException 400 for one that is broken."""
    match kind(request):
        case "application/json":
            return _of_json(await request.body())
        case "application/x-www-form-urlencoded":
            return _of_pairs(await request.body())
    # Files are never wanted; a part that claims to be one is refused before it is kept.
    async with request.form(max_files=0, max_fields=_MOST_FIELDS) as form:
        return _of((name, value) for name, value in form.multi_items() if isinstance(value, str))


def _of_pairs(body: bytes) -> Form:
    try:
        return _of(parse_qsl(body.decode(errors="replace"), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError as error:
        raise HTTPException(400, f"A form here has at most {_MOST_FIELDS} fields.") from error


def _of(pairs: Iterable[tuple[str, str]]) -> Form:
    fields: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        fields[name] = (*fields.get(name, ()), value)
    return Form(fields)


def _of_json(body: bytes) -> Form:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "The body is not JSON.") from error
    if not isinstance(document, dict):
        raise HTTPException(400, 'Send a JSON object, as in {"email": "ana@example.org"}.')
    fields = {name: _values(name, value) for name, value in document.items()}
    return Form({name: tuple(_whole(name, one) for one in values) for name, values in fields.items()}, is_json=True)


def _whole(name: str, value: str) -> str:
    """A value without half a sign; an address, which without it would be somebody else's, is left to be refused."""
    return _HALVES.sub("\0" if name == "email" else "", value)


def _values(name: str, value: object) -> tuple[str, ...]:
    match value:
        case None:
            return ()
        case str():
            return (value,)
        case list() if all(isinstance(item, str) for item in value):
            return tuple(value)
        case _:
            raise HTTPException(400, f"“{name}” must be text, or a list of texts.")
