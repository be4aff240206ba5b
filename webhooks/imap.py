"""A mailbox read by IMAP (RFC 3501), told of new mail by IDLE (RFC 2177) where the server knows that.

Everything here blocks: it belongs in a thread.
"""

import contextlib
import imaplib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Self

from imap_tools.errors import ImapToolsError, UnexpectedCommandStatusError
from imap_tools.mailbox import BaseMailBox, MailBox, MailBoxUnencrypted

from webhooks.account import Account, MailboxError
from webhooks.reports import mime

_ERRORS = (imaplib.IMAP4.error, ImapToolsError, OSError)
_GLANCE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Imap:
    """A connection that is logged in, with one folder open."""

    account: Account
    box: BaseMailBox
    capabilities: frozenset[str]

    @classmethod
    def open(cls, account: Account) -> Self:
        """Connect, log in and open the folder. Raises MailboxError."""
        words = account.xoauth2()
        try:
            box = _connected(account)
            try:
                if account.tls == "required":
                    box.client.starttls(account.context())
                _log_in(box, account, words)
                _, listed = box.client.capability()  # servers tell more to those who are logged in
            except (*_ERRORS, MailboxError):
                with contextlib.suppress(OSError):  # TLS that failed may have taken the connection along
                    box.client.shutdown()
                raise
        except _ERRORS as error:
            raise _failed(account, error) from error
        return cls(account, box, frozenset(listed[-1].decode("ascii", "replace").upper().split()))

    def waiting(self) -> Iterator[tuple[str, bytes]]:
        """Each message in the folder, oldest first: its UID, and its bytes up to what a report is read of.

        Nothing moves and nothing is marked: whoever stores a message calls `done` with its UID. Raises MailboxError.
        """
        try:
            for uid in self.box.uids("UNDELETED"):
                raw = self._fetch(uid)
                if raw is not None:
                    yield uid, raw
        except _ERRORS as error:
            raise _failed(self.account, error) from error

    def done(self, key: str) -> None:
        """Delete a message that is stored; nothing happens when it is gone already. Raises MailboxError."""
        try:
            self.box.client.uid("STORE", key, "+FLAGS.SILENT", r"(\Deleted)")
            if "UIDPLUS" in self.capabilities:
                self.box.client.uid("EXPUNGE", key)
            else:
                self.box.client.expunge()
        except _ERRORS as error:
            raise _failed(self.account, error) from error

    def wait(self, seconds: float, stopped: Callable[[], bool]) -> None:
        """Return when the server tells of new mail, after so many seconds, or when stopped. Raises MailboxError.

        Look again also when nothing was told: what comes just before IDLE begins may go unmentioned. Servers hang up
        after half an hour of it (RFC 2177 3).
        """
        until = time.monotonic() + seconds
        try:
            if "IDLE" in self.capabilities:
                with self.box.idle as idle:
                    while not stopped() and time.monotonic() < until and not idle.poll(_GLANCE_SECONDS):
                        pass
            else:
                while not stopped() and time.monotonic() < until:
                    time.sleep(_GLANCE_SECONDS)
                self.box.client.noop()
        except _ERRORS as error:
            raise _failed(self.account, error) from error

    def close(self) -> None:
        """Log out, as far as the connection still allows."""
        try:
            self.box.logout()
        except _ERRORS:
            self.box.client.shutdown()

    def _fetch(self, uid: str) -> bytes | None:
        """The beginning of a message, unmarked; None when another reader was quicker."""
        _, data = self.box.client.uid("FETCH", uid, f"(BODY.PEEK[]<0.{mime.MOST_BYTES}>)")
        return next((part[1] for part in data if isinstance(part, tuple)), None)


def _failed(account: Account, error: Exception) -> MailboxError:
    """What to say of an error: the server's own words, without those that the libraries put around them."""
    if isinstance(error, imaplib.IMAP4.readonly):
        return account.failed(
            imaplib.IMAP4.error(f"we may only read the folder {account.folder}, and not delete there")
        )
    if isinstance(error, UnexpectedCommandStatusError):
        return account.failed(imaplib.IMAP4.error(*error.command_result[1][:1]))
    return account.failed(error)


def _connected(account: Account) -> BaseMailBox:
    place: dict[str, Any] = {"host": account.host, "port": account.port, "timeout": account.timeout}
    if account.tls == "implicit":
        return MailBox(**place, ssl_context=account.context())
    return MailBoxUnencrypted(**place)


def _log_in(box: BaseMailBox, account: Account, words: str | None) -> None:
    if words is not None:
        box.client.authenticate("XOAUTH2", lambda _: words.encode())
    else:
        box.client.login(account.username, account.password)
    box.folder.set(account.folder)
