"""Delivery status notifications (RFC 3464, internationalised by RFC 6533) in multipart/report (RFC 6522).

Action and Status are two axes: Action says whether delivery failed, Status and the diagnostic say why.
"""

import re
from collections.abc import Iterator

from webhooks import classification
from webhooks.events import Reason
from webhooks.reports import about, mime, quoted
from webhooks.reports.report import Action, Recipient

STATUS_TYPES = frozenset({"message/delivery-status", "message/global-delivery-status"})
RETURNED_TYPES = frozenset(
    {
        "message/rfc822",
        "text/rfc822-headers",
        "text/rfc822-header",
        "message/global",
        "message/global-headers",
        "message/partial",
    }
)
MOST_RECIPIENTS = 200
_DEPTH = 2
"""How far down a report is looked for: it stands at the top, or beside a disclaimer in a multipart."""
MOST_DIAGNOSTIC = 2000

_ACTIONS = (
    ("fail", Action.FAILED),
    ("error", Action.FAILED),
    ("expire", Action.FAILED),
    ("delay", Action.DELAYED),
    ("deliver", Action.DELIVERED),
    ("relay", Action.DELIVERED),
    ("expand", Action.DELIVERED),
)
_BY_STATUS = {"5": Action.FAILED, "4": Action.DELAYED, "2": Action.DELIVERED}
_ADDRESS = re.compile(r"[^\s<>\"'();,]{1,128}@[^\s<>\"'();,:]{1,255}")
_MADE_FROM = re.compile(
    rf">?\s{{0,20}}(?:\(reason: .{{0,500}}\)\s{{0,20}})?"
    rf"\((?:ultimately )?(?:generated|expanded) from:?\s{{1,20}}<?({_ADDRESS.pattern})>?\)"
)
_STATUS = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")
_MIME_LINE = re.compile(r"^(?:content-[a-z-]{1,40}:.*|--\S+)$", re.IGNORECASE | re.MULTILINE)
_COMMENT = re.compile(r"\((.*)\)")
_GOES_ON = re.compile(r"[245]\d\d-.{0,508}")
"""A line of a reply that is not its last, no longer than one may be (RFC 5321 4.5.3.1.5)."""
_NAMES = ("original-recipient", "final-recipient", "x-actual-recipient")
_STARTS = (*_NAMES[:2], "action")


def read(message: mime.Part) -> tuple[Recipient, ...]:
    """The recipients a DSN names, none when the mail carries no delivery status, however a gateway wrapped it up."""
    report = _unwrapped(message)
    status = next((part for part in mime.walk(report, _DEPTH) if part.media_type in STATUS_TYPES), None)
    before, text = ("", status.text()) if status else _lost_status(report, report.parts())
    whole = mime.notice(report) or before
    notice = quoted.without(whole[: quoted.start_of_copy(whole)], quoted.subject(returned(report), whole))
    recipients = [(fields, _named(fields, notice)) for fields in _of_recipients(list(_blocks(text)))]
    told = about.each(notice, {named for _, named in recipients})
    return tuple(_recipient(fields, notice, named, told[named]) for fields, named in recipients)


def returned(message: mime.Part) -> mime.Part | None:
    """The mail that was returned, or its headers, where the report encloses them."""
    enclosed = next((part for part in mime.walk(message, _DEPTH) if part.media_type in RETURNED_TYPES), None)
    return enclosed.message() if enclosed else None


def _unwrapped(message: mime.Part) -> mime.Part:
    """The report that a gateway enclosed in a mail of its own, to put its disclaimer beside it."""
    enclosed = None if message.media_type == "multipart/report" else returned(message)
    return enclosed if enclosed and enclosed.media_type == "multipart/report" else message


def _lost_status(message: mime.Part, parts: list[mime.Part]) -> tuple[str, str]:
    """A report whose boundary or types were broken on the way still has its notice and its fields, standing as text."""
    if message.media_type != "multipart/report":
        return "", ""
    texts = [part.text() for part in parts] or [mime.Part((), message.body).text()]
    found = next((text for text in texts if re.search(r"^final-recipient:", text, re.IGNORECASE | re.MULTILINE)), "")
    start = re.search(r"^(?:reporting-mta|final-recipient|original-recipient):", found, re.IGNORECASE | re.MULTILINE)
    return (_MIME_LINE.sub("", found[: start.start()]), found[start.start() :]) if start else ("", "")


def _blocks(text: str) -> Iterator[dict[str, str]]:
    """One set of fields for each recipient, also where the blank lines between them were lost."""
    count = 0
    for group in re.split(r"\n[ \t]*\n", text):
        block: dict[str, str] = {}
        for name, value in mime.fields(group):
            if name in _STARTS and name in block and count < MOST_RECIPIENTS:
                count += 1
                yield block
                block = {}
            block.setdefault(name, value)
        if any(name in block for name in _STARTS) and count < MOST_RECIPIENTS:
            count += 1
            yield block


def _of_recipients(blocks: list[dict[str, str]]) -> list[dict[str, str]]:
    """Without the fields of the whole mail, where these state the action of the recipients named after them."""
    named = [block for block in blocks if any(name in block for name in _NAMES)]
    common = next((block["action"] for block in blocks if block not in named and "action" in block), None)
    if not named or common is None:
        return blocks
    return [{"action": common, **block} for block in named]


def _recipient(fields: dict[str, str], notice: str, named: str, told: str) -> Recipient:
    stated, said = _said(fields)
    said = _whole(said, notice)
    action = _action(fields.get("action", ""), stated)
    address = named if "original-recipient" in fields else meant(notice, named)
    if action is Action.DELIVERED:
        return Recipient(address, action, status=stated, diagnostic=said[:MOST_DIAGNOSTIC])
    reading = classification.classify(stated, said)
    if reading.reason is Reason.UNKNOWN or not said:
        reading = classification.classify(reading.status, told)
    return Recipient(address, action, reading.bounce, reading.reason, reading.status, said[:MOST_DIAGNOSTIC])


def _said(fields: dict[str, str]) -> tuple[str, str]:
    """The status, and the receiver's own words."""
    stated, comment = _stated(fields.get("status", ""))
    diagnostic = fields.get("diagnostic-code") or comment
    return stated, diagnostic.partition(";")[2].strip() if ";" in diagnostic[:20] else diagnostic


def _named(fields: dict[str, str], notice: str) -> str:
    """The address the fields name, or else the first that the words do."""
    return _address(fields, f"{_said(fields)[1]} {notice[:MOST_DIAGNOSTIC]}")


def _stated(status: str) -> tuple[str, str]:
    """The enhanced code, and what stands in brackets behind it: some write there why, and no diagnostic."""
    code, comment = _STATUS.search(status), _COMMENT.search(status)
    return code[0] if code else "", comment[1] if comment else ""


def _whole(said: str, notice: str) -> str:
    """All of a reply of which Sendmail states the first line, unless its transcript has several that begin with it."""
    if not _GOES_ON.fullmatch(said):
        return said
    line = f"<<< {said[:3]}"
    replies = set(re.findall(rf"^<<< {re.escape(said)}\n(?:{line}-.*\n){{0,50}}{line} .*", notice, re.MULTILINE))
    return " ".join(replies.pop().replace("<<< ", "").split()) if len(replies) == 1 else said


def meant(notice: str, address: str) -> str:
    """The address we wrote to, where Exim, Postfix or Sendmail say in words that this one was made from it."""
    place = notice.lower().find(address.lower()) if address else -1
    found = _MADE_FROM.match(notice, place + len(address)) if place >= 0 else None
    return found[1] if found else address


def _action(written: str, status: str) -> Action:
    """Misspelt and commented actions count for what they say, a missing one for its status, and neither for a delay."""
    word = written.strip().lower()
    found = next((action for start, action in _ACTIONS if word.startswith(start)), None)
    return found or _BY_STATUS.get(status[:1], Action.DELAYED)


def _address(fields: dict[str, str], said: str) -> str:
    """The address we wrote to, before any forwarding; the final one where that is not told."""
    for name in _NAMES:
        kind, _, value = fields.get(name, "").partition(";")
        value = _unescaped(value or kind).strip("<> \t")
        if _ADDRESS.fullmatch(value):
            return value
    found = _ADDRESS.search(said)
    return found[0] if found else ""


def _unescaped(value: str) -> str:
    """xtext (RFC 3461 4) as some systems leave it, and utf-8-addr-unitext (RFC 6533 3)."""
    text = re.sub(r"\+(2B|3D)", lambda match: chr(int(match[1], 16)), value.strip())
    return re.sub(r"\\x\{([0-9A-Fa-f]{2,5})\}", lambda match: chr(int(match[1], 16)), text)
