"""The base of this package's errors."""


class SubscribersError(Exception):
    """Something about a subscriber, an address or a link that a person can put right, in one line."""
