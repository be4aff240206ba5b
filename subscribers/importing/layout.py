"""Which column holds what: our own layout, that of a program we know, or what the person says with a mapping."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from subscribers.importing.errors import ImportFailed
from subscribers.importing.record import column_name


class Field(StrEnum):
    """What a column may hold."""

    EMAIL = "email"
    FIRST_NAME = "first_name"
    LAST_NAME = "last_name"
    NAME = "name"
    LOCALE = "locale"
    TIMEZONE = "timezone"
    EVENTS = "events"
    MUTED = "muted"
    ROLE = "role"
    TAGS = "tags"
    ATTRIBUTES = "attributes"
    STATUS = "status"
    SUPPRESSED = "suppressed"
    SUPPRESSED_AT = "suppressed_at"
    RHYTHM = "rhythm"
    PAUSED_UNTIL = "paused_until"
    JOINED_AT = "joined_at"
    CONSENTED_AT = "consented_at"
    CONSENT_SOURCE = "consent_source"
    CONSENT_IP = "consent_ip"
    CONSENT_VERSION = "consent_version"
    CONSENT_TEXT = "consent_text"
    REQUESTED_AT = "requested_at"
    REQUEST_IP = "request_ip"
    UNSUBSCRIBED_AT = "unsubscribed_at"
    CLEANED_AT = "cleaned_at"


class Kind(StrEnum):
    """Whose export a file is; it decides what counts as evidence of consent."""

    GENERIC = "generic"
    WIX = "Wix"
    MAILCHIMP = "Mailchimp"
    LISTMONK = "listmonk"
    MAILMAN = "Mailman"


_NAMES = {
    Field.EMAIL: "email, e-mail, mail, email address, e-mail address, email 1, e-mail-adresse, correo,"
    " correo electrónico, adresse e-mail, courriel",
    Field.FIRST_NAME: "first name, firstname, given name, forename, vorname, prénom, nombre",
    Field.LAST_NAME: "last name, lastname, surname, family name, nachname, nom, apellido, apellidos",
    Field.NAME: "name, full name, display name",
    Field.LOCALE: "locale, language, sprache, langue, idioma",
    Field.TIMEZONE: "timezone, time zone, zeitzone",
    Field.EVENTS: "events, topics",
    Field.MUTED: "muted",
    Field.ROLE: "role",
    Field.TAGS: "tags, labels",
    Field.ATTRIBUTES: "attributes",
    Field.STATUS: "status, email subscriber status, subscriber status, delivery status",
    Field.SUPPRESSED: "suppressed",
    Field.SUPPRESSED_AT: "suppressed at",
    Field.RHYTHM: "rhythm",
    Field.PAUSED_UNTIL: "paused until",
    Field.JOINED_AT: "joined at, created at (utc+0), created at",
    Field.CONSENTED_AT: "consented at, confirm_time, confirmed at",
    Field.CONSENT_SOURCE: "consent source, source",
    Field.CONSENT_IP: "consent ip, confirm_ip",
    Field.CONSENT_VERSION: "consent version",
    Field.CONSENT_TEXT: "consent text",
    Field.REQUESTED_AT: "requested at, optin_time",
    Field.REQUEST_IP: "request ip, optin_ip",
    Field.UNSUBSCRIBED_AT: "unsubscribed at, left at, unsub_time",
    Field.CLEANED_AT: "cleaned at, clean_time",
}


_OWN = re.compile(r"[a-z][a-z0-9_]{0,39}")


def is_own_field(name: str) -> bool:
    """Whether a field of one's own may be called so, as in `school`."""
    return _OWN.fullmatch(name) is not None


def _key(column: str) -> str:
    return re.sub(r"[\W_]+", "", column.casefold())


_FIELDS = {_key(name): field for field, names in _NAMES.items() for name in names.split(",")}
_SIGNS = {
    Kind.WIX: {_key("Email subscriber status"), _key("Email 1")},
    Kind.MAILCHIMP: {_key("CONFIRM_TIME"), _key("OPTIN_TIME")},
    Kind.LISTMONK: {_key("uuid"), _key("attributes"), _key("status")},
    Kind.MAILMAN: {_key("delivery_mode"), _key("list_id")},
}
_NOT_MEANT = {Kind.MAILMAN: {Field.ROLE}}
"""Fields whose usual column means something else there: Mailman's role is member, nonmember, owner or moderator."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The place of each field in a row, counted from 0, and the columns nobody reads. `membership` is that of Mailman's
    role."""

    kind: Kind
    width: int
    membership: int | None
    places: dict[Field, int]
    extra: dict[str, int]
    ignored: tuple[str, ...]


def recognise(path: Path, header: tuple[str, ...], mapping: Mapping[str, str]) -> Layout:
    """Find the fields. `mapping` is column → field (or `field:NAME` to keep it by that name, or `-` to ignore it).

    Raises ImportFailed for a column or field there is not, and for a file without addresses.
    """
    keys = [_key(column) for column in header]
    if not any(header):
        raise ImportFailed(f"{path}: the file is empty: no row names the columns")
    said = {place(path, header, column): _target(field) for column, field in mapping.items()}
    _refuse_twice(header, said)
    kind = next((kind for kind, signs in _SIGNS.items() if signs <= set(keys)), Kind.GENERIC)
    places: dict[Field, int] = {}
    extra: dict[str, int] = {}
    for at, target in said.items():
        if isinstance(target, Field):
            places[target] = at
        elif target:
            extra[target] = at
    for at, key in enumerate(keys):
        if at not in said and (field := _FIELDS.get(key)) is not None and field not in _NOT_MEANT.get(kind, ()):
            places.setdefault(field, at)
    if Field.EMAIL not in places:
        columns = ", ".join(column or "(no name)" for column in header)
        raise ImportFailed(
            f"{path}: no column holds addresses; the columns are {columns};"
            f' say which one with --map "{next(filter(None, header))}=email"'
        )
    has_membership = kind is Kind.MAILMAN and _key("role") in keys and keys.index(_key("role")) not in said
    membership = keys.index(_key("role")) if has_membership else None
    read = {*places.values(), *extra.values(), membership}
    ignored = tuple(column for at, column in enumerate(header) if at not in read and column)
    return Layout(kind, len(header), membership, places, extra, ignored)


def place(path: Path, header: tuple[str, ...], column: str) -> int:
    """Where a column is that somebody names, as it is written or nearly so. Raises ImportFailed."""
    keys = [_key(name) for name in header]
    if (name := column_name(column)) in header:
        return header.index(name)
    if _key(column) in keys:
        return keys.index(_key(column))
    near = difflib.get_close_matches(column, header, n=1)
    hint = f"did you mean {near[0]}?" if near else f"the columns are {', '.join(header)}"
    raise ImportFailed(f"--map {column}=…: {path} has no such column; {hint}")


def _refuse_twice(header: tuple[str, ...], said: Mapping[int, Field | str]) -> None:
    """Raise ImportFailed where two columns are said to hold the same."""
    columns: dict[str, str] = {}
    for at, target in said.items():
        if target and target in columns:
            raise ImportFailed(f"--map …={target}: both {columns[target]} and {header[at]} cannot be it; map one")
        columns[target] = header[at]


def _target(field: str) -> Field | str:
    """A field, the name of an extra one, or nothing for a column to ignore."""
    if field == "-":
        return ""
    if field.startswith("field:"):
        if is_own_field(field[6:]):
            return field[6:]
        raise ImportFailed(
            f"--map …={field}: a field of your own is called by up to 40 of a-z, 0-9 and _, a letter first, as in"
            " field:school"
        )
    try:
        return Field(field)
    except ValueError as error:
        near = difflib.get_close_matches(field, list(Field), n=1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(Field)}, field:NAME, -"
        raise ImportFailed(f"--map …={field}: there is no such field; {hint}") from error
