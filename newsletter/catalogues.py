"""The languages that pages and transactional mails speak: templates/locale/LANGUAGE.po, read when first wanted.

Texts are written in English, where they stand, and marked: `_("…")` and `{% trans %}` in templates, `voice.gettext(…)`
in Python, and N_("…") for what is looked up later. `make catalogues` brings the marked texts into the catalogues.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from io import BytesIO
from typing import Any

import jinja2
from babel import Locale, UnknownLocaleError
from babel.lists import format_list
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from jinja2 import nodes
from jinja2.ext import InternationalizationExtension
from jinja2.parser import Parser
from jinja2.runtime import Context
from markupsafe import Markup

from newsletter import assets

SOURCE = "en"
"""What texts are written in."""

LANGUAGES = (SOURCE, "es", "de", "fr")
"""What there is a catalogue for, or no need of one."""

FOLDER = assets.TEMPLATES / "locale"

_TAG = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,4}")


@dataclass(frozen=True, slots=True)
class Voice:
    """What a reader is spoken to in: one of LANGUAGES, and dates and lists in their own regional order."""

    locale: Locale
    translations: NullTranslations = field(repr=False, compare=False)

    @property
    def language(self) -> str:
        """One of LANGUAGES."""
        return str(self.locale.language)

    @property
    def own_name(self) -> str:
        """What the language is called in itself: `Deutsch`."""
        return str(self.locale.get_language_name(self.locale)).capitalize()

    def gettext(self, message: str, /, **values: object) -> str:
        """A text, its `%(name)s` filled in."""
        text = str(self.translations.gettext(message))
        return text % values if values else text

    def listed(self, names: Sequence[str]) -> str:
        """`Ana, Bo and Cy`."""
        return str(format_list(names, locale=self.locale)) if names else ""


def N_(message: str) -> str:  # noqa: N802 - the name that is looked for
    """Mark a text that a Voice is asked for later."""
    return message


def locale(name: str, among: Sequence[str] = LANGUAGES) -> Locale | None:
    """The locale of a tag (`de-AT`, as people write it) where its language is one of these; else None."""
    if not _TAG.fullmatch(name):
        return None
    try:
        parsed = Locale.parse(name.replace("-", "_"))
    except (ValueError, UnknownLocaleError):
        # A region that nobody heard of is no reason not to speak the language.
        language = re.split("[-_]", name)[0].lower()
        return Locale(language) if language in among else None
    return parsed if parsed.language in among else None


@lru_cache(maxsize=256)
def voice(*names: str) -> Voice:
    """The voice for the first of these tags whose language we speak, else in English."""
    found = next((known for name in names if (known := locale(name)) is not None), Locale(SOURCE))
    return Voice(found, _translations(str(found.language)))


@lru_cache(maxsize=1)
def own_names() -> tuple[tuple[str, str], ...]:
    """Each of LANGUAGES, and what it is called in itself."""
    return tuple((tag, voice(tag).own_name) for tag in LANGUAGES)


class _Translated(InternationalizationExtension):
    """`{% trans %}` in an environment that speaks one language: texts with nothing to fill in are part of the template.

    Most texts of a page are such, and looking each up again took a third of its time.
    """

    def parse(self, parser: Parser) -> nodes.Node | list[nodes.Node]:
        """The nodes of a block, or its translation where that is all there is to it."""
        parsed = super().parse(parser)
        match parsed:
            case nodes.Output(nodes=[nodes.Call(node=nodes.Name(name="gettext"), args=[message], kwargs=[])]):
                spoken: NullTranslations = self.environment.translations  # type: ignore[attr-defined] # by `speak`
                text = str(spoken.gettext(message.as_const()))
                return nodes.Output([nodes.TemplateData(text % {} if "%" in text else text)], lineno=parsed.lineno)
            case _:
                return parsed


def speak(environment: jinja2.Environment, spoken: Voice, *, write: Callable[[Any], Any] = lambda value: value) -> None:
    """Have an environment's marked texts come in a voice. `write` is done to each value before it is filled in."""

    def filled(context: Context, text: str, values: dict[str, Any]) -> str:
        pattern = Markup(text) if context.eval_ctx.autoescape else text  # noqa: S704 - ours, as the templates are
        if "%" not in text:  # most texts of a page: to fill in nothing would take longer than all else here
            return pattern
        return pattern % {name: write(value) for name, value in values.items()}

    @jinja2.pass_context
    def gettext(context: Context, message: str, /, **values: Any) -> str:
        return filled(context, spoken.translations.gettext(message), values)

    @jinja2.pass_context
    def ngettext(context: Context, one: str, many: str, number: int, /, **values: Any) -> str:
        return filled(context, spoken.translations.ngettext(one, many, number), {"num": number, **values})

    environment.extend(translations=spoken.translations)
    environment.add_extension(_Translated)
    environment.policies["ext.i18n.trimmed"] = True
    environment.newstyle_gettext = True  # type: ignore[attr-defined] # the extension adds it
    environment.globals.update(gettext=gettext, ngettext=ngettext)


@lru_cache(maxsize=len(LANGUAGES))
def _translations(language: str) -> NullTranslations:
    if language == SOURCE:
        return NullTranslations()
    compiled = BytesIO()
    with (FOLDER / f"{language}.po").open("rb") as file:
        write_mo(compiled, read_po(file, locale=language))
    compiled.seek(0)
    return Translations(compiled)
