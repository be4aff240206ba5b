"""What can keep the demo from its end."""

from newsletter.errors import NewsletterError


class DemoError(NewsletterError):
    """The demo cannot begin, or a person in it met a page that does not work."""
