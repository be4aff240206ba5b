"""The errors of this room."""

from newsletter.errors import NewsletterError


class ContentError(NewsletterError):
    """A template, or a value for one, that would not make a proper mail; a line for each fault, with its place."""
