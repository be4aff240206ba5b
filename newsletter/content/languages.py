"""Which of a template's files a reader gets: `body.es.mjml` beside `body.mjml`, and what stands in for what is missing.

A reader gets their own language where it is written, else the series' own, else the files that name none. Those are in
the language of the series where staff wrote them; where they are ours, they speak each of our catalogues' languages.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from babel import Locale, UnknownLocaleError

from newsletter import assets, catalogues
from newsletter.catalogues import Voice
from newsletter.content.environment import environment
from newsletter.content.errors import shown
from newsletter.content.facts import TRANSACTIONAL

SUBJECT, HTML, TEXT = "subject.txt", "body.mjml", "body.txt"
"""The files of a template's folder."""

_TRANSLATED = re.compile(r"(subject|body)\.([^.]+)\.(txt|mjml)")


def kinds(templates: Path | None = None) -> list[str]:
    """The kinds there is a template for, in our folder or in the staff's."""
    names = environment(templates).list_templates()
    return sorted({name.partition("/")[0] for name in names if name.count("/") == 1 and not name.startswith("_")})


def files(kind: str, templates: Path | None = None) -> list[str]:
    """The files of a kind: its three, and those in other languages."""
    there = _names(kind, templates)
    return [SUBJECT, TEXT, HTML, *(name for name in there if _TRANSLATED.fullmatch(name))]


def of(kind: str, templates: Path | None = None) -> list[str]:
    """The languages that a kind is written in besides that of its plain files, by its HTML."""
    found = (_TRANSLATED.fullmatch(name) for name in _names(kind, templates))
    return sorted({match[2] for match in found if match is not None and match[3] == "mjml" and _is_language(match[2])})


def spoken(kind: str, templates: Path | None = None) -> list[str]:
    """The languages that a kind comes in besides that of its plain files: written, or by our catalogues."""
    by_catalogue = kind in TRANSACTIONAL or _is_ours(kind, templates)
    ours = {*catalogues.LANGUAGES} - {catalogues.SOURCE} if by_catalogue else set()
    return sorted({*of(kind, templates), *ours})


def base(kind: str, reader: str, series: str, templates: Path | None) -> str:
    """The language in which a reader gets a kind's files that name none; `series` is the constellation's."""
    return catalogues.voice(reader, series).language if _is_ours(kind, templates) else _language(series)


def chosen(kind: str, reader: str, series: str, templates: Path | None) -> str:
    """The language of what a reader gets: "" for the files that name none."""
    written = of(kind, templates)
    if not written:
        return ""
    plain = catalogues.LANGUAGES if _is_ours(kind, templates) else (_language(series),)
    for language in (_language(reader), _language(series)):
        if language in written:
            return language
        if language in plain:
            return ""
    return ""


def voice(kind: str, written: str, reader: str, series: str) -> Voice:
    """How dates, lists and the house's own words are said to a reader of a mail that is written in a language.

    Mails about what someone did are in the reader's language by our catalogues, whoever wrote their files; all others
    keep to that of their files, in the reader's own regional order, else in the series'.
    """
    if kind in TRANSACTIONAL:
        return catalogues.voice(reader, series)
    ours = (catalogues.locale(tag, among=(written,)) for tag in (reader, series))
    return Voice(next(filter(None, ours), Locale(written)), catalogues.voice(written).translations)


def _is_ours(kind: str, templates: Path | None) -> bool:
    return templates is None or not (templates / "mail" / kind / HTML).is_file()


def _language(tag: str) -> str:
    return re.split("[-_]", tag)[0].lower()


def file(kind: str, name: str, language: str, templates: Path | None) -> str:
    """The file of a kind in a language, or the one that stands in for it."""
    stem, _, ending = name.partition(".")
    translated = f"{stem}.{language}.{ending}"
    return translated if language and translated in _names(kind, templates) else name


def fallbacks(kind: str, language: str, templates: Path | None) -> Iterator[str]:
    """What a mail in a language takes from elsewhere, a line each."""
    for name in (SUBJECT, TEXT):
        if file(kind, name, language, templates) == name:
            stem, _, ending = name.partition(".")
            yield f"{kind}: there is no {stem}.{language}.{ending}; readers of {language} get {name}"
    if language not in catalogues.LANGUAGES:
        yield f"{kind}: the greeting and the footer of the house are not said in {language}, but in English"


def unknown(kind: str, templates: Path | None) -> Iterator[str]:
    """Each file that names what is no language."""
    for folder in _folders(kind, templates):
        for path in sorted(folder.iterdir()):
            match = _TRANSLATED.fullmatch(path.name)
            if match is not None and not _is_language(match[2]):
                yield f"{shown(str(path))}: {match[2]} is no language; name it as in body.es.mjml"


def _names(kind: str, templates: Path | None) -> list[str]:
    return sorted({path.name for folder in _folders(kind, templates) for path in folder.iterdir()})


def _folders(kind: str, templates: Path | None) -> list[Path]:
    # What there is may change while a preview is open, so it is looked up each time.
    folders = [folder / "mail" / kind for folder in (templates, assets.TEMPLATES) if folder is not None]
    return [folder for folder in folders if folder.is_dir()]


def _is_language(tag: str) -> bool:
    try:
        return str(Locale(tag).language) == tag
    except (ValueError, UnknownLocaleError):
        return False
