"""The errors of this package; each carries the HTTP status that tells the sender what to do next."""

from typing import ClassVar


class WebhookError(Exception):
    """A report that cannot be believed or read, in one line."""

    status: ClassVar[int] = 400


class MalformedReport(WebhookError):
    """The report is authentic but not what its provider documents."""

    status: ClassVar[int] = 400


class NotAuthentic(WebhookError):
    """The report is not signed, or not by whom it claims, or it was signed too long ago."""

    status: ClassVar[int] = 401


class NotConfigured(WebhookError):
    """No key is set for this provider, or none that it takes: nothing it sends is believed, and it tells us nothing."""

    status: ClassVar[int] = 403


class UnknownProvider(WebhookError):
    """There is no provider of that name."""

    status: ClassVar[int] = 404


class TooLarge(WebhookError):
    """The body, or the number of events in it, is over the cap."""

    status: ClassVar[int] = 413


class Unavailable(WebhookError):
    """What another host has for us could not be fetched just now; a report that needs it should be sent again."""

    status: ClassVar[int] = 503


class Unacceptable(MalformedReport):
    """A malformed report of a provider that repeats itself for hours unless it is told 406."""

    status: ClassVar[int] = 406
