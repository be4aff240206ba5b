"""A visitor's browser, as little of it as a page of plain forms needs: get, read, fill in, press a button."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

import altcha
import httpx2

from newsletter.demo.errors import DemoError


@dataclass(slots=True)
class Button:
    """A button that sends its form; what it says, and the name and value that pressing it adds."""

    name: str
    value: str
    label: str = ""


@dataclass(slots=True)
class Form:
    """A form as the page has filled it in: `fields` are the values it would send, `choices` what may be ticked.

    `challenge` is where its script gets the work to do before it is sent.
    """

    action: str
    challenge: str = ""
    fields: list[tuple[str, str]] = field(default_factory=list)
    choices: dict[str, list[str]] = field(default_factory=dict)
    buttons: list[Button] = field(default_factory=list)

    def filled(self, changes: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
        """The fields with these names' values in place of their own."""
        kept = [(name, value) for name, value in self.fields if name not in changes]
        return kept + [(name, value) for name, values in changes.items() for value in values]


@dataclass(frozen=True, slots=True)
class Page:
    """A page that was shown."""

    url: str
    status: int
    forms: tuple[Form, ...]
    text: str

    def has(self, *labels: str, value: str = "") -> bool:
        """Whether there is such a button (see `button`)."""
        return self._find(labels, value) is not None

    def button(self, *labels: str, value: str = "") -> tuple[Form, Button]:
        """The form and the button that begins with one of these words, or that sends this value. Raises DemoError."""
        found = self._find(labels, value)
        if found is None:
            wanted = value or " or ".join(labels)
            raise DemoError(f"{self.url} ({self.status}) has no button {wanted}: {self.text[:200]}")
        return found

    def _find(self, labels: tuple[str, ...], value: str) -> tuple[Form, Button] | None:
        for form in self.forms:
            for button in form.buttons:
                if button.value == value if value else button.label.startswith(labels):
                    return form, button
        return None

    def value(self, name: str) -> str:
        """What the page has filled in for a field, or nothing."""
        return next((value for form in self.forms for field_name, value in form.fields if field_name == name), "")


class Browser:
    """One visitor's connection to the site."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client

    async def open(self, url: str) -> Page:
        """Follow a link."""
        return _page(await self._client.get(url, follow_redirects=True))

    async def press(
        self, page: Page, form: Form, button: Button, changes: Mapping[str, Sequence[str]] | None = None
    ) -> Page:
        """Fill in a form, press its button, and see where that leads. Raises DemoError when it fails."""
        proof = {"altcha": [await self.prove(form.challenge)]} if form.challenge else {}
        fields = form.filled({**(changes or {}), **proof})
        if button.name:
            fields.append((button.name, button.value))
        data: dict[str, list[str]] = {}
        for name, value in fields:
            data.setdefault(name, []).append(value)
        answer = await self._client.post(urljoin(page.url, form.action), data=data, follow_redirects=True)
        if answer.status_code >= 500:
            raise DemoError(f"{page.url}: the form was answered with {answer.status_code}")
        return _page(answer)

    async def prove(self, url: str) -> str:
        """Work on a challenge as the form's script does; the solution as its field carries it."""
        challenge = altcha.Challenge.from_dict((await self._client.get(url)).json())
        solution = await asyncio.to_thread(altcha.solve_challenge, challenge)
        if solution is None:
            raise DemoError(f"{url}: no solution was found")
        return altcha.Payload(challenge, solution).to_base64()


_NOT_CHOSEN = re.compile(r"<option(?![^>]* selected)[^>]*>[^<]*(?:</option>)?")
"""What a closed list does not show. Of the time zones there are four hundred, and they take longest to read."""


def _page(response: httpx2.Response) -> Page:
    reader = _Reader()
    reader.feed(_NOT_CHOSEN.sub("", response.text))
    return Page(str(response.url), response.status_code, tuple(reader.forms), " ".join("".join(reader.text).split()))


class _Reader(HTMLParser):
    """Collects the forms of a page and the words on it."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.text: list[str] = []
        self._form: Form | None = None
        self._button: Button | None = None
        self._select = ""
        self._is_hidden = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = Form(values.get("action", ""), values.get("data-challenge", ""))
            self.forms.append(self._form)
        elif tag in ("style", "script", "title"):
            self._is_hidden = True
        elif self._form is not None:
            self._part(tag, values, self._form)

    def _part(self, tag: str, values: dict[str, str], form: Form) -> None:
        name = values.get("name", "")
        if tag == "input":
            self._input(name, values, form)
        elif tag == "button":
            self._button = Button(name, values.get("value", ""))
            form.buttons.append(self._button)
        elif tag == "select":
            self._select = name
        elif tag == "option" and "selected" in values:
            form.fields.append((self._select, values.get("value", "")))

    def _input(self, name: str, values: dict[str, str], form: Form) -> None:
        value = values.get("value", "")
        if values.get("type") not in ("checkbox", "radio"):
            form.fields.append((name, value))
            return
        form.choices.setdefault(name, []).append(value)
        if "checked" in values:
            form.fields.append((name, value))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "button":
            self._button = None
        elif tag in ("style", "script", "title"):
            self._is_hidden = False

    def handle_data(self, data: str) -> None:
        if self._is_hidden:
            return
        if self._button is not None:
            self._button.label = f"{self._button.label} {data}".strip()
        self.text.append(data)
