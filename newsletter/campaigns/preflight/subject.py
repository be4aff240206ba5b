"""What a mailbox's list shows: the subject and the preheader."""

from collections.abc import Iterator

from newsletter.campaigns.preflight.findings import Finding, Rule, error, warning
from newsletter.campaigns.preflight.mail import Mail

_LONGEST, _SHORTEST_PREHEADER = 78, 20


def check(mail: Mail) -> Iterator[Finding]:
    """The subject's length, and that there is a preheader of its own."""
    subject = mail.subject.strip()
    if not subject:
        yield error(Rule.SUBJECT_LENGTH, "the subject is empty")
    elif len(subject) > _LONGEST:
        yield warning(
            Rule.SUBJECT_LENGTH,
            f"the subject has {len(subject)} characters; lists cut off after some 50, and few show {_LONGEST}",
        )
    preheader = mail.outline.preheader
    is_said = not mail.facts.letters or any(letter.preheader for letter in mail.facts.letters)
    if not preheader or not is_said:
        yield warning(Rule.PREHEADER, "there is no preheader; lists show how the text begins instead")
    elif len(preheader) < _SHORTEST_PREHEADER:
        yield warning(Rule.PREHEADER, f"the preheader is short: “{preheader}”")
    if preheader and preheader == subject:
        yield warning(Rule.PREHEADER, "the preheader repeats the subject")
