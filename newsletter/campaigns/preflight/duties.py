"""What every mail to many owes its readers: a way out, in both parts and for mail programs, and a postal address."""

import re
from collections.abc import Iterator

from newsletter.campaigns.preflight.findings import Finding, Rule, error
from newsletter.campaigns.preflight.mail import Mail


def check(mail: Mail) -> Iterator[Finding]:
    """In each part a link that is the reader's own way out, and the address (CAN-SPAM, CASL); RFC 8058's header."""
    address = _letters(mail.facts.constellation.postal_address)
    for name, said, places in (
        ("text", mail.text, mail.text),
        ("HTML", mail.outline.words, "\n".join(link.href for link in mail.outline.links)),
    ):
        if not any(f"/{way}/" in places for way in ("unsubscribe", "preferences")):
            yield error(Rule.UNSUBSCRIBE, f"the {name} part has no link out of it")
        if not address or address not in _letters(said):
            yield error(Rule.POSTAL_ADDRESS, f"the {name} part does not state the postal address")
    if not mail.message["List-Unsubscribe"] or not mail.message["List-Unsubscribe-Post"]:
        yield error(Rule.UNSUBSCRIBE, "the header has no List-Unsubscribe for one click (RFC 8058)")


def _letters(text: str) -> str:
    return re.sub(r"[\s,·]", "", text)
