"""One mail as it would go out, in all the forms that checks look at."""

import email
import email.policy
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from functools import cached_property

from newsletter.campaigns.preflight import outline
from newsletter.campaigns.preflight.outline import Outline
from newsletter.content.facts import Facts


@dataclass(frozen=True)
class Mail:
    """What readers of one kind get: `reader` says which ("de, Europe/Berlin, named"), `people` how many there are.

    `raw` is the message with the longest values that occur among them; `links` are the addresses in it that are the
    reader's own. `kind` is that of the campaign, and `now` the moment it would be sent.
    """

    reader: str
    people: int
    language: str
    kind: str
    facts: Facts
    now: datetime
    raw: bytes
    own_links: frozenset[str]

    @cached_property
    def message(self) -> EmailMessage:
        """The message, parsed."""
        return email.message_from_bytes(self.raw, policy=email.policy.default)

    @cached_property
    def subject(self) -> str:
        """The subject as a reader sees it."""
        return str(self.message["Subject"] or "")

    @cached_property
    def html(self) -> str:
        """The HTML part."""
        return self._part("html")

    @cached_property
    def text(self) -> str:
        """The text part."""
        return self._part("plain")

    @cached_property
    def outline(self) -> Outline:
        """What the HTML consists of."""
        return outline.read(self.html)

    def _part(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        return "" if part is None else str(part.get_content()).replace("\r\n", "\n")
