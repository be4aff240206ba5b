"""What stops an import as a whole, and what only keeps one row out."""

from enum import StrEnum

from subscribers.errors import SubscribersError


class ImportFailed(SubscribersError):
    """A file cannot be imported, or not any further: the text names the file and what would be right."""


class Refused(Exception):
    """A row that is not taken, for a fault that is counted; the text is for the person who will mend it."""

    def __init__(self, fault: StrEnum, reason: str) -> None:
        super().__init__(reason)
        self.fault = fault
