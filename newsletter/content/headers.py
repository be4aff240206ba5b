"""The header of every mail: what mailboxes, list programs and complaint loops need, safe from any value's content.

RFC 5322, 2047 (names and subjects in any script), 2369 and 8058 (List-*), 2919 (List-Id), 3834, 9477 (CFBL-*).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from newsletter import idn
from newsletter.constellation.model import Constellation
from newsletter.content import quoting, slots
from newsletter.content.errors import ContentError
from newsletter.content.filler import Filler, Piece, Values, as_it_is

TOKEN_LINES = {
    "brevo": "X-Mailin-custom: %(token)s",
    "mailersend": "X-MailerSend-Tags: %(token)s",
    "mailgun": 'X-Mailgun-Variables: {"token": "%(token)s"}',
    "mailjet": "X-MJ-CustomID: %(token)s",
    "mailtrap": 'X-MT-Custom-Variables: {"token": "%(token)s"}',
    "mandrill": 'X-MC-Metadata: {"token": "%(token)s"}',
    "postmark": "X-PM-Metadata-token: %(token)s",
    "sendgrid": 'X-SMTPAPI: {"unique_args": {"token": "%(token)s"}}',
    "sparkpost": 'X-MSYS-API: {"metadata": {"token": "%(token)s"}}',
}
"""The header line by which each provider hands our delivery token back in its reports: most of them write their own
Message-ID and envelope sender over ours, and then nothing else says which delivery a report is about."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who a mailing is from, and where its answers and reports go.

    `campaign` is the campaign's slug; "" makes the mail transactional (RFC 3834: Auto-Submitted, no List-*).
    `bounce` is the address that takes returned mail ("bounce@bounces.example.org"); unsubscribing by mail and
    complaint reports use its domain. "" leaves both out. `date` is aware. `providers` are those who may relay the
    mail, each of whom finds its own of TOKEN_LINES: a repeat by another is the same mail. `archive` is where everybody
    may read what was sent, and `archived_at` this very mail; "" for nowhere.
    """

    sender_name: str
    sender_email: str
    reply_to: str
    contact: str
    list_name: str
    list_slug: str
    date: datetime
    campaign: str = ""
    bounce: str = ""
    providers: tuple[str, ...] = ()
    archive: str = ""
    archived_at: str = ""

    @classmethod
    def of(
        cls,
        constellation: Constellation,
        *,
        date: datetime,
        campaign: str = "",
        bounce: str = "",
        providers: tuple[str, ...] = (),
        archive: str = "",
        archived_at: str = "",
    ) -> "Envelope":
        """The envelope of a constellation's mails: `settings.bounces.address` and `settings.providers`."""
        return cls(
            sender_name=constellation.sender.name,
            sender_email=constellation.sender.email,
            reply_to=constellation.sender.reply_to,
            contact=constellation.contact,
            list_name=constellation.name,
            list_slug=constellation.slug,
            date=date,
            campaign=campaign,
            bounce=bounce,
            providers=providers,
            archive=archive,
            archived_at=archived_at,
        )

    @property
    def domain(self) -> str:
        """The sender's domain as A-labels: the right side of Message-ID and List-Id."""
        return _ascii_domain(self.sender_email)


def fixed(envelope: Envelope, kind: str) -> bytes:
    """The header lines that are the same for everyone, apart from those of MIME."""
    if envelope.date.tzinfo is None:
        raise ContentError("the date of a mailing needs a time zone")
    lines = [
        _fixed_mailbox("From", envelope.sender_name, envelope.sender_email),
        quoting.header("Date", format_datetime(envelope.date)),
    ]
    if envelope.reply_to:
        lines.append(_fixed_mailbox("Reply-To", "", envelope.reply_to))
    feedback = ":".join(map(_word, (envelope.campaign or "transactional", envelope.list_slug, kind, envelope.domain)))
    lines.append(quoting.header("Feedback-ID", feedback))
    if envelope.bounce:
        lines.append(quoting.header("CFBL-Address", f"{slots.address(envelope.bounce)}; report=arf"))
    if not envelope.campaign:
        return b"".join([*lines, quoting.header("Auto-Submitted", "auto-generated")])
    if envelope.archived_at:  # RFC 2369, section 3.6, and RFC 5064
        lines.append(quoting.header("List-Archive", f"<{slots.url(envelope.archive)}>"))
        lines.append(quoting.header("Archived-At", f"<{slots.url(envelope.archived_at)}>"))
    list_id = f"<{_word(envelope.list_slug)}.{envelope.domain}>"
    return b"".join(
        [
            *lines,
            b"List-Id: " + quoting.phrase(envelope.list_name) + b"\r\n " + list_id.encode() + b"\r\n",
            quoting.header("List-Help", f"<mailto:{slots.address(envelope.contact)}?subject=help>"),
            quoting.header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
            quoting.header("Precedence", "bulk"),
        ]
    )


def personal(envelope: Envelope, site: str) -> list[Piece]:
    """The header lines that are each person's own, apart from Subject; links lead to the pages of `site`."""
    lines = [f"Message-ID: <%(token)s@{envelope.domain}>"]
    ways_out = ["<%(one_click_url)s>"]
    if envelope.bounce:
        lines.append("CFBL-Feedback-ID: %(token)s")
        ways_out.append(f"<mailto:unsubscribe+%(token)s@{_ascii_domain(envelope.bounce)}>")
    lines += [TOKEN_LINES[name] for name in envelope.providers]
    if envelope.campaign:
        # One line, however long: relays that meet a folded List-Unsubscribe refold it, and DKIM breaks.
        lines.append("List-Unsubscribe: " + ", ".join(ways_out))
    parts = slots.opened(re.split(r"%\((\w+)\)s", "".join(f"{line}\r\n" for line in lines)), site)
    return [_TO, *(as_it_is(part) if odd % 2 else part.encode() for odd, part in enumerate(parts))]


def _to(values: Values) -> bytes:
    return _mailbox("To", f"{values['first_name']} {values['last_name']}".strip(), values["address"])


_TO = Filler(("address", "first_name", "last_name"), _to)


def subject(said: Sequence[str], site: str) -> list[Piece]:
    """The Subject of its parts: text at even places, at odd ones the names of slots, or of links to pages of `site`."""
    parts = slots.opened(said, site)
    if len(parts) == 1:
        return [quoting.header("Subject", parts[0])]

    def make(values: Values) -> bytes:
        joined = "".join(values[part] if odd % 2 else part for odd, part in enumerate(parts))
        return quoting.header("Subject", joined)

    return [Filler(tuple(parts[1::2]), make)]


def _fixed_mailbox(field: str, name: str, address: str) -> bytes:
    return _mailbox(field, name, slots.address(address))


def _mailbox(field: str, name: str, address: str) -> bytes:
    checked = address.encode()
    line = field.encode() + b": "
    if not (shown := quoting.phrase(name)):
        return line + checked + b"\r\n"
    line += shown
    # The address takes a line of its own where both would be longer than RFC 5322 2.1.1 likes.
    gap = b" <" if len(line) - line.rfind(b"\n") + len(checked) < 74 else b"\r\n <"
    return line + gap + checked + b">\r\n"


def _ascii_domain(address: str) -> str:
    return idn.in_ascii(slots.address(address).rpartition("@")[2])


def _word(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text)
