"""`newsletter webhooks setup` and `test`, for each provider, through a service that runs."""

import base64
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from newsletter.setting_tables import Webhooks
from webhooks.providers import PROVIDERS

ONLY_THEY_SIGN = ("postal", "sendgrid", "ses")
SENDGRID = ec.generate_private_key(ec.SECP256R1())
OF_REPORTS = [f"{name}_{key.field}" for name, one in sorted(PROVIDERS.items()) for key in one.guide.keys]
KEYS = {name: f"key-of-{name}" for name in OF_REPORTS} | {
    "generic_secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "resend_secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "ses_topic_arn": "arn:aws:sns:eu-west-1:123456789012:news",
    "brevo_token": "",
    "sparkpost_token": "",
}


def public(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    encoding, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return base64.b64encode(key.public_key().public_bytes(encoding, form)).decode()


@contextmanager
def serving(folder: Path, database: str, *options: str) -> Iterator[str]:
    """A service in that folder, with a key of each provider; where it is."""
    keys = KEYS | {
        "sendgrid_public_key": public(SENDGRID),
        "postal_public_key": public(rsa.generate_private_key(65537, 2048)),
    }
    lines = [
        f'database = "{database}"',
        "[secrets]",
        f'signing_keys = ["{"k" * 40}"]',
        f'hash_key = "{"h" * 40}"',
        "[webhooks]",
        *(f'{name} = "{value}"' for name, value in keys.items()),
    ]
    (folder / "newsletter.toml").write_text("\n".join(lines))
    process = subprocess.Popen(
        [sys.executable, "-m", "newsletter", "serve", "--port", "0", *options],
        cwd=folder,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    found = re.search(r"http://\S+?(?=,)", process.stdout.readline())
    assert found is not None
    yield found[0]
    process.terminate()
    process.communicate()


ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path.cwd()), "PYTHONUNBUFFERED": "1"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[tuple[Path, str]]:
    """A service on SQLite: its folder, and where it is."""
    folder = tmp_path_factory.mktemp("service")
    (folder / "newsletter.sqlite3").write_bytes(sqlite_template.read_bytes())
    with serving(folder, "sqlite:///newsletter.sqlite3") as at:
        yield folder, at


@pytest.fixture(scope="module")
def on_postgresql(
    tmp_path_factory: pytest.TempPathFactory, postgres: str, postgres_template: str
) -> Iterator[tuple[Path, str]]:
    """The same on PostgreSQL."""
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE providers TEMPLATE {postgres_template} STRATEGY FILE_COPY")
    folder = tmp_path_factory.mktemp("service")
    with serving(folder, postgres.replace("/postgres?", "/providers?")) as at:
        yield folder, at
    with psycopg.connect(postgres, autocommit=True) as connection:  # a worker may come back to this module
        connection.execute("DROP DATABASE providers WITH (FORCE)")


@pytest.fixture
def command(newsletter: Any, service: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The command, in the folder of that service."""
    monkeypatch.chdir(service[0])
    return newsletter


@pytest.mark.parametrize("kind", ["service", "on_postgresql"])
@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_a_sample_of_each_provider_arrives_through_the_running_service(
    newsletter: Any, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, kind: str, name: str
) -> None:
    folder, at = request.getfixturevalue(kind)
    monkeypatch.chdir(folder)
    done = newsletter("webhooks", "test", name, "--at", at)
    assert (done.code, done.err) == (0, "")
    assert "bounced, hard, no-such-user, of nobody@example.org" in done.out
    assert "unproven" in done.out
    assert ("a key made for this test" in done.out) == (name in ONLY_THEY_SIGN)
    assert not [line for line in done.out.splitlines() if len(line) > 80]
    assert newsletter("bounces", "review", "--json").out.count("nobody@example.org") == 0, "it was taken out again"


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_no_line_of_a_setup_is_torn_by_a_terminal_of_80_columns(command: Any, name: str) -> None:
    lines = command("webhooks", "setup", name).out.splitlines()
    assert not [line for line in lines if len(line) > 80 and " " in line.strip()]


def send_as_sendgrid(to: str, number: int) -> None:
    event = {"event": "bounce", "email": "ana@example.org", "sg_event_id": str(number), "type": "bounce"}
    body, at = json.dumps([event]).encode(), str(int(time.time()))
    signature = SENDGRID.sign(at.encode() + body, ec.ECDSA(hashes.SHA256()))
    headers = {
        "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
        "X-Twilio-Email-Event-Webhook-Timestamp": at,
    }
    urllib.request.urlopen(urllib.request.Request(f"{to}/webhooks/sendgrid", body, headers)).close()


def test_what_the_provider_signs_by_itself_is_waited_for_and_shown(command: Any, service: tuple[Path, str]) -> None:
    is_shown = threading.Event()

    def press_the_button() -> None:
        number = 0
        while not is_shown.wait(0.2):
            send_as_sendgrid(service[1], number := number + 1)

    sender = threading.Thread(target=press_the_button)
    sender.start()
    done = command("webhooks", "test", "sendgrid", "--at", service[1], "--wait", 20)
    is_shown.set()
    sender.join()
    assert done.code == 0
    assert "bounced, hard, no-such-user, of ana@example.org" in done.out


def test_a_provider_that_sends_nothing_in_time_is_one_clear_line(command: Any, service: tuple[Path, str]) -> None:
    done = command("webhooks", "test", "postal", "--at", service[1], "--wait", 0.01)
    assert done.code == 1
    assert "The sample concerned nobody" in done.out
    assert done.err.startswith("newsletter: postal reported nothing in 0.01 seconds")


def test_a_service_with_another_key_is_told_apart_from_one_that_is_not_there(
    command: Any, service: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    away = command("webhooks", "test", "postmark", "--at", f"http://127.0.0.1:{unused_tcp_port}")
    assert (away.code, "127.0.0.1" in away.err) == (1, True)
    monkeypatch.setenv("NEWSLETTER_WEBHOOKS__POSTMARK_PASSWORD", "newer")
    done = command("webhooks", "test", "postmark", "--at", service[1])
    assert done.code == 1
    assert "answered 401: wrong user name or password\n" in done.err
    assert "the service holds another key" in done.err
    done = command("webhooks", "test", "postmark", "--at", f"{service[1]}/join")
    assert done.err.splitlines() == [
        f"newsletter: {service[1]}/join/webhooks/postmark answered 404",
        "newsletter: something else answers there; is public_url right?",
    ]


@pytest.mark.parametrize(
    ("setting", "other"),
    [
        ("WEBHOOKS__SENDGRID_PUBLIC_KEY", public(ec.generate_private_key(ec.SECP256R1()))),
        ("SECRETS__SIGNING_KEYS", json.dumps(["n" * 40])),
    ],
)
def test_a_sample_by_a_key_made_for_it_tells_other_settings_too(
    command: Any, service: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, setting: str, other: str
) -> None:
    monkeypatch.setenv(f"NEWSLETTER_{setting}", other)
    done = command("webhooks", "test", "sendgrid", "--at", service[1])
    assert done.code == 1
    assert "answered 401" in done.err
    assert "the service holds another key than these settings" in done.err


def test_a_service_on_another_database_is_told_apart_too(
    command: Any, service: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, sqlite_template: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.sqlite3"
    other.write_bytes(sqlite_template.read_bytes())
    monkeypatch.setenv("NEWSLETTER_DATABASE", f"sqlite:///{other}")
    done = command("webhooks", "test", "ses", "--at", service[1])
    assert done.code == 1
    assert "keeps another database" in done.err


@pytest.mark.parametrize("name", ["postmark", "sendgrid"])
def test_a_sample_is_taken_out_even_where_the_command_is_stopped(
    newsletter: Any, sqlite_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "newsletter.sqlite3").write_bytes(sqlite_template.read_bytes())
    monkeypatch.chdir(tmp_path)
    with serving(tmp_path, "sqlite:///newsletter.sqlite3", "--no-engine") as at:
        process = subprocess.Popen(
            [sys.executable, "-m", "newsletter", "webhooks", "test", name, "--at", at],
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == f"{at}/webhooks/{name} answered 200.\n"
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate()
    assert (process.returncode, rest) == (130, ""), "it was waiting for the engine, of which there is none"
    with closing(sqlite3.connect("newsletter.sqlite3")) as connection, connection:
        assert connection.execute("SELECT count(*) FROM inbox").fetchone() == (0,)


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_without_its_key_the_setting_that_is_missing_is_named(
    command: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for setting in (one for one in Webhooks.model_fields if one.startswith(f"{name}_")):
        monkeypatch.setenv(f"NEWSLETTER_WEBHOOKS__{setting.upper()}", "")
    done = command("webhooks", "test", name, "--at", "http://127.0.0.1:1")
    assert done.code == 1
    assert f"webhooks.{name}_" in done.err


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_setup_says_where_what_to_tick_and_each_setting(command: Any, name: str) -> None:
    told = command("webhooks", "setup", name)
    assert told.code == 0
    assert f"/webhooks/{name}" in told.out
    assert "set public_url before" in " ".join(told.out.split()), "no provider reaches this machine's own address"
    for setting in (one for one in Webhooks.model_fields if one.startswith(f"{name}_")):
        assert setting in told.out
        assert not KEYS.get(setting) or KEYS[setting] not in told.out, "no secret is shown"
    assert told.out.endswith(
        f"\n\nThen start `newsletter serve` anew, and try it:\n  newsletter webhooks test {name}\n"
    )
    document = json.loads(command("webhooks", "setup", name, "--json").out)
    assert document["events"]
    assert document["url"].endswith(f"/webhooks/{name}")


def test_a_secret_that_is_made_up_and_the_name_of_a_relay_s_provider_are_lines_to_paste(
    command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEWSLETTER_WEBHOOKS__SPARKPOST_PASSWORD", "")
    told = command("webhooks", "setup", "sparkpost").out
    assert re.search(r'^ +sparkpost_password = "[0-9a-f]{48}"$', told, re.MULTILINE)
    assert '\n  provider = "sparkpost"\n' in told


def test_setup_asks_for_no_key_of_another_choice_than_was_made(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "brevo_token (by token): is not needed\n" in command("webhooks", "setup", "brevo").out
    monkeypatch.setenv("NEWSLETTER_WEBHOOKS__BREVO_USERNAME", "")
    monkeypatch.setenv("NEWSLETTER_WEBHOOKS__BREVO_PASSWORD", "")
    assert "brevo_token (by token): is not set yet\n" in command("webhooks", "setup", "brevo").out


def test_setup_says_of_a_key_that_is_none_what_is_wrong_with_it(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "is believed yet" not in command("webhooks", "setup", "sendgrid").out
    monkeypatch.setenv("NEWSLETTER_WEBHOOKS__SENDGRID_PUBLIC_KEY", "MA==")
    told = " ".join(command("webhooks", "setup", "sendgrid").out.split())
    assert "nothing of sendgrid is believed yet: webhooks.sendgrid_public_key is no base64 public key" in told


def test_a_topic_that_is_none_is_told_with_file_and_key_when_the_settings_are_read(
    newsletter: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = ["[secrets]", f'signing_keys = ["{"k" * 40}"]', f'hash_key = "{"h" * 40}"']
    Path("newsletter.toml").write_text("\n".join([*lines, "[webhooks]", 'ses_topic_arn = "news"']))
    done = newsletter("webhooks", "setup", "ses")
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        "newsletter: newsletter.toml:5: webhooks.ses_topic_arn: news is no ARN of a topic; write it as in "
        "arn:aws:sns:eu-west-1:123456789012:news\n"
    )


def test_a_provider_there_is_not_is_one_clear_line(command: Any) -> None:
    done = command("webhooks", "setup", "pigeon")
    assert (done.code, done.out) == (1, "")
    assert "there is no provider pigeon; known: azure" in done.err
