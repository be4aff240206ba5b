"""The errors of this room, and how they name files."""

from pathlib import Path

from newsletter.errors import NewsletterError


class ContentError(NewsletterError):
    """A template, or a value for one, that would not make a proper mail; a line for each fault, with its place."""


def shown(path: str) -> str:
    """A file's name as a person at this terminal would type it."""
    try:
        return str(Path(path).resolve().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return path
