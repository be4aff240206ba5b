"""A template's three files become subject, text and HTML; what goes wrong is said with the template's file and line."""

import re
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import css_inline
import jinja2
import mjml

from newsletter import catalogues
from newsletter.content import colours, languages, letters, plain, pointing, quoting, slots
from newsletter.content.environment import environment
from newsletter.content.errors import ContentError, shown
from newsletter.content.facts import Facets, Facts
from newsletter.content.languages import HTML, SUBJECT, TEXT
from newsletter.content.letters import Letter, Picture
from newsletter.suggest import hint

LETTER = "letter"
"""The template that a Markdown file's words go through, whatever the kind of the mail."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """One variant of a mail, decoded; the files it was made of, by SUBJECT, TEXT and HTML; and what it embeds."""

    subject: str
    text: str
    html: str
    files: Mapping[str, str]
    pictures: tuple[Picture, ...] = ()


def render(
    kind: str,
    facts: Facts,
    facets: Facets,
    *,
    slot: Callable[[str], Any],
    templates: Path | None = None,
    is_public: bool = False,
) -> Rendering:
    """Render a template. `slot` gives what to write for a slot: a word that stands for it, or a sample value.

    `is_public` is for the copy that everybody may read. Raises ContentError, one line for each fault, with file and
    line.
    """
    made = _Prepared.of(kind, facts, facets, slot, templates, is_public=is_public)
    source = _rendered(made.kind, made.files[HTML], made.context, templates)
    return Rendering(
        subject=made.subject(templates),
        text=plain.tidy(_rendered(made.kind, made.files[TEXT], made.context, templates)),
        html=_inlined(source, path(made.kind, made.files[HTML], templates)),
        files={file: path(made.kind, own, templates) for file, own in made.files.items()},
        pictures=made.letter.embedded if made.letter else (),
    )


def subject(
    kind: str, facts: Facts, facets: Facets, *, slot: Callable[[str], Any], templates: Path | None, is_public: bool
) -> str:
    """The subject alone; as for `render`."""
    return _Prepared.of(kind, facts, facets, slot, templates, is_public=is_public).subject(templates)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What is rendered, by which files, with what to say."""

    kind: str
    files: Mapping[str, str]
    context: dict[str, Any]
    letter: Letter | None

    @classmethod
    def of(
        cls,
        kind: str,
        facts: Facts,
        facets: Facets,
        slot: Callable[[str], Any],
        templates: Path | None,
        *,
        is_public: bool,
    ) -> Self:
        series = facts.constellation.language
        letter = letters.for_reader(facts.letters, facets.locale, series)
        if letter is not None:
            kind = LETTER
        language = languages.chosen(kind, facets.locale, series, templates)
        files = {file: languages.file(kind, file, language, templates) for file in (SUBJECT, TEXT, HTML)}
        written = language or (letter.language if letter else languages.base(kind, facets.locale, series, templates))
        voice = languages.voice(kind, written, facets.locale, series)
        context = {**_context(facts, facets, slot, voice), "letter": letter, "is_public": is_public}
        return cls(kind, files, context, letter)

    def subject(self, templates: Path | None) -> str:
        return quoting.squeezed(_rendered(self.kind, self.files[SUBJECT], self.context, templates))


def path(kind: str, file: str, templates: Path | None) -> str:
    """The file of a template, for errors about it. Raises ContentError where there is none."""
    return shown(_template(kind, file, templates).filename or f"{kind}/{file}")


def faults(kind: str, templates: Path | None = None) -> list[str]:
    """What is wrong with a kind's files as they are written, before anything is rendered."""
    found = []
    for file in languages.files(kind, templates):
        try:
            _template(kind, file, templates)
        except ContentError as error:
            found += str(error).splitlines()
    return found


def _context(facts: Facts, facets: Facets, slot: Callable[[str], Any], voice: catalogues.Voice) -> dict[str, Any]:
    groups = {
        group: {name: slot(filled) for name, filled in names.items()} for group, names in slots.IN_TEMPLATES.items()
    }
    return {
        "constellation": facts.constellation,
        "event": facts.event,
        "previous": facts.previous,
        "upcoming": facts.upcoming,
        "items": [item for place, item in enumerate(facts.items) if facets.items >> place & 1],
        "note": facts.note,
        "public_url": facts.public_url,
        "confirm_days": facts.confirm_days,
        "confirm_hours": facts.confirm_hours,
        "reminds": facts.reminds,
        "brand": colours.palette(facts.constellation.brand),
        "locale": voice.locale,
        "language": voice.language,
        "timezone": _zone(facets.timezone, facts.constellation.timezone),
        "person": SimpleNamespace(
            named=facets.named,
            confirmed=facets.confirmed,
            timezone=_zone(facets.timezone, ""),
            is_gone=facets.is_gone,
            is_choosy=facets.is_choosy,
            **groups["person"],
        ),
        "links": SimpleNamespace(**groups["links"], **_shared_links(facts)),
    }


def _shared_links(facts: Facts) -> dict[str, str]:
    """The links that are the same for everyone; "" where there is nothing behind one."""
    site, event = facts.public_url, facts.event
    return {
        "join": f"{site}/join",
        "events": f"{site}/events",
        "calendar": f"{site}/events/{event.slug}.ics" if event else "",
        "archive": facts.archive_url,
    }


def _zone(name: str, otherwise: str) -> str:
    # A reader whose time zone this machine does not know reads the constellation's: no reason to write to nobody.
    try:
        return ZoneInfo(name).key if name else otherwise
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return otherwise


def _template(kind: str, file: str, templates: Path | None, language: str = catalogues.SOURCE) -> jinja2.Template:
    try:
        return environment(templates, language).get_template(f"{kind}/{file}")
    except jinja2.TemplateNotFound as error:
        known = languages.kinds(templates)
        if kind not in known:
            raise ContentError(f"there is no template for {kind}{hint(kind, known)}") from error
        raise ContentError(f"the template {kind} needs a file {file} beside its others") from error
    except jinja2.TemplateSyntaxError as error:
        raise _syntax(error, file) from error


def _rendered(kind: str, file: str, context: dict[str, Any], templates: Path | None) -> str:
    template = _template(kind, file, templates, context["language"])
    try:
        return template.render(context)
    except jinja2.TemplateSyntaxError as error:
        raise _syntax(error, file) from error
    except jinja2.TemplateNotFound as error:
        raise ContentError(f"{_where(error, template)}: there is no template {error.name} to include") from error
    except ContentError as error:
        # A file that was loaded on the way names itself; what was raised inside a template does not.
        raise error if error.is_placed else ContentError(f"{_where(error, template)}: {error}") from error
    except Exception as error:  # whatever a template calls may raise anything: its author wants the line
        raise ContentError(f"{_where(error, template)}: {error}") from error


def _syntax(error: jinja2.TemplateSyntaxError, file: str) -> ContentError:
    where = pointing.place(error.filename or "", error.lineno)
    return ContentError(f"{shown(error.filename or file)}:{where}: {error.message}", is_placed=True)


def _where(error: Exception, template: jinja2.Template) -> str:
    """File, line and column of the innermost template in the traceback, which Jinja has rewritten to name templates."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename.endswith((".mjml", ".txt", ".css"))]
    if not own:
        return shown(template.filename or "")
    needle = error.needle if isinstance(error, ContentError) else ""
    return f"{shown(own[-1].filename)}:{pointing.place(own[-1].filename, own[-1].lineno or 1, needle)}"


def _inlined(source: str, file: str) -> str:
    try:
        html = mjml.mjml2html(_referenced(source), fonts={})  # MRML would else link a font from another host
    except ValueError as error:
        raise ContentError(f"{file}: cannot be read as MJML: {error}") from error
    try:
        return _INLINER.inline(html)
    except css_inline.InlineError as error:
        raise ContentError(f"{file}: its styles cannot be inlined: {error}") from error


def _referenced(source: str) -> str:
    """The MJML with every character that MRML spoils as a numeric reference, which it hands on.

    It writes attributes as Rust writes a string for debugging: combining marks, joiners, no-break spaces and
    backslashes come out as `\\u{5b8}`; Hebrew, Hindi and half the emoji would break in an alt text or a title.
    """
    outside_styles = re.split(r"(<mj-style\b.*?</mj-style>)", source, flags=re.DOTALL)
    for even in range(0, len(outside_styles), 2):
        quoted = _QUOTED.sub(lambda match: re.sub(r"[\n\r\t]", _reference, match[0]), outside_styles[even])
        outside_styles[even] = re.sub(r"[^\x00-\x7f]|\\", _reference, quoted)
    return "".join(outside_styles)


_QUOTED = re.compile(r"(?<==)\"[^\"<>]*\"|(?<==)'[^'<>]*'")


def _reference(match: re.Match[str]) -> str:
    return f"&#{ord(match[0])};"


_INLINER = css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)
"""At-rules stay in the head: media queries are what dark mode and narrow screens are made of."""
