"""A finished mail with holes: everything shared is bytes already, and filling it only joins bytes."""

import email
import email.policy
from collections.abc import Mapping, Sequence
from email.message import EmailMessage

from newsletter.content import slots
from newsletter.content.errors import ContentError
from newsletter.content.filler import Filler, Piece


class Skeleton:
    """One variant of a mail in wire form (RFC 5322, CRLF), ready for each person's values.

    Values are plain text under the names of `slots.SLOTS`; each is checked and escaped for every place it stands in.
    No line is longer than 998 bytes (RFC 5321 4.5.3.1.6) and none begins with ".", so that the bytes can follow DATA
    as they are, ended by b".\\r\\n".
    """

    __slots__ = ("_checks", "_makers", "_order", "_pieces")

    def __init__(self, pieces: Sequence[Piece]) -> None:
        """`pieces` alternate: shared bytes, a filler, shared bytes, … and end in shared bytes."""
        fillers: dict[Filler, int] = {}
        self._order = tuple(fillers.setdefault(piece, len(fillers)) for piece in pieces if isinstance(piece, Filler))
        self._makers = tuple(filler.make for filler in fillers)
        names = dict.fromkeys(slot for filler in fillers for slot in filler.slots)
        self._checks = tuple((name, slots.checker(name)) for name in names)
        self._pieces = tuple(piece if isinstance(piece, bytes) else b"" for piece in pieces)

    def fill(self, values: Mapping[str, str]) -> bytes:
        """One person's complete message. Raises ContentError for a missing value or one that no mail may carry."""
        try:
            own = {name: check(values[name]) for name, check in self._checks}
        except KeyError as error:
            raise ContentError(f"the mail needs a value for {error.args[0]}") from error
        made = [make(own) for make in self._makers]
        pieces = list(self._pieces)
        pieces[1::2] = [made[which] for which in self._order]
        return b"".join(pieces)

    def size(self, values: Mapping[str, str]) -> int:
        """The bytes one person's message has on the wire."""
        return len(self.fill(values))

    def subject(self, values: Mapping[str, str]) -> str:
        """The subject as a reader sees it."""
        return str(self._parsed(values)["Subject"])

    def text(self, values: Mapping[str, str]) -> str:
        """The text part, decoded."""
        return self._part(values, "plain")

    def html(self, values: Mapping[str, str]) -> str:
        """The HTML part, decoded."""
        return self._part(values, "html")

    def _parsed(self, values: Mapping[str, str]) -> EmailMessage:
        return email.message_from_bytes(self.fill(values), policy=email.policy.default)

    def _part(self, values: Mapping[str, str], kind: str) -> str:
        # Read from the very bytes that go out, so that a preview cannot differ from the mail.
        part = self._parsed(values).get_body((kind,))
        assert part is not None  # noqa: S101 # compile() writes both parts
        return str(part.get_content()).replace("\r\n", "\n")
