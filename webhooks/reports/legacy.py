"""Bounces that are no DSN: flufl.bounce for the old formats, then X-Failed-Recipients, then the one address named.

Nothing here is tried on a mail that does not come from a mail system: a person may write about a bounce.
"""

import email
import logging
import re

from flufl.bounce import all_failures

from webhooks import classification, phrasing
from webhooks.events import Reason
from webhooks.reports import about, dsn, mime, quoted, signs
from webhooks.reports.report import Action, Recipient

logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)  # it logs each mail that its readers stumble over

MOST_FOR_FLUFL = 150_000
"""Bytes handed to the library, whose readers go through a text line by line, each with its own expressions."""

MOST_NOTICE = 20_000
"""Characters of a notice that are read; those who write more are quoting."""

_DAEMON = re.compile(
    r"mailer-?daemon|post_?master|mail[ ._-]*deliver|mdaemon|mail[ ._-]*administrator|system[ ._-]*administrator"
    r"|mail[ ._-]*(?:system|service)|(?:mail|smtp)[ ._-]*gateway|double-?bounce|mmdf|smtpd?@|mail-daemon|nondeliver"
    r"|\bndr@|bounces?@|<>",
    re.IGNORECASE,
)
_NO_REPLY = re.compile(r"(?<![\w.+-])(?:no|do[-_.]?not)[-_.]?reply@", re.IGNORECASE)
_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&*+/?^_`{|}~.\u00c0-\u024f\u0370-\u05ff=-]{1,128}"
    r"@[A-Za-z0-9\u00c0-\u024f\u0370-\u05ff.-]{1,254}[A-Za-z0-9\u00c0-\u024f\u0370-\u05ff]"
)
"""An address in running text. Chinese and Japanese write on without a space, so their letters end it."""
_HEAD = re.compile(
    rf"^[ \t>]{{0,20}}(?:(?:rcpt )?to:[ \t]{{0,20}})?<?({_ADDRESS.pattern})>?[ \t]{{0,20}}(?::|$)",
    re.IGNORECASE | re.MULTILINE,
)
_ASKED = re.compile(
    rf"^[^\w\n]{{0,20}}(?:sent\b[^\w\n]{{1,20}})?rcpt to:[ \t]{{0,20}}<?{_ADDRESS.pattern}",
    re.IGNORECASE | re.MULTILINE,
)
_ANSWERED = re.compile(r"^[^\w\n]{0,20}(?:received\b[^\w\n]{1,20})?5\d\d\b", re.IGNORECASE | re.MULTILINE)
_TRACE = re.compile(r"^(?:received|return-path):", re.IGNORECASE | re.MULTILINE)
_COPIED_TO = re.compile(r"^[ \t>]{0,20}to:(.*)$", re.IGNORECASE | re.MULTILINE)
_SERVICE = re.compile(
    r"^(?:mailer-?daemon|postmaster|abuse|support|help|helpdesk|admin|noreply|no-reply|hostmaster)@", re.IGNORECASE
)
_OURS = frozenset(
    {"from", "to", "cc", "sender", "reply-to", "return-path", "delivered-to", "x-original-to", "envelope-to"}
)


def is_report(message: mime.Part) -> bool:
    """Whether this mail comes from a mail system and tells of a delivery."""
    if message.has("x-failed-recipients"):
        return True
    formatted = message.media_type == "multipart/report"
    if formatted and message.parameter("report-type").lower() == "delivery-status":
        return True
    if not formatted and phrasing.fits(signs.QUARANTINES, message.header("subject")):
        return False
    subject = phrasing.fits(signs.BOUNCE_SUBJECTS, message.header("subject"))
    daemon = bool(_DAEMON.search(message.header("from")) or _DAEMON.search(message.header("sender")))
    unanswerable = message.header("return-path").replace(" ", "") == "<>"
    if subject and (daemon or unanswerable):
        return True
    notice = mime.notice(message)
    refusal = _quotes_a_refusal(notice)
    if daemon and (formatted or refusal or _repeats(notice) or bool(_by_flufl(message))):
        return True
    nobody = unanswerable or bool(_NO_REPLY.search(message.header("from")))
    return (nobody or (subject and refusal)) and _returns(message, notice)


def is_refusal(message: mime.Part) -> bool:
    """Whether a receipt (RFC 8098) says that a filter turned the mail away (RFC 5429), not a hand."""
    return phrasing.fits(signs.REFUSALS, mime.notice(message)[:1000])


def read(message: mime.Part) -> tuple[Recipient, ...]:
    """Whom it names; one recipient without an address where the mail fails somebody and does not say whom."""
    text = mime.notice(message)[:MOST_NOTICE]
    ours = quoted.subject(dsn.returned(message), text)
    end = quoted.start_of_copy(text)
    said = quoted.without(text[:end], ours)
    subject = quoted.title(message.header("subject"), ours)
    action = Action.DELAYED if phrasing.fits(signs.DELAYS, f"subject: {subject} {said}") else Action.FAILED
    named = _told(said, _by_flufl(message)) or _by_header(message)
    addresses = named or _by_text(message, said, text[end:]) or [""]
    told = about.each(said, addresses[: dsn.MOST_RECIPIENTS])
    common = f"{subject} {said if len(told) == 1 else about.before(said, told)}"
    return tuple(_recipient(address, action, said, words, common) for address, words in told.items())


def _returns(message: mime.Part, notice: str) -> bool:
    """Whether it encloses a mail and says that it was not delivered, whatever its title is."""
    return dsn.returned(message) is not None and phrasing.fits(signs.FAILURES, notice[:1000])


def _repeats(notice: str) -> bool:
    """Whether it says that a mail was not delivered, and repeats the headers of one below that."""
    copy = _TRACE.search(notice[:MOST_NOTICE])
    return copy is not None and phrasing.fits(signs.FAILURES, notice[: copy.start()][:1000])


def _quotes_a_refusal(notice: str) -> bool:
    """Whether it shows the words of SMTP in which somebody was turned away."""
    text = notice[:MOST_NOTICE]
    return _ASKED.search(text) is not None and _ANSWERED.search(text) is not None


def _recipient(address: str, action: Action, said: str, words: str, common: str) -> Recipient:
    """`words` are about this address, `common` is what is said of all."""
    reading = classification.classify("", words)
    if reading.reason is Reason.UNKNOWN:
        reading = classification.classify(reading.status, common)
    meant = dsn.meant(said, address)
    return Recipient(meant, action, reading.bounce, reading.reason, reading.status, " ".join(words.split())[:500])


def _told(said: str, addresses: list[str]) -> list[str]:
    """Those the notice itself names, where it names any: the library also takes up what the returned mail carries."""
    text = said.lower()
    return [address for address in addresses if address.lower() in text] or addresses


def _by_flufl(message: mime.Part) -> list[str]:
    """The addresses the library finds. It takes many a lasting failure for a passing one: the words decide that."""
    fields = "".join(f"{name}: {value}\n" for name, value in message.fields)
    try:
        parsed = email.message_from_bytes((fields.encode() + b"\n" + message.body)[:MOST_FOR_FLUFL])
        passing, lasting = all_failures(parsed)
    except Exception:  # it was not written for hostile bytes, and its opinion is one among several
        return []
    return [found for found in map(_plain, sorted(passing | lasting)) if _ADDRESS.fullmatch(found)]


def _plain(address: bytes) -> str:
    return address.decode("utf-8", "replace").strip("<> \t\r\n\"'")


def _by_header(message: mime.Part) -> list[str]:
    """X-Failed-Recipients, as Exim and Google write it."""
    return [match[0] for value in message.all("x-failed-recipients") for match in _ADDRESS.finditer(value)]


def _by_text(message: mime.Part, said: str, copied: str) -> list[str]:
    """Addresses standing at the head of a line, or the only one named, or else the one the returned mail was for."""
    ours = {match[0].lower() for name, value in message.fields if name in _OURS for match in _ADDRESS.finditer(value)}
    heads = [match[1] for match in _HEAD.finditer(said)]
    for found in (heads, [match[0] for match in _ADDRESS.finditer(said)]):
        others = {a.lower(): a for a in reversed(found) if a.lower() not in ours and not _SERVICE.match(a)}
        if others and (found is heads or len(others) == 1):
            return list(others.values())[::-1]
    enclosed = dsn.returned(message)
    to = enclosed.header("to") if enclosed else "".join(_COPIED_TO.findall(copied)[:1])
    return [match[0] for match in _ADDRESS.finditer(to)][:1]
