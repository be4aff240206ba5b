"""What is wrong with a file of MJML, read as its author wrote it: Jinja, line and column included.

MRML drops tags and attributes it does not know without a word. This finds them in the source, before Jinja runs, so
that an error names the place that is to be changed. Each file has to balance on its own, branches included.
"""

import re
from dataclasses import dataclass, field

from newsletter.content.mrml import ATTRIBUTES, CONTENT, PARENTS
from newsletter.suggest import hint

_JINJA = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
_MASKED = re.compile(r"<!--.*?-->|(?<=<mj-style>).*?(?=</mj-style>)", re.DOTALL)
_TAG = re.compile(r"""<(?P<closing>/?)(?P<name>[A-Za-z][\w:-]*)(?P<attributes>(?:"[^"]*"|'[^']*'|[^"'>])*)>""")
_ATTRIBUTE = re.compile(r"""([^\s=/"'<>]+)(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'>]*))?""")
_QUOTED = re.compile(r"""(["'])(.*?)\1""", re.DOTALL)
_BARE = re.compile(r"""([^\s=/"'<>]+)\s*=(?!\s*["'])""")
_VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"})
_ANY = frozenset().union(*ATTRIBUTES.values())


def faults(source: str) -> list[str]:
    """Every fault as `LINE:COLUMN: what; what would be right`, in the order of the file."""
    reading = _Reading(_MASKED.sub(_blank, _JINJA.sub(_blank, source)))
    for tag in _TAG.finditer(reading.source):
        if tag["closing"]:
            reading.close(tag["name"], tag.start())
        else:
            reading.open(tag)
    for name, position in reading.stack:
        reading.fault(position, f"<{name}> is never closed in this file")
    return [text for _, text in sorted(reading.found)]


def _blank(match: re.Match[str]) -> str:
    # Spaces of the same length keep every line and column where its author sees it.
    return re.sub(r"[^\n]", " ", match[0])


@dataclass(slots=True)
class _Reading:
    source: str
    stack: list[tuple[str, int]] = field(default_factory=list)
    found: list[tuple[int, str]] = field(default_factory=list)

    def fault(self, position: int, text: str) -> None:
        line = self.source.count("\n", 0, position) + 1
        column = position - self.source.rfind("\n", 0, position)
        self.found.append((position, f"{line}:{column}: {text}"))

    def open(self, tag: re.Match[str]) -> None:
        name = tag["name"]
        self._check_quotes(tag["attributes"], tag.start("attributes"))
        if name == "mjml" or name.startswith("mj-"):
            self._check_tag(name, tag.start())
            self._check_attributes(name, tag["attributes"], tag.start("attributes"))
        else:
            self._check_html(name, tag.start())
        if not tag["attributes"].endswith("/") and name.lower() not in _VOID:
            self.stack.append((name, tag.start()))

    def close(self, name: str, position: int) -> None:
        names = [opened for opened, _ in self.stack]
        if name not in names:
            self.fault(position, f"</{name}> closes what this file did not open")
            return
        while self.stack[-1][0] != name:
            inner, start = self.stack.pop()
            self.fault(start, f"<{inner}> is not closed before </{name}>")
        self.stack.pop()

    def _check_tag(self, name: str, position: int) -> None:
        parent = self.stack[-1][0] if self.stack else ""
        if "mj-attributes" in {parent, name} and name in {"mj-all", "mj-class", "mj-attributes"}:
            return
        if name not in ATTRIBUTES:
            self.fault(position, f"there is no <{name}> in MJML{hint(name, ATTRIBUTES)}")
        elif parent in ATTRIBUTES and parent != "mj-attributes" and parent not in PARENTS.get(name, {parent}):
            right = " or ".join(f"<{one}>" for one in sorted(PARENTS[name]))
            self.fault(position, f"<{name}> stands in <{parent}>; it belongs in {right}")

    def _check_html(self, name: str, position: int) -> None:
        parent = next((opened for opened, _ in reversed(self.stack) if opened in ATTRIBUTES), "")
        if parent and parent not in CONTENT:
            self.fault(position, f"<{name}> stands in <{parent}>, which takes no HTML; put it into <mj-text>")

    def _check_attributes(self, name: str, text: str, start: int) -> None:
        known = self._attributes_of(name)
        for attribute in _ATTRIBUTE.finditer(text):
            if known is not None and attribute[1] not in known:
                told = hint(attribute[1], known) if known else "; it takes none"
                self.fault(start + attribute.start(), f"<{name}> has no attribute {attribute[1]}{told}")

    def _check_quotes(self, text: str, start: int) -> None:
        """MRML cannot read a value without quotes, and does not say where."""
        for bare in _BARE.finditer(_QUOTED.sub(lambda found: f'"{_blank(found)[2:]}"', text)):
            self.fault(start + bare.start(), f'the value of {bare[1]} needs quotes: {bare[1]}="…"')

    def _attributes_of(self, name: str) -> frozenset[str] | None:
        if name in {"mj-all", "mj-class"}:
            return _ANY | {"name"}
        return ATTRIBUTES.get(name)
