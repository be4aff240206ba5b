"""Settings: a file, then variables; every fault is one line that says where and what would be right."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from newsletter import settings as reading
from newsletter.settings import SettingsError
from newsletter.tomlfile import UnreadableFile

SIGNING_KEY = "signing-key-of-a-test-that-nobody-may-see"
HASH_KEY = "hash-key-of-a-test-that-nobody-may-see-either"
SECRETS = f'[secrets]\nsigning_keys = ["{SIGNING_KEY}"]\nhash_key = "{HASH_KEY}"\n'

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write newsletter.toml with what is given, after the secrets (four lines in) and an empty line."""

    def write(text: str) -> Path:
        file = tmp_path / "newsletter.toml"
        file.write_text(text, encoding="utf-8")
        return file

    return write


def fault(file: Path) -> str:
    with pytest.raises(SettingsError) as caught:
        reading.read(file)
    return str(caught.value).replace(f"{file.parent}/", "")


def test_an_unknown_key_is_named_with_its_line_and_the_nearest_right_name(write: Write) -> None:
    assert fault(write(f'{SECRETS}\n[smtp]\nhots = "mail.example.org"\n')) == (
        "newsletter.toml:6: smtp.hots: there is no such setting; did you mean host?"
    )


def test_an_unknown_table_is_named_with_its_line_and_the_nearest_right_name(write: Write) -> None:
    assert fault(write(f"{SECRETS}\n[bounce]\nsoft_days = 3\n")) == (
        "newsletter.toml:5: bounce: there is no such setting; did you mean bounces?"
    )


def test_an_unknown_key_that_resembles_nothing_lists_the_names_there_are(write: Write) -> None:
    assert fault(write(f"{SECRETS}\n[delivery]\nxyzzy = 1\n")) == (
        "newsletter.toml:6: delivery.xyzzy: there is no such setting; known: drain, give_up_after, most_a_day, "
        "on_uncertain, pace_by_mx, quiet_hours, retry_first, retry_longest, shard, slowed_for, "
        "slowed_per_second, window"
    )


def test_every_fault_is_told_at_once(write: Write) -> None:
    lines = fault(write(f'public_url = "news"\n{SECRETS}\n[smtp]\nport = 70000\nhots = ""\n')).splitlines()
    assert [line.split(": ")[:2] for line in lines] == [
        ["newsletter.toml:1", "public_url"],
        ["newsletter.toml:7", "smtp.port"],
        ["newsletter.toml:8", "smtp.hots"],
    ]


def test_an_unknown_variable_is_named_with_the_nearest_right_name(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEWSLETTER_SMTP__HOTS", "mail.example.org")
    assert fault(write(SECRETS)) == (
        "$NEWSLETTER_SMTP__HOTS: there is no such setting; did you mean NEWSLETTER_SMTP__HOST?"
    )


def test_a_missing_secret_says_what_makes_one(write: Write) -> None:
    assert fault(write(f'[secrets]\nsigning_keys = ["{SIGNING_KEY}"]\n')) == (
        "newsletter.toml:1: secrets.hash_key: this must be set; `newsletter init` writes a file with fresh secrets"
    )
    assert fault(write("")) == (
        "newsletter.toml:1: secrets: this must be set; `newsletter init` writes a file with fresh secrets"
    )


@pytest.mark.parametrize("name", ["signing_keys", "hash_key"])
def test_a_short_key_is_refused_without_repeating_it(write: Write, name: str) -> None:
    good = {"signing_keys": f'["{SIGNING_KEY}"]', "hash_key": f'"{HASH_KEY}"'}
    bad = {**good, name: '["hunter2"]' if name == "signing_keys" else '"hunter2"'}
    text = fault(write("[secrets]\n" + "".join(f"{key} = {value}\n" for key, value in bad.items())))
    assert "at least 32 characters" in text
    assert "hunter2" not in text


def test_a_value_of_the_wrong_type_is_shown_beside_what_is_wanted(write: Write) -> None:
    text = fault(write(f'{SECRETS}\n[smtp]\nport = "submission"\n'))
    assert text.startswith("newsletter.toml:6: smtp.port: input should be a valid integer")
    assert text.endswith(", not 'submission'")


@pytest.mark.parametrize(
    "name", ["smtp.password", "webhooks.mandrill_key", "webhooks.brevo_token", "web.metrics_token"]
)
def test_a_secret_of_the_wrong_type_is_not_shown(write: Write, name: str) -> None:
    table, key = name.split(".")
    text = fault(write(f"{SECRETS}\n[{table}]\n{key} = 31337\n"))
    assert text.startswith(f"newsletter.toml:6: {name}: ")
    assert "31337" not in text


def test_a_wrong_variable_is_named_instead_of_the_file(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWSLETTER_SMTP__PORT", "submission")
    assert fault(write(f"{SECRETS}\n[smtp]\nport = 587\n")).startswith("$NEWSLETTER_SMTP__PORT: smtp.port: ")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('public_url = "news.example.org"', "give the address visitors see, as in https://news.example.org"),
        ('database = "mysql://localhost/news"', "mysql is not supported"),
        ('database = "newsletter.sqlite3"', "use sqlite:///FILE or postgresql://HOST/NAME"),
        ('web.trusted_proxies = ["10.0.0.1/8"]', "10.0.0.1/8 is no network; write 10.0.0.0/8 or 192.0.2.7"),
        (
            'web.form_origins = ["https://a.example.org/news"]',
            "is no site; write https://www.example.org, without a path",
        ),
        ('web.form_origins = ["*"]', "* is no site; write https://www.example.org"),
        ('smtp.timeout = "soon"', "not 'soon'"),
        ('joining.confirm_within = "00:30:00"', "greater than or equal to 1 hour"),
        ('joining.forget_after = "6 days"', "forget_after must be at least confirm_within"),
        ('smtp.timeout = "00:00:00"', "greater than 0 seconds"),
        ('delivery.give_up_after = "-1 day"', "greater than or equal to 0 seconds"),
        ('delivery.on_uncertain = "drop"', "'resend' or 'hold'"),
    ],
)
def test_a_wrong_value_says_what_would_be_right(write: Write, line: str, message: str) -> None:
    text = fault(write(f"{line}\n{SECRETS}"))
    assert len(text.splitlines()) == 1
    assert text.startswith("newsletter.toml:1: ")
    assert message in text


def test_a_site_with_an_umlaut_that_may_show_the_form_is_named_as_browsers_name_it(write: Write) -> None:
    read = reading.read(write(f'web.form_origins = ["https://München.de:8443/", "https://straße.example"]\n{SECRETS}'))
    assert read.web.form_origins == ("https://xn--mnchen-3ya.de:8443", "https://xn--strae-oqa.example")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            '[[relays]]\nname = "Backup 2"',
            r"newsletter.toml:6: relays.0.name: Backup 2 is no name for a relay",
        ),
        ('[[relays]]\nname = "smtp"', r"newsletter.toml:6: relays.0.name: smtp is no name for a relay"),
        ('[[relays]]\nhost = "x"', r"newsletter.toml:\d+: relays.0.name: this must be set"),
        (
            '[[relays]]\nname = "a"\nprority = 2',
            r"newsletter.toml:7: relays.0.prority: there is no such setting; did you mean priority\?",
        ),
        ('[[relays]]\nname = "a"\n[[relays]]\nname = "a"', r"newsletter.toml:\d+: relays: two relays are called a$"),
        (
            '[[pace]]\nto = "hotmail"\nper_second = 1',
            r"newsletter.toml:6: pace.0.to: hotmail is no domain; .*gmail",
        ),
        (
            '[bounces]\nsoft_span = "40 days"',
            r"newsletter.toml:\d+: bounces: soft_memory must hold soft_span and soft_days",
        ),
        (
            '[bounces]\nsoft_days = 4\nsoft_span = "1 day"\nsoft_memory = "2 days"',
            r"newsletter.toml:\d+: bounces: soft_memory must hold",
        ),
        ('[smtp]\npassword = "x"', r"newsletter.toml:\d+: smtp: password and token_file need username beside them"),
        ('[[pace]]\nto = "gmail"\nper_second = 0', r"newsletter.toml:7: pace.0.per_second: .*greater than 0, not 0"),
        (
            '[delivery]\nquiet_hours = "9 pm"',
            r"newsletter.toml:6: delivery.quiet_hours: 9 pm are no hours; write",
        ),
    ],
)
def test_what_is_wrong_with_relays_and_paces_is_told_with_its_line(write: Write, table: str, message: str) -> None:
    assert re.match(message, fault(write(f"{SECRETS}\n{table}\n")))


def test_relays_have_every_setting_of_the_first_and_paths_beside_the_file(write: Write, tmp_path: Path) -> None:
    file = write(f'{SECRETS}\n[[relays]]\nname = "backup"\nca_file = "ca.pem"\nweight = 3\n')
    settings = reading.read(file)
    (backup,) = settings.relays
    assert (backup.name, backup.weight, backup.ca_file) == ("backup", 3, file.parent / "ca.pem")
    shown = {one.name: one for one in reading.origins(file, settings)}
    assert shown["relays.0.weight"].source == f"{file}:8"
    assert shown["relays.0.port"].source == "default"


def test_a_site_is_kept_as_browsers_name_it(write: Write) -> None:
    sites = '["https://WWW.Example.org/", "http://localhost:8080", "https://example.org:443"]'
    read = reading.read(write(f"web.form_origins = {sites}\n{SECRETS}"))
    assert read.web.form_origins == ("https://www.example.org", "http://localhost:8080", "https://example.org")


def test_a_missing_file_names_the_command_that_writes_one(tmp_path: Path) -> None:
    assert fault(tmp_path / "newsletter.toml") == (
        "newsletter.toml: there is no such file; run `newsletter init`, or name one with --settings"
    )


def test_a_file_that_is_not_toml_is_named_with_its_line(write: Write) -> None:
    with pytest.raises(UnreadableFile, match=r"newsletter\.toml:2: not valid TOML"):
        reading.read(write('public_url = "https://news.example.org"\nsmtp {\n'))


def test_variables_win_over_the_file(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(f'public_url = "https://file.example.org"\n{SECRETS}\n[smtp]\nhost = "file"\nport = 587\n')
    monkeypatch.setenv("NEWSLETTER_SMTP__HOST", "variable")
    monkeypatch.setenv("NEWSLETTER_DELIVERY__GIVE_UP_AFTER", "3 days")
    settings = reading.read(file)
    assert (settings.smtp.host, settings.smtp.port) == ("variable", 587)
    assert settings.public_url == "https://file.example.org"
    assert settings.delivery.give_up_after == timedelta(days=3)


def test_variables_alone_are_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWSLETTER_SECRETS__SIGNING_KEYS", json.dumps([SIGNING_KEY]))
    monkeypatch.setenv("NEWSLETTER_SECRETS__HASH_KEY", HASH_KEY)
    monkeypatch.setenv("NEWSLETTER_DATABASE", "postgresql://db.example.org/news")
    settings = reading.read(tmp_path / "newsletter.toml")
    assert settings.secrets.hash_key.get_secret_value() == HASH_KEY
    assert settings.database == "postgresql://db.example.org/news"


def test_paths_begin_at_the_files_folder_wherever_the_command_runs(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(f'templates = "mine"\n{SECRETS}\n[bounces]\nmaildir = "mail"\n')
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir("/")
    settings = reading.read(file)
    assert settings.database == f"sqlite:///{tmp_path}/newsletter.sqlite3"
    assert settings.templates == tmp_path / "mine"
    assert settings.bounces.maildir == tmp_path / "mail"


def test_a_folder_of_templates_that_is_not_there_is_named_unless_one_is_begun_there(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(f"{SECRETS}\n[web]\nport = 0\n".replace("[secrets]", 'templates = "nodir"\n[secrets]'))
    assert fault(file) == (
        "newsletter.toml:1: templates: there is no folder nodir; make it, "
        "or begin a template of yours: newsletter templates new KIND"
    )
    assert reading.read(file, begins_templates=True).templates == file.parent / "nodir"
    monkeypatch.setenv("NEWSLETTER_TEMPLATES", str(file))
    assert fault(file).startswith("$NEWSLETTER_TEMPLATES: templates: there is no folder newsletter.toml; ")


def test_each_setting_knows_where_it_comes_from(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(f'public_url = "https://news.example.org"\n{SECRETS}\n[smtp]\nhost = "mail.example.org"\nport = 25\n')
    monkeypatch.setenv("NEWSLETTER_SMTP__PORT", "587")
    sources = {origin.name: origin.source for origin in reading.origins(file, reading.read(file))}
    assert sources["public_url"] == f"{file}:1"
    assert sources["smtp.host"] == f"{file}:7"
    assert sources["smtp.port"] == "$NEWSLETTER_SMTP__PORT"
    assert sources["smtp.tls"] == "default"


def test_secrets_are_in_no_repr_and_no_listing(write: Write) -> None:
    relay, reports = '[smtp]\nusername = "us"\npassword = "hunter2"', '[webhooks]\ngeneric_secret = "whsec_tr0ub4dor"'
    file = write(f"{SECRETS}\n{relay}\n{reports}\n")
    settings = reading.read(file)
    shown = repr(settings) + str(settings) + repr(reading.origins(file, settings))
    for secret in (SIGNING_KEY, HASH_KEY, "hunter2", "whsec_tr0ub4dor"):
        assert secret not in shown


def test_a_password_inside_the_databases_url_is_in_no_listing(write: Write) -> None:
    file = write(f'database = "postgresql://news:hunter2@db.example.org/news"\n{SECRETS}')
    settings = reading.read(file)
    assert "hunter2" not in repr(reading.origins(file, settings))
    assert "hunter2" not in repr(settings)
