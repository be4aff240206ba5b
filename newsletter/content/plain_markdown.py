"""A letter as plain text: what its Markdown means, without its marks, as one would type it in a mail."""

import html
import re
from collections.abc import Iterator, Sequence

from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode

from newsletter.content.plain import COLUMNS, tidy


def text(tokens: Sequence[Token]) -> str:
    """The paragraphs of a document, wrapped; a link stands after its words, a picture as what it shows."""
    return tidy("\n\n".join(_blocks(SyntaxTreeNode(tokens).children, COLUMNS)))


def inline(tokens: Sequence[Token]) -> str:
    """The words of a line."""
    return "".join(_words(SyntaxTreeNode(tokens).children))


def _blocks(nodes: Sequence[SyntaxTreeNode], room: int) -> Iterator[str]:
    for node in nodes:
        match node.type:
            case "heading":
                words = _inner(node)
                yield f"{words}\n{'-' * min(len(words), room)}"
            case "bullet_list" | "ordered_list":
                yield "\n".join(_items(node, room))
            case "blockquote":
                yield _indented("\n\n".join(_blocks(node.children, room - 2)), "> ", "> ", room)
            case "fence" | "code_block":
                yield "\n".join(f"    {line}" for line in node.content.rstrip("\n").split("\n"))
            case "hr":
                yield "* * *"
            case "table":
                yield "\n".join(_rows(node))
            case "html_block":
                yield _untagged(node.content)
            case _:
                yield _inner(node)


def _items(node: SyntaxTreeNode, room: int) -> Iterator[str]:
    first = int(node.attrs.get("start", 1))
    for number, item in enumerate(node.children, first):
        mark = "- " if node.type == "bullet_list" else f"{number}. "
        yield _indented("\n".join(_blocks(item.children, room - len(mark))), mark, " " * len(mark), room)


def _indented(block: str, first: str, others: str, room: int) -> str:
    wrapped = tidy(block, columns=room - len(others)).rstrip("\n").split("\n")
    lines = [f"{others}{line}".rstrip() for line in wrapped]
    return "\n".join([f"{first}{wrapped[0]}", *lines[1:]])


def _rows(table: SyntaxTreeNode) -> Iterator[str]:
    for part in table.children:
        for row in part.children:
            yield "  |  ".join(_inner(cell) for cell in row.children)


def _inner(node: SyntaxTreeNode) -> str:
    return "".join(_words(node.children)).strip()


def _words(nodes: Sequence[SyntaxTreeNode]) -> Iterator[str]:
    for node in nodes:
        match node.type:
            case "text" | "code_inline":
                yield node.content
            case "softbreak":
                yield " "
            case "hardbreak":
                yield "\n"
            case "html_inline":
                yield "\n" if node.content.startswith("<br") else ""
            case "image":
                yield f"[{node.content}]"
            case "link":
                yield _linked("".join(_words(node.children)), str(node.attrs.get("href", "")))
            case _:
                yield "".join(_words(node.children))


def _linked(words: str, address: str) -> str:
    bare = address.removeprefix("mailto:").removeprefix("tel:")
    return words if words.strip() in (address, bare) else f"{words} ({bare})"


def _untagged(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", markup)).split())
