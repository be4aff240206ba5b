"""A socket for a server that a command runs, refused with one clear line."""

import socket

from newsletter.errors import NewsletterError


class CannotListen(NewsletterError):
    """The address is taken, is not this machine's, or needs more rights than we have."""


def at(host: str, port: int) -> socket.socket:
    """Listen at an address; port 0 takes a free one. Raises CannotListen."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OverflowError as error:
        raise CannotListen(f"cannot listen at port {port}: a port is at most 65535") from error
    except OSError as error:
        # Python adds the address to the system's own words, which this line names already.
        reason = (error.strerror or str(error)).partition(" (")[0]
        raise CannotListen(f"cannot listen at {host}:{port}: {reason}; choose another with --host or --port") from error
