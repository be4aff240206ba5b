"""From a template to a skeleton: render once per combination of facets, then keep only bytes."""

import hashlib
import html
import re
from collections.abc import Sequence
from pathlib import Path

from newsletter.content import attachment, headers, places, related, renderer
from newsletter.content.attachment import Calendar
from newsletter.content.errors import ContentError
from newsletter.content.facts import Facets, Facts
from newsletter.content.filler import Piece
from newsletter.content.headers import Envelope
from newsletter.content.languages import HTML, SUBJECT, TEXT
from newsletter.content.skeleton import Skeleton
from newsletter.content.slots import Mark, Marks

Parts = Sequence[str | Mark]


def compile(  # noqa: A001 # that is what it does; called as content.compile
    kind: str, facts: Facts, facets: Facets, *, envelope: Envelope, templates: Path | None = None
) -> Skeleton:
    """The skeleton of one variant of a mail. Raises ContentError, a line for each fault, with file and line.

    `kind` names a folder of mail/ in the staff's `templates` or in ours. A template may branch on facts and facets;
    a slot can only be written as it is. A campaign's mail must state the postal address and hold a link out of it in
    both parts (CAN-SPAM, CASL, RFC 8058 beside them).
    """
    parts = _Parts(kind, facts, facets, templates, mandatory=bool(envelope.campaign))
    return _assembled(parts, kind, envelope, attachment.of(kind, facts, envelope.date))


class Variants:
    """The skeletons of one mailing, compiled when first wanted. Variants that come out the same share one."""

    def __init__(self, kind: str, facts: Facts, *, envelope: Envelope, templates: Path | None = None) -> None:
        """As for `compile`."""
        self._kind, self._facts, self._envelope, self._templates = kind, facts, envelope, templates
        self._calendar = attachment.of(kind, facts, envelope.date)
        self._known: dict[Facets, Skeleton] = {}
        self._same: dict[bytes, Skeleton] = {}

    def known(self, facets: Facets) -> Skeleton | None:
        """The skeleton for readers with these facets, if it has been compiled."""
        return self._known.get(facets)

    def skeleton(self, facets: Facets) -> Skeleton:
        """The skeleton for readers with these facets."""
        found = self._known.get(facets)
        if found is None:
            bulk = bool(self._envelope.campaign)
            parts = _Parts(self._kind, self._facts, facets, self._templates, mandatory=bulk)
            # Four hundred time zones have far fewer clocks: a million readers must not hold as many skeletons.
            digest = parts.digest()
            found = self._same.get(digest) or _assembled(parts, self._kind, self._envelope, self._calendar)
            self._known[facets] = self._same[digest] = found
        return found


class Renderings:
    """What was rendered last, for mails that are alike but for their date: only what differs is made anew.

    Rendering takes a hundred times as long as all else that is done for a mail to one person.
    """

    def __init__(self, templates: Path | None, *, most: int = 256) -> None:
        """`templates` is the staff's folder; where a file in it changes, nothing is known any more."""
        self._templates, self._most = templates, most
        self._seen: list[tuple[str, int]] = []
        self._known: dict[tuple[str, Facts, Facets], _Parts] = {}

    def refresh(self) -> None:
        """Look whether the staff's templates have changed."""
        files = [] if self._templates is None else sorted(self._templates.rglob("*"))
        seen = [(str(file), file.stat().st_mtime_ns) for file in files if file.is_file()]
        if seen != self._seen:
            self._seen = seen
            self._known.clear()

    def compile(self, kind: str, facts: Facts, facets: Facets, *, envelope: Envelope) -> Skeleton:
        """As the function of that name."""
        found = self._known.get((kind, facts, facets))
        if found is None:
            found = _Parts(kind, facts, facets, self._templates, mandatory=bool(envelope.campaign))
            while len(self._known) >= self._most:
                del self._known[next(iter(self._known))]
            self._known[kind, facts, facets] = found
        return _assembled(found, kind, envelope, attachment.of(kind, facts, envelope.date))


class _Parts:
    """Subject, text and HTML, each cut at its slots."""

    def __init__(self, kind: str, facts: Facts, facets: Facets, templates: Path | None, *, mandatory: bool) -> None:
        marks = Marks()
        self.site = facts.public_url
        rendering = renderer.render(kind, facts, facets, slot=marks.slot, templates=templates)
        files = rendering.files
        self.subject = marks.split(rendering.subject, file=files[SUBJECT])
        self.text = marks.split(rendering.text, file=files[TEXT])
        self.html = marks.split(rendering.html, file=files[HTML])
        self.pictures = rendering.pictures
        if not rendering.subject:
            raise ContentError(f"{files[SUBJECT]}: the subject is empty")
        if mandatory:
            _require_way_out(self.text, files[TEXT], facts.constellation.postal_address)
            _require_way_out(self.html, files[HTML], facts.constellation.postal_address)

    def digest(self) -> bytes:
        """What is equal exactly for parts that are."""
        names = [[part.slot if isinstance(part, Mark) else part for part in parts] for parts in self._all()]
        return hashlib.blake2b(repr(names).encode(), digest_size=16).digest()

    def _all(self) -> tuple[Parts, Parts, Parts]:
        return self.subject, self.text, self.html


def _assembled(parts: _Parts, kind: str, envelope: Envelope, calendar: Calendar | None) -> Skeleton:
    boundary = b"=_" + parts.digest().hex().encode()  # neither quoted-printable nor base64 ever holds "=_"
    joint = _Joint()
    joint.add(headers.fixed(envelope, kind))
    joint.extend(headers.personal(envelope, parts.site))
    joint.extend(headers.subject([part.slot if isinstance(part, Mark) else part for part in parts.subject], parts.site))
    joint.add(b"MIME-Version: 1.0\r\n")
    if calendar is not None:
        joint.add(_MULTIPART % (b"mixed", boundary + b"m") + b"\r\n--" + boundary + b"m\r\n")
    joint.add(_MULTIPART % (b"alternative", boundary))
    joint.add(b"\r\n--" + boundary + _PART % b"plain")
    joint.extend(places.in_text(parts.text, parts.site))
    joint.add(b"\r\n--" + boundary)
    if parts.pictures:
        joint.add(related.opening(boundary))
    joint.add(_PART % b"html")
    joint.extend(places.in_html(parts.html, parts.site))
    if parts.pictures:
        joint.add(related.closing(parts.pictures, boundary))
    if calendar is not None:  # last of the alternatives, as the one that calendars choose
        joint.add(b"\r\n--" + boundary + b"\r\n" + calendar.alternative)
    joint.add(b"\r\n--" + boundary + b"--\r\n")
    if calendar is not None:
        joint.add(b"\r\n--" + boundary + b"m\r\n" + calendar.file + b"\r\n--" + boundary + b"m--\r\n")
    return Skeleton(joint.pieces)


_MULTIPART = b'Content-Type: multipart/%s;\r\n boundary="%s"\r\n'
_PART = b"\r\nContent-Type: text/%s; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"


class _Joint:
    """Pieces that alternate between shared bytes and fillers, whatever order they are added in."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = [b""]

    def add(self, piece: Piece) -> None:
        last = self.pieces[-1]
        if isinstance(piece, bytes) and isinstance(last, bytes):
            self.pieces[-1] = last + piece
        elif isinstance(piece, bytes):
            self.pieces.append(piece)
        else:
            self.pieces.extend([piece, b""])

    def extend(self, pieces: Sequence[Piece]) -> None:
        for piece in pieces:
            self.add(piece)


def _require_way_out(parts: Parts, file: str, address: str) -> None:
    found = {part.slot for part in parts if isinstance(part, Mark)}
    if not found & {"unsubscribe_url", "preferences_url"}:
        raise ContentError(f"{file}: a mail to many needs a link out of it: {{{{ links.unsubscribe }}}}")
    said = "".join(part for part in parts if isinstance(part, str))
    if not address or _letters(address) not in _letters(html.unescape(said)):
        raise ContentError(f"{file}: a mail to many states the postal address: {{{{ constellation.postal_address }}}}")


def _letters(text: str) -> str:
    # A template may set the address in lines of its own, with commas or without.
    return re.sub(r"<[^>]*>|[\s,·]", "", text)
