"""Reading [form] of a constellation file."""

from newsletter import catalogues
from newsletter.constellation import values
from newsletter.constellation.faults import Section
from newsletter.constellation.form import Form, Names, Role
from newsletter.constellation.values import Wrong, describe, shown
from newsletter.suggest import hint

_FORM = {"role": 'role = { teacher = "Teacher", student = "Student" }'}


def read(root: Section, language: str) -> Form:
    """The form that the file describes; `language` is that of the series, which each role must be told in."""
    section = root.table("form", "form", _FORM, needed=False)
    form = Form(
        names=section.may("name", _names, Names.BOTH),
        roles=_roles(section.table("role", "form.role", {}, needed=False), language),
        events=section.may("events", values.flag, True),
        timezone=section.may("timezone", values.flag, True),
    )
    section.done({"names": "write name", "roles": "write role"})
    return form


def _names(value: object) -> Names:
    text = values.line(value)
    if text not in set(Names):
        raise Wrong(f'{shown(text)} is not one of "both", "first" and "none"{hint(text, [n.value for n in Names])}')
    return Names(text)


def _roles(section: Section, language: str) -> tuple[Role, ...]:
    roles = [_role(section, word, language) for word in section.data]
    return tuple(role for role in roles if role is not None)


def _role(section: Section, word: str, language: str) -> Role | None:
    try:
        values.slug(word)
        match section.data[word]:
            case dict() as told:
                return _told(word, {name: values.line(label) for name, label in told.items()}, language)
            case str() as label:
                return Role(word, values.line(label))
            case other:
                raise Wrong(f'this is {describe(other)}; write how it reads, as in teacher = "Teacher"')
    except Wrong as wrong:
        section.fault(str(wrong), word)
        return None


def _told(word: str, labels: dict[str, str], language: str) -> Role:
    spoken = {*catalogues.LANGUAGES, language}
    if unknown := next((name for name in labels if name not in spoken), None):
        raise Wrong(f"pages do not speak {shown(unknown)}{hint(unknown, sorted(spoken))}")
    if language not in labels:
        raise Wrong(f'it is not told in the language of the series; add {language} = "…"')
    return Role(word, labels[language], labels)
