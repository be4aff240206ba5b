"""The base of this package's errors."""


class WebhookError(Exception):
    """A report that cannot be believed or read, in one line."""
