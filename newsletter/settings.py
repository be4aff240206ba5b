"""What a person may set: one frozen object from newsletter.toml, then NEWSLETTER_* variables, read once at the edge."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, BaseModel, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from newsletter import database, setting_values, tomlfile
from newsletter.errors import NewsletterError
from newsletter.setting_tables import (
    Bounces,
    Delivery,
    Dkim,
    Engine,
    Joining,
    Mailbox,
    Outgoing,
    Pace,
    Preflight,
    Relay,
    Secrets,
    Section,
    Smtp,
    Web,
    Webhooks,
)
from newsletter.suggest import hint

PREFIX = "NEWSLETTER_"
DEFAULT_FILE = Path("newsletter.toml")

_PATHS = (
    ("smtp", "socket"),
    ("smtp", "ca_file"),
    ("smtp", "token_file"),
    ("relays", "socket"),
    ("relays", "ca_file"),
    ("relays", "token_file"),
    ("dkim", "key_file"),
    ("bounces", "maildir"),
    ("mailbox", "ca_file"),
    ("mailbox", "token_file"),
)
"""Settings in tables that are relative to the file's folder."""


class SettingsError(NewsletterError):
    """A setting is missing, unknown or wrong; the text has one line for each."""


class NoSettings(SettingsError):
    """There is neither a file nor variables to read settings from."""


class Settings(BaseSettings):
    """Everything in force. Secrets are kept out of its repr."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix=PREFIX, env_nested_delimiter="__", env_ignore_empty=False
    )

    database: Annotated[str, AfterValidator(setting_values.backend)] = Field("sqlite:///newsletter.sqlite3", repr=False)
    public_url: Annotated[str, AfterValidator(setting_values.public_url)] = "http://127.0.0.1:8025"
    templates: Path | None = None
    secrets: Secrets
    smtp: Smtp = Smtp()
    relays: Annotated[tuple[Relay, ...], AfterValidator(setting_values.named_once)] = ()
    pace: Annotated[tuple[Pace, ...], AfterValidator(setting_values.told_once)] = ()
    dkim: tuple[Dkim, ...] = ()
    delivery: Delivery = Delivery()
    preflight: Preflight = Preflight()
    engine: Engine = Engine()
    bounces: Bounces = Bounces()
    mailbox: Mailbox = Mailbox()
    webhooks: Webhooks = Webhooks()
    outgoing: Outgoing = Outgoing()
    web: Web = Web()
    joining: Joining = Joining()

    @property
    def providers(self) -> tuple[str, ...]:
        """Who may relay a mail, of those that hand our name for it back in a header of their own."""
        return tuple(sorted({one.provider for one in (self.smtp, *self.relays)} - {""}))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Variables above what `read` hands over from the file."""
        return env_settings, init_settings


@dataclass(frozen=True, slots=True)
class Origin:
    """One setting in force: its dotted name, its value as shown (secrets hidden) and where it came from."""

    name: str
    value: str
    source: str


def read(path: Path, *, begins_templates: bool = False) -> Settings:
    """Read the settings in force. Raises SettingsError (a line for each fault) or tomlfile.UnreadableFile.

    The folder of templates must be there, unless it is now that one `begins_templates`.
    """
    file = _file(path)
    _refuse_unknown_variables()
    data = _anchored(file.data, path.resolve().parent)
    try:
        found = Settings(**data)
    except ValidationError as error:
        raise SettingsError("\n".join(_explain(error, file))) from error
    if found.templates is not None and not found.templates.is_dir() and not begins_templates:
        raise SettingsError(
            f"{_where(('templates',), file)}: templates: there is no folder {found.templates}; make it, "
            "or begin a template of yours: newsletter templates new KIND"
        )
    return found


def origins(path: Path, settings: Settings) -> list[Origin]:
    """Every setting in force and the file's line, the variable or the default that it comes from."""
    file = _file(path)
    return [_origin(name, value, file) for name, value in _leaves(settings)]


def _file(path: Path) -> tomlfile.TomlFile:
    if not path.exists() and not _has_variables():
        raise NoSettings(f"{path}: there is no such file; run `newsletter init`, or name one with --settings")
    return tomlfile.read(path) if path.exists() else tomlfile.TomlFile(path, {}, {})


def _has_variables() -> bool:
    return any(name.startswith(f"{PREFIX}SECRETS__") for name in os.environ)


def _anchored(data: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Relative paths, the default database's too, are relative to the file, not to where the command was run."""
    anchored = {"database": Settings.model_fields["database"].default, **data}
    url = anchored["database"]
    if isinstance(url, str) and url.startswith("sqlite:///") and not url.startswith("sqlite:////"):
        anchored["database"] = f"sqlite:///{folder / url.removeprefix('sqlite:///')}"
    if isinstance(anchored.get("templates"), str):
        anchored["templates"] = folder / anchored["templates"]
    for section, name in _PATHS:
        table = anchored.get(section)
        if isinstance(table, dict):
            anchored[section] = _anchored_in(table, name, folder)
        elif isinstance(table, list):
            anchored[section] = [_anchored_in(one, name, folder) for one in table]
    return anchored


def _anchored_in(table: Any, name: str, folder: Path) -> Any:
    if isinstance(table, dict) and isinstance(table.get(name), str):
        return {**table, name: folder / table[name]}
    return table


def _names(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Every dotted setting there is."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from _names(field.annotation, f"{prefix}{name}.")
        elif one := _tables_of(field.annotation):
            yield from _names(one, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def _tables_of(annotation: Any) -> type[Section] | None:
    """What each table of an array of tables is, or None for any other setting."""
    one, *_ = get_args(annotation) or (None,)
    return one if isinstance(one, type) and issubclass(one, Section) else None


def _variable(name: str) -> str:
    return PREFIX + name.replace(".", "__").upper()


def _refuse_unknown_variables() -> None:
    known = {_variable(name) for name in _names(Settings)} | {f"{PREFIX}SETTINGS"}
    sections = {_variable(name) for name, field in Settings.model_fields.items() if field.annotation is not None}
    wrong = [name for name in os.environ if name.startswith(PREFIX) and name not in known | sections]
    if wrong:
        raise SettingsError("\n".join(f"${name}: there is no such setting{hint(name, known)}" for name in wrong))


def _explain(error: ValidationError, file: tomlfile.TomlFile) -> Iterator[str]:
    for fault in error.errors():
        key = fault["loc"]
        yield f"{_where(key, file)}: {'.'.join(map(str, key))}: {_reason(fault, key)}"


def _where(key: tuple[str | int, ...], file: tomlfile.TomlFile) -> str:
    """The variable that a setting comes from, or else its line in the file."""
    variable = _variable(".".join(map(str, key)))
    return f"${variable}" if variable in os.environ else file.where(*key)


def _reason(fault: Mapping[str, Any], key: tuple[str | int, ...]) -> str:
    match fault["type"]:
        case "extra_forbidden":
            path = [part for part in key if isinstance(part, str)]  # without the number in an array of tables
            siblings = {
                n.split(".")[len(path) - 1] for n in _names(Settings) if n.split(".")[: len(path) - 1] == path[:-1]
            }
            return f"there is no such setting{hint(str(key[-1]), siblings)}"
        case "missing":
            return "this must be set; `newsletter init` writes a file with fresh secrets"
        case "value_error":
            return str(fault["ctx"]["error"])
        case _:
            message = str(fault["msg"])
            hidden = key[0] == "secrets" or str(key[-1]).endswith(("key", "password", "secret", "token"))
            shown = "" if hidden else f", not {fault['input']!r}"
            return f"{message[:1].lower()}{message[1:]}{shown}"


def _leaves(model: BaseModel, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, Section):
            yield from _leaves(value, f"{prefix}{name}.")
        elif isinstance(value, tuple) and value and isinstance(value[0], Section):
            for number, one in enumerate(value):
                yield from _leaves(one, f"{prefix}{name}.{number}.")
        else:
            yield f"{prefix}{name}", value


def _origin(name: str, value: Any, file: tomlfile.TomlFile) -> Origin:
    variable = _variable(name)
    section = _variable(name.split(".")[0])
    key = tuple(int(part) if part.isdigit() else part for part in name.split("."))
    if variable in os.environ or section in os.environ:
        source = f"${variable if variable in os.environ else section}"
    elif key in file.lines:
        source = f"{file.path}:{file.lines[key]}"
    else:
        source = "default"
    return Origin(name, _without_password(value) if name == "database" else _shown(value), source)


def _without_password(url: str) -> str:
    return database.parse(url).render_as_string(hide_password=True)


def _shown(value: Any) -> str:
    match value:
        case SecretStr():
            return "(hidden)" if value.get_secret_value() else ""
        case tuple():
            return ", ".join(map(_shown, value))
        case None:
            return ""
        case bool():
            return str(value).lower()
        case timedelta():  # as the file has it, "14 days" rather than "14 days, 0:00:00"
            return str(value).removesuffix(", 0:00:00")
        case _:
            return str(value)
