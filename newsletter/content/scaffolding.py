"""Templates of one's own: what there is, and how a new one begins."""

import re
from dataclasses import dataclass
from pathlib import Path

from newsletter import assets, catalogues
from newsletter.content import languages
from newsletter.content.errors import ContentError, shown
from newsletter.content.facts import TRANSACTIONAL
from newsletter.suggest import hint

_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")


@dataclass(frozen=True, slots=True)
class Description:
    """One kind: whether staff's files go before ours, its languages, and whom such a mail is sent to."""

    kind: str
    is_own: bool
    languages: tuple[str, ...]
    sent_to: str


def describe(kind: str, templates: Path | None) -> Description:
    """What there is to say of a kind in a list."""
    is_own = templates is not None and (templates / "mail" / kind).is_dir()
    sent_to = "one person, for what they did" if kind in TRANSACTIONAL else "the audience of a campaign"
    return Description(kind, is_own, tuple(languages.spoken(kind, templates)), sent_to)


def begin(kind: str, templates: Path, *, like: str, language: str = "") -> list[Path]:
    """Copy the three files of the kind `like`, as a kind of staff's own or as its translation; answer the new files.

    Raises ContentError, and nothing is written, where one of them exists or a name is none.
    """
    if not _NAME.fullmatch(kind):
        raise ContentError(f"{kind!r} is no name for a template; use a-z, 0-9 and hyphens, as in open-day")
    known = languages.kinds(templates)
    if like not in known:
        more = "" if like != kind else "; name one to begin from with --like"
        raise ContentError(f"there is no template for {like}{hint(like, known)}{more}")
    if language and catalogues.locale(language, among=(language,)) is None:
        raise ContentError(f"{language} is no language; name it as in es")
    folder = templates / "mail" / kind
    copies = {folder / _named(file, language): _source(like, file, templates) for file in _FILES}
    for file in copies:
        if file.exists():
            raise ContentError(f"{shown(str(file))} exists already, and is left as it is")
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in copies.items():
        file.write_text(text, encoding="utf-8")
    return list(copies)


_FILES = (languages.SUBJECT, languages.HTML, languages.TEXT)


def _named(file: str, language: str) -> str:
    stem, _, ending = file.partition(".")
    return f"{stem}.{language}.{ending}" if language else file


def _source(kind: str, file: str, templates: Path) -> str:
    for folder in (templates, assets.TEMPLATES):
        found = folder / "mail" / kind / file
        if found.is_file():
            return found.read_text(encoding="utf-8-sig")
    raise ContentError(f"the template {kind} has no {file} to begin from")
