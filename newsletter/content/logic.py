"""What is wrong with a template's Jinja, read before it runs, so that no branch has to be reached to be checked.

Tags that do not balance, names that nothing gives, filters that do not exist, and slots that something is decided on.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import jinja2
from jinja2 import meta, nodes

from newsletter.constellation.model import Constellation, Event
from newsletter.content.colours import Palette
from newsletter.content.letters import Letter
from newsletter.content.pointing import column, column_of, line_of
from newsletter.content.slots import IN_TEMPLATES, cannot
from newsletter.suggest import hint

Names = Mapping[str, frozenset[str] | None]
"""What a template is given, and what each of it has, where that is known beforehand."""


def members(of: type) -> frozenset[str]:
    """What each of a class has."""
    return frozenset(name for name in dir(of) if not name.startswith("_"))


NAMES: Names = {
    "constellation": members(Constellation),
    "event": members(Event),
    "previous": members(Event),
    "brand": members(Palette),
    "person": frozenset({"named", "confirmed", "timezone", "is_gone", "is_choosy", *IN_TEMPLATES["person"]}),
    "links": frozenset({"join", "events", "calendar", "archive", *IN_TEMPLATES["links"]}),
    "letter": members(Letter),
    **dict.fromkeys(
        [
            "upcoming",
            "items",
            "note",
            "public_url",
            "confirm_days",
            "confirm_hours",
            "reminds",
            "locale",
            "language",
            "timezone",
            "is_public",
        ]
    ),
}
"""Everything a template of a mail is given."""

_OF_JINJA = frozenset({"loop", "self", "super", "caller", "varargs", "kwargs"})

_BLOCKS = frozenset({"if", "for", "block", "macro", "call", "filter", "trans", "autoescape", "with", "set"})
_MIDDLES = {"else": {"if", "for"}, "elif": {"if"}, "pluralize": {"trans"}}
_SINGLES = frozenset({"include", "import", "from", "extends"})
_TAGS = frozenset({*_BLOCKS, *_MIDDLES, *_SINGLES, "raw", "endraw", *(f"end{name}" for name in _BLOCKS)})

_VERBATIM = re.compile(r"\{#.*?#\}|(?<=\{% raw %\}).*?(?=\{% endraw %\})", re.DOTALL)
_TAG = re.compile(r"\{%[-+]?\s*(?P<name>\w+)(?P<rest>.*?)[-+]?%\}", re.DOTALL)


def faults(source: str, environment: jinja2.Environment, *, is_whole: bool = True) -> list[str]:
    """Every fault as `LINE:COLUMN: what; what would be right`, in the order of the file.

    A file that others include (not `is_whole`) may use what they have set, so its names are only tried as it runs.
    """
    return _faults(source, environment, NAMES if is_whole else None, has_slots=True)


def faults_of_page(source: str, environment: jinja2.Environment, names: Names | None) -> list[str]:
    """The same of a page, which is given `names` (None: whatever those have who include it) and may decide on each."""
    return _faults(source, environment, names, has_slots=False)


def _faults(source: str, environment: jinja2.Environment, names: Names | None, *, has_slots: bool) -> list[str]:
    found = _unbalanced(_VERBATIM.sub(_blank, source))
    if not found:
        try:
            tree = environment.parse(source)
        except jinja2.TemplateSyntaxError as error:
            return [f"{error.lineno}:{column(source, error.lineno)}: {error.message}"]
        decided = _decided(tree, source) if has_slots else ()
        found = sorted({*_unknown_helpers(tree, source, environment), *decided})
        if names is not None and not found:  # Jinja looks for names only where it knows every filter
            found = sorted({*_unknown_names(tree, source, environment, names)})
    return [f"{line}:{start}: {text}" for line, start, text in found]


_Fault = tuple[int, int, str]
"""Line, column, and what is wrong there."""


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", match[0])


@dataclass(slots=True)
class _Balance:
    """The blocks that are open, and what was found wrong."""

    source: str
    stack: list[tuple[str, int]] = field(default_factory=list)
    found: list[_Fault] = field(default_factory=list)

    def fault(self, position: int, text: str) -> None:
        self.found.append((line_of(self.source, position), column_of(self.source, position), text))

    def close(self, name: str, position: int) -> None:
        if name not in [opened for opened, _ in self.stack]:
            self.fault(position, f"{{% end{name} %}} closes what this file did not open")
            return
        while self.stack[-1][0] != name:
            inner, start = self.stack.pop()
            self.fault(start, f"{{% {inner} %}} is not closed before {{% end{name} %}}")
        self.stack.pop()


def _unbalanced(source: str) -> list[_Fault]:
    balance = _Balance(source)
    for tag in _TAG.finditer(source):
        name, position = tag["name"], tag.start()
        inside = balance.stack[-1][0] if balance.stack else ""
        if name not in _TAGS:
            balance.fault(position, f"there is no {{% {name} %}}{hint(name, _TAGS)}")
        elif name in _MIDDLES and inside not in _MIDDLES[name]:
            right = " or ".join(f"{{% {one} %}}" for one in sorted(_MIDDLES[name]))
            balance.fault(position, f"{{% {name} %}} belongs in {right}")
        elif name.removeprefix("end") in _BLOCKS and name.startswith("end"):
            balance.close(name.removeprefix("end"), position)
        elif name in _BLOCKS and not (name == "set" and "=" in tag["rest"]):
            balance.stack.append((name, position))
    for name, position in balance.stack:
        balance.fault(position, f"{{% {name} %}} is never closed in this file")
    return sorted(balance.found)


def _unknown_helpers(tree: nodes.Template, source: str, environment: jinja2.Environment) -> Iterator[_Fault]:
    for node in tree.find_all((nodes.Filter, nodes.Test)):
        assert isinstance(node, nodes.Filter | nodes.Test)  # noqa: S101 # what was asked for
        known = environment.filters if isinstance(node, nodes.Filter) else environment.tests
        if node.name not in known:
            what = "filter" if isinstance(node, nodes.Filter) else "test"
            yield _at(source, node.lineno, node.name, f"there is no {what} {node.name}{hint(node.name, known)}")


def made(tree: nodes.Template) -> set[str]:
    """The names that a template makes itself: what it sets, its macros and what it imports."""
    own = {name.name for name in tree.find_all(nodes.Name) if name.ctx in ("store", "param")}
    own |= {macro.name for macro in tree.find_all(nodes.Macro)}
    return own.union(*map(_imported, tree.find_all((nodes.Import, nodes.FromImport))))


def _unknown_names(
    tree: nodes.Template, source: str, environment: jinja2.Environment, names: Names
) -> Iterator[_Fault]:
    own = made(tree)
    known = {*names, *own, *_OF_JINJA, *environment.globals}
    unknown = meta.find_undeclared_variables(tree) - known
    for name in tree.find_all(nodes.Name):
        if name.name in unknown:
            told = f"{name.name} is undefined{hint(name.name, {*names, *own})}"
            yield _at(source, name.lineno, name.name, told)
    for node in tree.find_all(nodes.Getattr):
        root = node.node.name if isinstance(node.node, nodes.Name) else ""
        found = None if root in own else names.get(root)
        if found is not None and node.attr not in found:
            whole = f"{root}.{node.attr}"
            yield _at(source, node.lineno, whole, f"{whole} is undefined{hint(node.attr, found)}")


def _imported(node: nodes.Node) -> set[str]:
    if isinstance(node, nodes.Import):
        return {node.target}
    assert isinstance(node, nodes.FromImport)  # noqa: S101 # the other of the two
    return {name if isinstance(name, str) else name[1] for name in node.names}


def _decided(tree: nodes.Template, source: str) -> Iterator[_Fault]:
    """The slots that a condition looks at, or that something other than writing is done to."""
    looking = (nodes.Compare, nodes.And, nodes.Or, nodes.Not, nodes.Filter, nodes.Test, nodes.Concat, nodes.BinExpr)
    places: list[nodes.Node] = [*tree.find_all(looking)]
    for choice in tree.find_all((nodes.If, nodes.CondExpr)):
        assert isinstance(choice, nodes.If | nodes.CondExpr)  # noqa: S101 # what was asked for
        places.append(choice.test)
    for place in places:
        for used in (place, *place.find_all(nodes.Getattr)):
            if isinstance(used, nodes.Getattr) and isinstance(used.node, nodes.Name):
                whole = f"{used.node.name}.{used.attr}"
                if used.attr in IN_TEMPLATES.get(used.node.name, {}):
                    yield _at(source, used.lineno, whole, cannot(whole))


def _at(source: str, line: int, needle: str, text: str) -> _Fault:
    return line, column(source, line, needle), text
