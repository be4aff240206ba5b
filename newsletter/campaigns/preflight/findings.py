"""What a check has to say: a rule, how bad it is, and a line that says what would be right."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum


class Severity(StrEnum):
    """ERROR stops `campaign send`, WARNING is for a person to judge, NOTE is good to know."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Rule(StrEnum):
    """What was looked at."""

    TEMPLATE = "template"
    LANGUAGE = "language"
    AUDIENCE = "audience"
    SIZE = "size"
    SUBJECT_LENGTH = "subject-length"
    PREHEADER = "preheader"
    PLACEHOLDER = "placeholder"
    LINK_EMPTY = "link-empty"
    LINK_RELATIVE = "link-relative"
    LINK_HTTP = "link-http"
    LINK_UNREACHABLE = "link-unreachable"
    LINK_OTHER_EVENT = "link-other-event"
    ALT_TEXT = "alt-text"
    CONTRAST = "contrast"
    HEADINGS = "headings"
    TEXT_IMAGE_RATIO = "text-image-ratio"
    PAST_DATE = "past-date"
    WEEKDAY = "weekday"
    CALENDAR = "calendar"
    UNSUBSCRIBE = "unsubscribe"
    POSTAL_ADDRESS = "postal-address"
    SPAM_SCORE = "spam-score"
    SPF = "spf"
    DKIM = "dkim"
    DMARC = "dmarc"


@dataclass(frozen=True, slots=True)
class Finding:
    """`readers` says who would get it so; empty, everyone."""

    rule: Rule
    severity: Severity
    text: str
    readers: tuple[str, ...] = ()


def error(rule: Rule, text: str) -> Finding:
    """What must not go out."""
    return Finding(rule, Severity.ERROR, text)


def warning(rule: Rule, text: str) -> Finding:
    """What a person should look at."""
    return Finding(rule, Severity.WARNING, text)


def note(rule: Rule, text: str) -> Finding:
    """What is good to know."""
    return Finding(rule, Severity.NOTE, text)


def merged(found: Iterable[tuple[str, Finding]], readers: int) -> list[Finding]:
    """The findings of many readers, each once, the worst first; what all of the `readers` have is nobody's own."""
    who: dict[Finding, list[str]] = {}
    for reader, finding in found:
        who.setdefault(finding, []).append(reader)
    order = list(Severity)
    each = [
        replace(finding, readers=() if len(set(names)) >= readers else tuple(dict.fromkeys(names)))
        for finding, names in who.items()
    ]
    return sorted(each, key=lambda finding: order.index(finding.severity))
