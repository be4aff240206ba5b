"""What a Markdown file says of itself between two lines of ---, before it begins."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import yaml

from newsletter.content.errors import ContentError
from newsletter.suggest import hint, nearest


class Images(StrEnum):
    """Where a mail's pictures are: on our server, or in the mail."""

    HOSTED = "hosted"
    EMBEDDED = "embedded"


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a value stands: `line` and `column` of its first character, from 1, and how it is written there."""

    line: int = 1
    column: int = 1
    written: str = ""

    def of(self, value: str, position: int) -> tuple[int, int]:
        """Line and column of a position in the value as it was read: without quotes, and on one line."""
        at = -1
        for sign in value[: position + 1]:
            at = next((n for n in range(at + 1, len(self.written)) if _same(self.written[n], sign)), at)
        before = self.written[: max(0, at if position < len(value) else at + 1)]
        begins = 1 if "\n" in before else self.column
        return self.line + before.count("\n"), begins + len(before.rpartition("\n")[2])


def _same(written: str, sign: str) -> bool:
    return written == sign or (written.isspace() and sign == " ")


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """The values; what is not said is empty. `body` is what follows, which begins after `lines` lines of the file.

    `spots` say where in the file the values stand.
    """

    subject: str
    preheader: str
    headline: str
    kicker: str
    event: str
    audience: str
    language: str
    images: Images
    body: str
    lines: int
    spots: Mapping[str, Spot]


KEYS = ("subject", "preheader", "headline", "kicker", "event", "audience", "language", "images")

_FENCED = re.compile(r"---[ \t]*\n(?P<yaml>.*?\n|)---[ \t]*(?:\n|$)", re.DOTALL)


def read(text: str, file: str) -> FrontMatter:
    """The front matter of a file's text. Raises ContentError, a line for each fault as `FILE:LINE:COLUMN: what`."""
    fenced = _FENCED.match(text)
    if fenced is None:
        example = "---, subject: What it is about, ---"
        raise ContentError(f"{file}:1:1: the file begins with no front matter; begin it with three lines: {example}")
    values, spots, faults = _values(fenced["yaml"], file)
    if not faults and not values.get("subject", "").strip():
        faults = [f"{file}:1:1: the front matter names no subject"]
    if faults:
        raise ContentError("\n".join(faults), is_placed=True)
    told = {key: " ".join(values.get(key, "").split()) for key in KEYS if key != "images"}
    images = Images(values.get("images", Images.HOSTED))
    lines = text.count("\n", 0, fenced.end())
    return FrontMatter(**told, images=images, body=text[fenced.end() :], lines=lines, spots=spots)


def _values(source: str, file: str) -> tuple[dict[str, str], dict[str, Spot], list[str]]:
    try:
        tree = yaml.compose(source, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 2, mark.column + 1) if mark is not None else (2, 1)
        return {}, {}, [f"{file}:{line}:{column}: {error.problem}; put quotes around a text with a colon"]
    except yaml.YAMLError as error:
        return {}, {}, [f"{file}:2:1: {' '.join(str(error).split())}"]
    if tree is None:
        return {}, {}, []
    if not isinstance(tree, yaml.MappingNode):
        return {}, {}, [f"{file}:2:1: the front matter is lines of `name: value`"]
    values: dict[str, str] = {}
    spots: dict[str, Spot] = {}
    faults = []
    for key, value in tree.value:
        fault = _fault(key, value, values)
        if fault:
            faults.append(f"{file}:{key.start_mark.line + 2}:{key.start_mark.column + 1}: {fault}")
        else:
            values[key.value] = value.value
            begins, ends = value.start_mark, value.end_mark
            spots[key.value] = Spot(begins.line + 2, begins.column + 1, source[begins.index : ends.index])
    return values, spots, faults


def _fault(key: yaml.Node, value: yaml.Node, known: dict[str, str]) -> str:
    name = str(key.value)
    if name not in KEYS:
        return f"{name}: there is no such name here{hint(name, KEYS)}"
    if name in known:
        return f"{name}: this is said twice"
    if not isinstance(value, yaml.ScalarNode):
        return f"{name}: this is one text, not a list"
    if name == "images" and value.value not in list(Images):
        near = nearest(value.value, list(Images))
        return f"images: hosted or embedded, not {value.value}" + (f"; did you mean {near}?" if near else "")
    return ""
