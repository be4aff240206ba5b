"""What a person may set: one frozen object from newsletter.toml, then NEWSLETTER_* variables, read once at the edge."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from newsletter import database, setting_values, tomlfile
from newsletter.errors import NewsletterError
from newsletter.setting_values import Key
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


class Section(BaseModel):
    """A table of newsletter.toml; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Secrets(Section):
    """The keys that sign links, newest first, and the one that hashes suppressed addresses, which never changes."""

    signing_keys: tuple[Key, ...] = Field(min_length=1)
    hash_key: Key


class Smtp(Section):
    """The relay that takes our mail."""

    host: str = "localhost"
    port: int = Field(25, ge=1, le=65535)
    socket: Path | None = None
    protocol: Literal["smtp", "lmtp"] = "smtp"
    provider: Literal[
        "", "brevo", "mailersend", "mailgun", "mailjet", "mailtrap", "mandrill", "postmark", "sendgrid", "sparkpost"
    ] = ""
    username: str = ""
    password: SecretStr = SecretStr("")
    token_file: Path | None = None
    tls: Annotated[
        Literal["opportunistic", "required", "implicit", "none"], AfterValidator(setting_values.tls_over_socket)
    ] = "opportunistic"
    verify: bool = True
    ca_file: Path | None = None
    connections: int = Field(8, ge=1, le=200)
    timeout: timedelta = Field(timedelta(minutes=5), gt=timedelta(0))
    priority: int = Field(1, ge=1, le=9)
    weight: int = Field(1, ge=1, le=100)
    per_second: float = Field(0, ge=0)
    senders: tuple[Annotated[str, AfterValidator(setting_values.domain)], ...] = ()
    warm_up: tuple[Annotated[int, Field(ge=1)], ...] = ()
    warm_up_from: date | None = None


class Relay(Smtp):
    """One more relay, under a name of its own."""

    name: Annotated[str, AfterValidator(setting_values.relay_name)]


class Pace(Section):
    """How many mails a second the receivers of a domain, or of a family of domains, are sent at most."""

    to: Annotated[str, AfterValidator(setting_values.receivers)]
    per_second: float = Field(gt=0)


class Dkim(Section):
    """A key that signs the mail of one sender's domain."""

    domain: Annotated[str, AfterValidator(setting_values.domain)]
    selector: Annotated[str, AfterValidator(setting_values.selector)]
    key_file: Path
    signs_from: Annotated[datetime, AfterValidator(setting_values.aware)] | None = None


class Delivery(Section):
    """How the ledger is worked through."""

    window: int = Field(200, ge=1, le=2000)
    shard: int = Field(1000, ge=1, le=100_000)
    on_uncertain: Literal["resend", "hold"] = "resend"
    retry_first: timedelta = Field(timedelta(minutes=2), ge=timedelta(0))
    retry_longest: timedelta = Field(timedelta(hours=4), ge=timedelta(0))
    give_up_after: timedelta = Field(timedelta(days=2), ge=timedelta(0))
    most_a_day: int = Field(0, ge=0, le=1000)
    drain: timedelta = Field(timedelta(seconds=20), gt=timedelta(0))
    quiet_hours: Annotated[str, AfterValidator(setting_values.hours)] = ""
    pace_by_mx: bool = True
    slowed_per_second: float = Field(5, gt=0)
    slowed_for: timedelta = Field(timedelta(minutes=10), gt=timedelta(0))


class Engine(Section):
    """Who delivers: one process, or workers on many hosts; and when one of them is believed dead."""

    kind: Literal["embedded", "procrastinate"] = "embedded"
    heartbeat: timedelta = Field(timedelta(seconds=10), gt=timedelta(0))
    lease: timedelta = timedelta(seconds=30)

    @model_validator(mode="after")
    def _outlives_a_heartbeat(self) -> Self:
        if self.lease < 2 * self.heartbeat:
            raise ValueError("lease must be at least twice the heartbeat, or a worker that lives is believed dead")
        return self


class Bounces(Section):
    """Where mail that comes back arrives, and what follows from it."""

    address: str = ""
    maildir: Path | None = None
    listen: Annotated[str, AfterValidator(setting_values.listener)] = ""
    soft_days: int = Field(5, ge=1)
    soft_span: timedelta = Field(timedelta(days=14), ge=timedelta(0))
    soft_memory: timedelta = Field(timedelta(days=30), ge=timedelta(0))
    hard_days: int = Field(1, ge=1)
    probe: bool = True
    probe_wait: timedelta = Field(timedelta(days=7), gt=timedelta(0))
    breaker_share: float = Field(0.2, gt=0, le=1)
    breaker_least: int = Field(5, ge=1)
    breaker_window: timedelta = Field(timedelta(minutes=10), gt=timedelta(0))
    breaker_pause: timedelta = Field(timedelta(hours=1), gt=timedelta(0))

    @model_validator(mode="after")
    def _can_be_reached(self) -> Self:
        if self.soft_span > self.soft_memory or self.soft_days > self.soft_memory.days + 1:
            raise ValueError(
                "soft_memory must hold soft_span and soft_days, or soft bounces never stop mail to anybody"
            )
        return self


class Mailbox(Section):
    """The mailbox of the address for bounces, where it is read by IMAP or POP3."""

    protocol: Literal["", "imap", "pop3"] = ""
    host: str = "localhost"
    port: int = Field(0, ge=0, le=65535)
    tls: Literal["implicit", "required", "none"] = "implicit"
    ca_file: Path | None = None
    username: str = ""
    password: SecretStr = SecretStr("")
    token_file: Path | None = None
    folder: str = "INBOX"
    every: timedelta = Field(timedelta(minutes=1), gt=timedelta(0), le=timedelta(minutes=25))


Interface = Annotated[str, AfterValidator(setting_values.interface)]


class Webhooks(Section):
    """What each provider signs or authenticates with; a provider without a key is refused.

    The keys of APIs are for what providers keep by themselves: their suppression lists.
    """

    generic_secret: SecretStr = SecretStr("")
    azure_secret: SecretStr = SecretStr("")
    brevo_username: str = ""
    brevo_password: SecretStr = SecretStr("")
    brevo_token: SecretStr = SecretStr("")
    brevo_api_key: SecretStr = SecretStr("")
    brevo_api: Interface = ""
    forwardemail_key: SecretStr = SecretStr("")
    mailersend_secret: SecretStr = SecretStr("")
    mailersend_api_token: SecretStr = SecretStr("")
    mailersend_api: Interface = ""
    mailgun_signing_key: SecretStr = SecretStr("")
    mailgun_username: str = ""
    mailgun_password: SecretStr = SecretStr("")
    mailgun_api_key: SecretStr = SecretStr("")
    mailgun_domain: str = ""
    mailgun_api: Interface = ""
    mailjet_username: str = ""
    mailjet_password: SecretStr = SecretStr("")
    mailtrap_secret: SecretStr = SecretStr("")
    mailtrap_api_token: SecretStr = SecretStr("")
    mailtrap_account: str = ""
    mailtrap_api: Interface = ""
    mandrill_key: SecretStr = SecretStr("")
    mandrill_url: str = ""
    mandrill_api_key: SecretStr = SecretStr("")
    mandrill_api: Interface = ""
    postal_public_key: str = ""
    postmark_username: str = ""
    postmark_password: SecretStr = SecretStr("")
    postmark_server_token: SecretStr = SecretStr("")
    postmark_streams: str = "outbound,broadcast"
    postmark_api: Interface = ""
    resend_secret: SecretStr = SecretStr("")
    resend_api_key: SecretStr = SecretStr("")
    resend_api: Interface = ""
    sendgrid_public_key: str = ""
    sendgrid_api_key: SecretStr = SecretStr("")
    sendgrid_api: Interface = ""
    ses_topic_arn: Annotated[str, AfterValidator(setting_values.topic)] = ""
    ses_access_key: str = ""
    ses_secret_key: SecretStr = SecretStr("")
    ses_region: Annotated[str, AfterValidator(setting_values.aws_region)] = ""
    ses_api: Interface = ""
    sparkpost_username: str = ""
    sparkpost_password: SecretStr = SecretStr("")
    sparkpost_token: SecretStr = SecretStr("")
    sparkpost_api_key: SecretStr = SecretStr("")
    sparkpost_api: Interface = ""
    lists_every: timedelta = Field(timedelta(days=1), ge=timedelta(minutes=10))

    def in_clear(self) -> dict[str, Any]:
        """Each setting as providers take it, secrets in clear."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: v.get_secret_value() if isinstance(v, SecretStr) else v for name, v in values.items()}


class Outgoing(Section):
    """How others are told what happens here; `tell_staff` hears of those who take nothing for too long, and of
    mails that are held."""

    allow_private: bool = False
    retry_first: timedelta = Field(timedelta(seconds=30), gt=timedelta(0))
    retry_longest: timedelta = Field(timedelta(hours=6), gt=timedelta(0))
    give_up_after: timedelta = Field(timedelta(days=3), gt=timedelta(0))
    keep: timedelta = Field(timedelta(days=30), gt=timedelta(0))
    tell_staff: Annotated[str, AfterValidator(setting_values.mailbox)] = ""


class Web(Section):
    """The pages and the address they are served from."""

    host: str = "127.0.0.1"
    port: int = Field(8025, ge=0, le=65535)
    trusted_proxies: tuple[Annotated[str, AfterValidator(setting_values.network)], ...] = ()
    metrics_token: SecretStr = SecretStr("")
    form_origins: tuple[Annotated[str, AfterValidator(setting_values.origin)], ...] = ()


class ConsentTexts(Section):
    """What is agreed to in each of the languages that pages speak."""

    en: str = ""
    es: str = ""
    de: str = ""
    fr: str = ""


class Joining(Section):
    """The double opt-in: what is agreed to, and for how long a link confirms it."""

    consent_version: str = "2021-01"
    consent_text: str = ""
    consent_texts: ConsentTexts = ConsentTexts()
    confirm_within: timedelta = Field(timedelta(days=7), ge=timedelta(hours=1))
    remind_after: timedelta = Field(timedelta(days=2), ge=timedelta(0))
    forget_after: timedelta = Field(timedelta(days=30), ge=timedelta(days=1))
    confirmations_a_day: int = Field(3, ge=1, le=20)
    role_accounts: tuple[str, ...] = (
        "abuse", "hostmaster", "mailer-daemon", "no-reply", "noreply", "postmaster", "root", "webmaster",
    )  # fmt: skip
    refused_domains: tuple[str, ...] = ()
    check_domains: bool = True
    name_server: Annotated[str, AfterValidator(setting_values.name_server)] = ""
    most_an_hour: int = Field(2000, ge=1)
    most_an_hour_from_network: int = Field(60, ge=1)
    most_an_hour_for_address: int = Field(10, ge=1)
    proof_of_work: Literal["asked", "required", "off"] = "asked"
    proof_iterations: int = Field(5000, ge=1, le=1_000_000)
    shortest_fill: timedelta = Field(timedelta(seconds=3), ge=timedelta(0), le=timedelta(minutes=1))
    most_an_hour_without_proof: int = Field(60, ge=1)
    most_an_hour_without_proof_from_network: int = Field(5, ge=1)

    @property
    def reminds(self) -> bool:
        """Whether people who have not confirmed are reminded; nobody is whose link has stopped working by then."""
        return timedelta(0) < self.remind_after < self.confirm_within

    @model_validator(mode="after")
    def _remembers_while_a_link_works(self) -> Self:
        if self.forget_after < self.confirm_within:
            raise ValueError("forget_after must be at least confirm_within, or links stop working before their time")
        return self


class Preflight(Section):
    """What is looked at before a campaign is sent, beyond the mail itself."""

    network: bool = True
    patience: timedelta = Field(timedelta(seconds=8), gt=timedelta(0), le=timedelta(minutes=1))
    spamassassin: bool = True


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
