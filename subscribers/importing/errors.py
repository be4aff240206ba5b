"""What stops an import as a whole; what is wrong with one row only is a Rejected."""

from subscribers.errors import SubscribersError


class ImportFailed(SubscribersError):
    """A file cannot be imported, or not any further: the text names the file and what would be right."""
