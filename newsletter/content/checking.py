"""Whether a folder's templates can go out: each kind is compiled with everything it might have to say."""

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

from newsletter.content import compiler, languages, renderer, samples
from newsletter.content.errors import ContentError
from newsletter.content.facts import TRANSACTIONAL, Facets
from newsletter.content.headers import Envelope

CLIPPED_ABOVE = 102_000
"""Gmail shows only so many bytes of HTML; what comes last, the way out included, is cut off."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of one kind: the bytes of its largest HTML, and each fault as `FILE:LINE:COLUMN: what`.

    `notes` say what falls back to another language.
    """

    kind: str
    html_size: int
    faults: tuple[str, ...]
    notes: tuple[str, ...] = ()


def check(templates: Path | None = None) -> list[Checked]:
    """Check every kind there is, in the staff's folder and in ours."""
    return [check_kind(kind, templates) for kind in languages.kinds(templates)]


def check_kind(kind: str, templates: Path | None = None) -> Checked:
    """Compile a kind for every sample of facts and facets; the faults are all those met, each once."""
    campaign = "" if kind in TRANSACTIONAL else "sample"
    envelope = Envelope.of(
        samples.CONSTELLATION, date=datetime(2031, 9, 1, tzinfo=UTC), campaign=campaign, bounce="bounce@example.org"
    )
    faults = dict.fromkeys([*languages.unknown(kind, templates), *renderer.faults(kind, templates)])
    largest = 0
    written = languages.of(kind, templates)
    readers = [*samples.FACETS, *(Facets(locale=language, named=True) for language in written)]
    for facts, facets in product(samples.facts(kind), readers):
        try:
            skeleton = compiler.compile(kind, facts, facets, envelope=envelope, templates=templates)
        except ContentError as error:
            faults |= dict.fromkeys(str(error).splitlines())
        else:
            largest = max(largest, len(skeleton.html(samples.VALUES).encode()))
    if largest > CLIPPED_ABOVE:
        file = renderer.path(kind, languages.HTML, templates)
        faults[f"{file}: its HTML has {largest:,} bytes; Gmail clips above {CLIPPED_ABOVE:,}"] = None
    notes = [note for language in written for note in languages.fallbacks(kind, language, templates)]
    return Checked(kind, largest, tuple(faults), tuple(notes))
