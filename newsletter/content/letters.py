"""What a Markdown file says, as a value: the body of a story or of a one-off mail, in one language."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from markupsafe import Markup

Document = dict[str, Any]
"""What JSON can hold."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture made ready for mail. `name` is that of its content (and so of its address); sizes are in pixels."""

    name: str
    media_type: str
    width: int
    height: int
    content: bytes

    def to_document(self) -> Document:
        """A JSON object that `from_document` reads back."""
        return {
            "name": self.name,
            "media_type": self.media_type,
            "width": self.width,
            "height": self.height,
            "content": base64.b64encode(self.content).decode(),
        }

    @classmethod
    def from_document(cls, document: Document) -> Self:
        """The picture that `to_document` wrote."""
        return cls(**{**document, "content": base64.b64decode(document["content"])})


@dataclass(frozen=True, slots=True)
class Letter:
    """The words of a mail. `html` is sanitised, and `text` is the same for those who read plain text.

    `preheader` may be empty: then the mailbox's list shows how the text begins. `embedded` are the pictures that travel
    in the mail; hosted ones are only linked to.
    """

    language: str
    subject: str
    preheader: str
    kicker: str
    headline: str
    html: str
    text: str
    embedded: tuple[Picture, ...] = ()

    @property
    def opening(self) -> str:
        """The preheader, or the first words of the text."""
        if self.preheader:
            return self.preheader
        first = " ".join(self.text.partition("\n\n")[0].split())
        return first if len(first) <= _OPENING else first[:_OPENING].rpartition(" ")[0] + " …"

    @property
    def markup(self) -> Markup:
        """The HTML, for a template to write as it is."""
        return Markup(self.html)  # noqa: S704 - newsletter.content.markdown has sanitised it

    def to_document(self) -> Document:
        """A JSON object that `from_document` reads back."""
        return {
            "language": self.language,
            "subject": self.subject,
            "preheader": self.preheader,
            "kicker": self.kicker,
            "headline": self.headline,
            "html": self.html,
            "text": self.text,
            "embedded": [picture.to_document() for picture in self.embedded],
        }

    @classmethod
    def from_document(cls, document: Document) -> Self:
        """The letter that `to_document` wrote."""
        pictures = tuple(Picture.from_document(one) for one in document["embedded"])
        return cls(**{**document, "embedded": pictures})


_OPENING = 120
"""As much of a text as a mailbox's list has room for."""


def for_reader(letters: Sequence[Letter], reader: str, series: str) -> Letter | None:
    """The letter in the reader's language, else in that of the series, else the first; None where there is none."""
    for tag in (reader, series):
        language = tag.replace("_", "-").partition("-")[0].lower()
        for letter in letters:
            if letter.language == language:
                return letter
    return letters[0] if letters else None
