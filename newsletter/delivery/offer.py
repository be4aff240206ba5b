"""What is offered to a relay, and in which words: one message for one recipient, in the commands this relay knows."""

import re
from dataclasses import dataclass
from typing import NamedTuple

from aiosmtplib import SMTP

_ADDRESS = re.compile(rb"[^\x00-\x20\x7f<>]+@[^\x00-\x20\x7f<>@]+")


class Item(NamedTuple):
    """One message for one recipient; a tuple, since one is made for every mail.

    `body` is in wire form without the final dot: CRLF, lines of at most 998 bytes, none beginning with a dot.
    `signatures` are header fields that go in front of it, ASCII alone.
    """

    key: int
    mail_from: bytes
    rcpt_to: bytes
    body: bytes
    signatures: bytes = b""

    @property
    def size(self) -> int:
        """Bytes of the whole message."""
        return len(self.signatures) + len(self.body)


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a relay said it understands when it was greeted (RFC 5321 section 4.1.1.1)."""

    lmtp: bool
    pipelining: bool
    chunking: bool
    utf8: bool
    eight_bit: bool
    takes_size: bool
    largest: int
    """In bytes; 0 where it names no limit."""

    @classmethod
    def of(cls, client: SMTP, *, lmtp: bool) -> "Dialect":
        """What a client heard in answer to EHLO, or LHLO."""
        limit = client.esmtp_extensions.get("size", "")
        return cls(
            lmtp=lmtp,
            pipelining=client.supports_extension("pipelining"),
            chunking=client.supports_extension("chunking"),
            utf8=client.supports_extension("smtputf8"),
            eight_bit=client.supports_extension("8bitmime"),
            takes_size=client.supports_extension("size"),
            largest=int(limit) if limit.isdigit() else 0,
        )

    def problem(self, item: Item) -> str | None:
        """Why an item cannot be offered here; nothing that passes can end a command or begin another."""
        if not _ADDRESS.fullmatch(item.rcpt_to) or not _ADDRESS.fullmatch(item.mail_from):
            return "553 5.1.3 the address cannot stand in an SMTP envelope"
        if not self.utf8 and not (item.rcpt_to.isascii() and item.mail_from.isascii()):
            return "553 5.6.7 the address needs SMTPUTF8, which the relay does not offer"
        if not self.eight_bit and not item.body.isascii():
            return "554 5.6.3 the message needs 8BITMIME, which the relay does not offer"
        if self.largest and item.size > self.largest:
            return f"552 5.3.4 the message is larger than the relay takes ({self.largest} bytes)"
        return None

    def mail(self, item: Item) -> bytes:
        """The MAIL command with the parameters of RFC 1870, 6152 and 6531 that are called for."""
        size = b" SIZE=%d" % item.size if self.takes_size else b""
        eight_bit = b"" if item.body.isascii() else b" BODY=8BITMIME"
        utf8 = b"" if item.rcpt_to.isascii() and item.mail_from.isascii() else b" SMTPUTF8"
        return b"MAIL FROM:<%b>%b%b%b\r\n" % (item.mail_from, size, eight_bit, utf8)

    def body(self, item: Item) -> tuple[bytes, bytes, bytes]:
        """The message: after a 354 ended by its dot, or where the relay takes chunks as a single one (RFC 3030)."""
        if self.chunking:
            return b"BDAT %d LAST\r\n" % item.size, item.signatures, item.body
        return item.signatures, item.body, b".\r\n"


def rcpt(item: Item) -> bytes:
    """The RCPT command."""
    return b"RCPT TO:<%b>\r\n" % item.rcpt_to
