"""The fields of the form, as the constellation asks for them: on the page, in the script's form and to paste."""

from dataclasses import dataclass

from newsletter.catalogues import Voice
from newsletter.constellation.form import Form, Names


@dataclass(frozen=True, slots=True)
class Field:
    """A field, and its label in the visitor's language; with `options` (what is kept, what is read) a choice."""

    name: str
    label: str
    type: str = "text"
    autocomplete: str = "off"
    required: bool = False
    options: tuple[tuple[str, str], ...] = ()


def fields(form: Form, voice: Voice) -> tuple[Field, ...]:
    """The address first, then what the form asks beside it in a line of text or a choice."""
    asked = [Field("email", voice.gettext("E-mail address"), "email", "email", required=True)]
    if form.names is not Names.NONE:
        asked.append(Field("first_name", voice.gettext("First name"), autocomplete="given-name"))
    if form.names is Names.BOTH:
        asked.append(Field("last_name", voice.gettext("Last name"), autocomplete="family-name"))
    if form.roles:
        options = tuple((role.word, role.read_in(voice.language)) for role in form.roles)
        asked.append(Field("role", voice.gettext("Your role"), options=options))
    return tuple(asked)
