"""A mailbox read by POP3 (RFC 1939), for servers that speak nothing better.

Everything here blocks: it belongs in a thread. A server deletes what is `done` when the session is closed.
"""

import base64
import contextlib
import poplib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from webhooks.account import Account, MailboxError
from webhooks.reports import mime

_ERRORS = (poplib.error_proto, OSError)
_MOST_LINES = 20_000

# A mail may have longer lines than the library thinks, and one of them would end the whole session.
poplib._MAXLINE = 4 * mime.MOST_BYTES  # type: ignore[attr-defined]  # there is no other way to say it


@dataclass(frozen=True, slots=True)
class Pop3:
    """A session that is logged in."""

    account: Account
    session: poplib.POP3

    @classmethod
    def open(cls, account: Account) -> Self:
        """Connect and log in. Raises MailboxError."""
        words = account.xoauth2()
        try:
            session = _connected(account)
            try:
                if account.tls == "required":
                    session.stls(account.context())
                _log_in(session, account, words)
            except (*_ERRORS, MailboxError):
                with contextlib.suppress(OSError):  # TLS that failed may have taken the connection along
                    session.close()
                raise
        except _ERRORS as error:
            raise account.failed(error) from error
        return cls(account, session)

    def waiting(self) -> Iterator[tuple[str, bytes]]:
        """Each message, oldest first: its number in this session, and its bytes up to what a report is read of.

        Raises MailboxError.
        """
        try:
            for entry in self.session.list()[1]:
                number, _, size = entry.decode("ascii", "replace").partition(" ")
                yield number, self._beginning(number, int(size))
        except (*_ERRORS, ValueError) as error:
            raise self.account.failed(error) from error

    def done(self, key: str) -> None:
        """Mark a message that is stored as to be deleted. Raises MailboxError."""
        try:
            self.session.dele(key)
        except _ERRORS as error:
            raise self.account.failed(error) from error

    def close(self) -> None:
        """End the session, upon which the server deletes what is done; what it did not, is read once more."""
        try:
            self.session.quit()
        except _ERRORS:
            self.session.close()

    def _beginning(self, number: str, size: int) -> bytes:
        is_small = size <= mime.MOST_BYTES
        _, lines, _ = self.session.retr(number) if is_small else self.session.top(number, _MOST_LINES)
        return b"\r\n".join(lines)[: mime.MOST_BYTES]


def _connected(account: Account) -> poplib.POP3:
    if account.tls == "implicit":
        return poplib.POP3_SSL(account.host, account.port, timeout=account.timeout, context=account.context())
    session = poplib.POP3.__new__(poplib.POP3)
    try:
        session.__init__(account.host, account.port, timeout=account.timeout)  # type: ignore[misc]  # as the class does
    except _ERRORS:
        with contextlib.suppress(AttributeError):  # it has no connection
            session.close()  # which the library leaves open where no greeting comes, with nobody to close it
        raise
    return session


def _log_in(session: poplib.POP3, account: Account, words: str | None) -> None:
    if words is not None:
        session._shortcmd("AUTH XOAUTH2")  # type: ignore[attr-defined]  # the library knows no AUTH (RFC 5034)
        answer = session._shortcmd(base64.b64encode(words.encode()).decode())  # type: ignore[attr-defined]
        if not answer.startswith(b"+OK"):  # a refusal comes as one more challenge, which wants an empty answer
            session._shortcmd("")  # type: ignore[attr-defined]
    else:
        session.user(account.username)
        session.pass_(account.password)
