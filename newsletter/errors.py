"""The base of every error this package shows to a person: one line, no traceback."""


class NewsletterError(Exception):
    """Something a person can put right; its text is one line that says what, where and what would be right."""
