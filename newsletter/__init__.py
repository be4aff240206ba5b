"""The mail service for a series of events: it composes `subscribers` and `webhooks` into one program."""

__version__ = "0.1.0"
