"""What was to be filled in, and was not."""

import re
from collections.abc import Iterator

from newsletter.campaigns.preflight.findings import Finding, Rule, error
from newsletter.campaigns.preflight.mail import Mail

_PLACEHOLDER = re.compile(r"\{\{.{0,80}?\}\}|\{%.{0,80}?%\}|\*?\|[A-Z][A-Z0-9_:]{1,39}\|\*?")
"""Of Jinja, as our templates have them and Markdown files have not, and another service's merge tags, whose asterisks
Markdown takes away."""


def check(mail: Mail) -> Iterator[Finding]:
    """Placeholders that stand in the subject or in either part as they were written."""
    seen = f"{mail.subject}\n{mail.text}\n{mail.outline.preheader}\n{mail.outline.words}"
    for placeholder in dict.fromkeys(" ".join(found.split()) for found in _PLACEHOLDER.findall(seen)):
        yield error(Rule.PLACEHOLDER, f"“{placeholder}” stands in the mail as it is: nothing fills it in")
