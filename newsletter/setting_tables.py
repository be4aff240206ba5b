"""The tables of newsletter.toml: what each setting may be, and what it is where nobody has set it."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from newsletter import setting_values
from newsletter.setting_values import Key


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

    @model_validator(mode="after")
    def _says_who_logs_in(self) -> Self:
        if not self.username and (self.password.get_secret_value() or self.token_file):
            raise ValueError("password and token_file need username beside them, or nobody is logged in")
        return self


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
    mails that are held or cannot be made."""

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
