"""A constellation's facts, a person's values, and templates written on the spot."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from newsletter import content
from newsletter.content import samples

Write = Callable[..., Path]


@pytest.fixture(scope="session")
def facts() -> content.Facts:
    """A campaign about an event that is online."""
    return samples.facts("invitation")[0]


@pytest.fixture(scope="session")
def envelope() -> content.Envelope:
    """A campaign's."""
    return content.Envelope.of(
        samples.CONSTELLATION,
        date=datetime(2031, 9, 24, 9, 0, tzinfo=UTC),
        campaign="lanterns-invitation",
        bounce="bounce@bounces.example.org",
    )


@pytest.fixture(scope="session")
def transactional() -> content.Envelope:
    """A confirmation's."""
    return content.Envelope.of(
        samples.CONSTELLATION, date=datetime(2031, 9, 24, 9, 0, tzinfo=UTC), bounce="bounce@bounces.example.org"
    )


@pytest.fixture(scope="session")
def values() -> dict[str, str]:
    """One person's own."""
    return dict(samples.VALUES)


BODY = """\
<mjml>
<mj-body><mj-section><mj-column>
<mj-text>{html}</mj-text>
<mj-text>{{{{ constellation.postal_address }}}} <a href="{{{{ links.unsubscribe }}}}">Unsubscribe</a></mj-text>
</mj-column></mj-section></mj-body>
</mjml>
"""
TEXT = "{text}\n\n{{{{ links.unsubscribe }}}}\n{{{{ constellation.postal_address }}}}\n"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write the template `note` into a folder of its own: `html` stands on line 3 of body.mjml, `text` on line 1."""

    def written(*, html: str = "Hello", text: str = "Hello", subject: str = "A note", mjml: str = "") -> Path:
        folder = tmp_path / "mail" / "note"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "subject.txt").write_text(subject, encoding="utf-8")
        (folder / "body.mjml").write_text(mjml or BODY.format(html=html), encoding="utf-8")
        (folder / "body.txt").write_text(TEXT.format(text=text), encoding="utf-8")
        return tmp_path

    return written


@pytest.fixture
def compile_note(
    write: Write, facts: content.Facts, envelope: content.Envelope, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., content.Skeleton]:
    """Write a note and compile it; errors name its files relative to the folder."""
    monkeypatch.chdir(tmp_path)

    def compiled(*, facets: content.Facets | None = None, **files: str) -> content.Skeleton:
        templates = write(**files)
        return content.compile("note", facts, facets or content.Facets(), envelope=envelope, templates=templates)

    return compiled
