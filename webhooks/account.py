"""The account of a mailbox at a mail server: where it is, how it is reached, and who we are there."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from webhooks.errors import WebhookError

Protection = Literal["implicit", "required", "none"]
"""TLS from the first byte; TLS asked for in clear and insisted on (STARTTLS, STLS); none at all."""


class MailboxError(WebhookError):
    """A mailbox is not there, or cannot be read."""


@dataclass(frozen=True, slots=True)
class Account:
    """One mailbox. With a `token_file`, XOAUTH2 is spoken with the access token that stands in it at that moment."""

    host: str
    port: int
    username: str
    password: str = field(default="", repr=False)
    token_file: Path | None = None
    tls: Protection = "implicit"
    ca_file: Path | None = None
    folder: str = "INBOX"
    timeout: float = 60.0

    def context(self) -> ssl.SSLContext:
        """What TLS believes: the system's authorities, or only those in `ca_file`. Raises MailboxError."""
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise MailboxError(f"{self.ca_file}: no certificates can be read from this file") from error

    def xoauth2(self) -> str | None:
        """The words of XOAUTH2 (https://developers.google.com/workspace/gmail/imap/xoauth2-protocol), or None.

        Raises MailboxError.
        """
        if self.token_file is None:
            return None
        try:
            token = self.token_file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise MailboxError(f"{self.token_file}: no access token can be read from this file") from error
        return f"user={self.username}\x01auth=Bearer {token}\x01\x01"

    def failed(self, error: Exception) -> MailboxError:
        """What to say of an error that the server or the network gave."""
        said = error.args[0] if error.args and isinstance(error.args[0], bytes) else str(error).encode()
        words = " ".join(said.decode("utf-8", "replace").split())[:300] or type(error).__name__
        return MailboxError(f"{self.username} at {self.host}:{self.port}: {words}")
