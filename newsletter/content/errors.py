"""The errors of this room, and how they name files."""

from pathlib import Path

from newsletter.errors import NewsletterError


class ContentError(NewsletterError):
    """A template, or a value for one, that would not make a proper mail; a line for each fault, with its place.

    `needle` is the name that was wrong, for whoever knows the template to point at it; `is_placed` says that the text
    names its places already.
    """

    def __init__(self, text: str, *, needle: str = "", is_placed: bool = False) -> None:
        super().__init__(text)
        self.needle = needle
        self.is_placed = is_placed


class Unfit(ContentError):
    """What makes one person's mail impossible, whatever becomes of its template: a value that no mail may carry, or an
    event that is no more."""


def shown(path: str) -> str:
    """A file's name as a person at this terminal would type it."""
    try:
        return str(Path(path).resolve().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return path
