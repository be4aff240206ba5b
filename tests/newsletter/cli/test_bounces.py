"""`newsletter bounces`, as staff and mail servers run it."""

import asyncio
import json
import signal
import smtplib
import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path
from shutil import copyfile
from typing import Any
from uuid import uuid4

import pytest

from newsletter.engine import returned_mail
from tests.dovecot import Dovecot

MAILS = Path(__file__).parents[2] / "webhooks" / "mails"


@pytest.fixture
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("_elsewhere")
def test_returned_mails_are_read_in_a_folder_without_settings_and_nothing_is_trusted(newsletter: Any) -> None:
    ended = newsletter("bounces", "read", "--json", MAILS / "postfix-unknown-user.eml", MAILS / "vacation-gmail.eml")
    assert (ended.code, ended.err) == (0, "")
    bounce, reply = map(json.loads, ended.out.splitlines())
    assert list(bounce) == ["file", "kind", "trusted", "recipients"]
    assert (bounce["kind"], bounce["trusted"]) == ("bounce", False)
    (one,) = bounce["recipients"]
    assert list(one) == ["address", "class", "reason", "status", "diagnostic"]
    assert (one["class"], one["reason"]) == ("hard", "no-such-user")
    assert (reply["kind"], reply["recipients"]) == ("auto-reply", [])


@pytest.mark.usefixtures("_elsewhere")
def test_a_long_path_does_not_push_what_was_read_out_of_shape(newsletter: Any) -> None:
    shown = newsletter("bounces", "read", MAILS / "postfix-unknown-user.eml", MAILS / "vacation-gmail.eml").out
    assert str(MAILS) not in shown
    assert "  ana@school.example: hard no-such-user 5.1.1 – 550 5.1.1 " in shown
    assert "vacation-gmail.eml: auto-reply from " in shown
    assert all(len(line) <= 80 for line in shown.splitlines())


@pytest.mark.usefixtures("_elsewhere")
def test_where_nothing_came_back_or_was_told_a_line_says_so(newsletter: Any, tmp_path: Path) -> None:
    newsletter("init", tmp_path)
    assert newsletter("db", "upgrade").code == 0
    assert newsletter("bounces", "list").out.startswith("Nothing of that kind has come back")
    assert newsletter("webhooks", "deliveries").out == "There is no such message.\n"


@pytest.mark.usefixtures("_elsewhere")
def test_settings_that_were_named_and_are_not_there_are_an_error(newsletter: Any) -> None:
    ended = newsletter("--settings", "other.toml", "bounces", "read", MAILS / "exim-old.eml")
    assert (ended.code, ended.out) == (1, "")
    assert "other.toml: there is no such file" in ended.err


@pytest.mark.usefixtures("_elsewhere")
def test_a_file_that_is_not_there_is_one_line_and_nothing_is_printed(newsletter: Any) -> None:
    ended = newsletter("bounces", "read", "--json", MAILS / "exim-old.eml", "missing.eml")
    assert (ended.code, ended.out, ended.err.count("\n")) == (1, "", 1)
    assert "missing.eml" in ended.err


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch, newsletter: Any, tmp_path: Path) -> Any:
    """Hand `bounces pipe` a mail on stdin, in a folder that `init` has just made."""
    newsletter("init", tmp_path)
    monkeypatch.chdir(tmp_path)

    def run(raw: bytes, *options: str) -> Any:
        monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(raw)))
        return newsletter("bounces", "pipe", *options)

    return run


def test_a_piped_mail_that_nothing_proves_is_kept_until_somebody_has_judged_it(pipe: Any, newsletter: Any) -> None:
    raw = (MAILS / "postfix-unknown-user.eml").read_bytes()
    assert newsletter("db", "upgrade").code == 0
    for _ in range(2):
        assert pipe(raw).code == 0
    listed = json.loads(newsletter("bounces", "review", "--json").out)
    (kept,) = listed["mails"]
    assert kept["kind"] == "bounce"
    assert newsletter("bounces", "mail", str(kept["id"]), "--dismiss").out.encode() == raw
    assert json.loads(newsletter("bounces", "review", "--json").out)["mails"] == []
    ended = newsletter("bounces", "mail", str(kept["id"]))
    assert (ended.code, ended.err.count("\n")) == (1, 1)


@pytest.fixture
def unproven(newsletter: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What waits for judgement after a bounce was collected that names no mail of ours."""
    newsletter("init", tmp_path)
    monkeypatch.chdir(tmp_path)
    newsletter("db", "upgrade")
    (tmp_path / "returned" / "new").mkdir(parents=True)
    copyfile(MAILS / "postfix-unknown-user.eml", tmp_path / "returned" / "new" / "1.a")
    assert newsletter("bounces", "collect", tmp_path / "returned").code == 0
    waiting: dict[str, Any] = json.loads(newsletter("bounces", "review", "--json").out)
    return waiting


def test_a_report_that_nothing_proves_is_shown_by_its_number_and_let_go_of_once(
    unproven: dict[str, Any], newsletter: Any
) -> None:
    (report,) = unproven["reports"]
    assert f"{report['id']}  " in newsletter("bounces", "review").out
    shown = newsletter("bounces", "show", str(report["id"])).out
    assert "550 5.1.1 <ana@school.example>" in shown
    assert "newsletter subscribers suppress ADDRESS\n" in shown
    assert "judged by staff" in newsletter("bounces", "show", str(report["id"]), "--dismiss").out
    assert json.loads(newsletter("bounces", "review", "--json").out)["reports"] == []
    ended = newsletter("bounces", "show", str(report["id"]), "--dismiss")
    assert (ended.code, ended.out, ended.err.count("\n")) == (1, "", 1)


def test_where_nothing_proven_has_come_back_counts_say_so_and_show_no_empty_table(
    unproven: dict[str, Any], newsletter: Any
) -> None:
    assert unproven["reports"]
    for by in ("domain", "campaign"):
        out = newsletter("bounces", "list", "--by", by).out
        assert " ".join(out.split()).startswith("Nothing that is proven has come back; what nothing proves:")
        assert "unsubscribe" not in out


def test_no_address_that_waits_for_judgement_is_broken_in_the_middle(
    unproven: dict[str, Any], newsletter: Any, tmp_path: Path
) -> None:
    raw = (MAILS / "postfix-unknown-user.eml").read_bytes()
    for number, domain in enumerate((b"gymnasium-am-alten-hafen.example", b"school.example")):
        another = raw.replace(b"Message-ID: <", b"Message-ID: <%d." % number, 1).replace(b"school.example", domain)
        (tmp_path / "returned" / "new" / f"{number}.b").write_bytes(another.replace(b"mx.example.net", domain))
    assert newsletter("bounces", "collect", tmp_path / "returned").code == 0
    out = newsletter("bounces", "review").out
    assert max(map(len, out.splitlines())) <= 80
    assert "ana@gymnasium-am-alten-hafen.example" in out
    assert "MAILER-DAEMON@gymnasium-am-alten-hafen.example" in out


def test_who_lets_go_of_a_mail_has_judged_what_it_reported_too(unproven: dict[str, Any], newsletter: Any) -> None:
    newsletter("bounces", "mail", str(unproven["mails"][0]["id"]), "--dismiss")
    assert newsletter("bounces", "review").out == "Nothing waits for anybody's judgement.\n"


def test_of_many_that_wait_the_latest_are_shown_and_that_is_said(
    unproven: dict[str, Any], newsletter: Any, tmp_path: Path
) -> None:
    assert "the latest" not in newsletter("bounces", "review").out
    raw = (MAILS / "postfix-unknown-user.eml").read_bytes()
    for number in range(len(unproven["reports"]), 101):
        another = raw.replace(b"Message-ID: <", b"Message-ID: <%d." % number, 1)
        (tmp_path / "returned" / "new" / f"{number}.b").write_bytes(another)
    assert newsletter("bounces", "collect", tmp_path / "returned").code == 0
    assert newsletter("bounces", "review").out.endswith(
        "Of either, the latest 100 are shown; as you let go of them, older ones follow.\n"
    )


@pytest.mark.parametrize("options", [(), ("--recipient", "bounce@bounces.example.org")])
def test_a_piped_mail_is_read_below_the_line_that_pipes_begin_with(
    pipe: Any, newsletter: Any, options: tuple[str, ...]
) -> None:
    raw = (MAILS / "postfix-unknown-user.eml").read_bytes()
    assert newsletter("db", "upgrade").code == 0
    assert pipe(b"From MAILER-DAEMON Fri Jan 15 12:00:00 2021\n" + raw, *options).code == 0
    (waiting,) = json.loads(newsletter("bounces", "review", "--json").out)["mails"]
    assert waiting["kind"] == "bounce"


def test_that_nothing_waits_is_said_in_a_line_and_not_by_an_empty_table(pipe: Any, newsletter: Any) -> None:
    newsletter("db", "upgrade")
    assert newsletter("bounces", "review").out == "Nothing waits for anybody's judgement.\n"
    pipe(b"Subject: hello\n\nA question.")
    assert "why it was left" not in newsletter("bounces", "review").out


def test_a_piped_mail_of_fifty_megabytes_is_read_to_its_end_and_stored(pipe: Any, newsletter: Any) -> None:
    newsletter("db", "upgrade")
    assert pipe(b"Subject: huge\n\n" + b"x" * 50_000_000).code == 0
    assert sys.stdin.buffer.read() == b""


def test_a_piped_mail_that_cannot_be_stored_is_left_to_the_mail_server_to_try_again(pipe: Any, tmp_path: Path) -> None:
    ended = pipe(b"Subject: x\n\n")
    assert (ended.code, ended.out, ended.err.count("\n")) == (75, "", 1)
    assert "there is no such database" in ended.err
    (tmp_path / "newsletter.toml").unlink()
    assert pipe(b"Subject: x\n\n").code == 75


def test_a_mistake_of_ours_costs_no_piped_mail_either(pipe: Any, newsletter: Any, monkeypatch: Any) -> None:
    newsletter("db", "upgrade")

    async def mistaken(*_: object, **__: object) -> None:
        raise LookupError

    monkeypatch.setattr(returned_mail, "take", mistaken)
    ended = pipe(b"Subject: x\n\n")
    assert (ended.code, ended.err) == (75, "newsletter: the mail was not stored: LookupError\n")


def test_nothing_that_came_back_commands_the_terminal(pipe: Any, newsletter: Any, tmp_path: Path) -> None:
    """A title, a colour, a cleared screen and letters turned round: any server can put them into what it returns."""
    hostile = "\x1b]0;yours\x07\x1b[31mred\x9b2J\u202edesrever"
    raw = (MAILS / "postfix-unknown-user.eml").read_bytes()
    raw = raw.replace(b"User unknown", f"User {hostile} unknown".encode())
    raw = raw.replace(b"Subject: Undelivered", f"Subject: {hostile} Undelivered".encode())
    (tmp_path / "hostile.eml").write_bytes(raw)
    newsletter("db", "upgrade")
    assert pipe(raw).code == 0
    for command in (["read", tmp_path / "hostile.eml"], ["review"]):
        shown = newsletter("bounces", *command).out
        assert "desrever" in shown
        assert not set("\x1b\x07\x9b\u202e") & set(shown)
    assert newsletter("bounces", "mail", "1").out.encode() == raw


def test_a_pipe_into_which_nothing_is_put_keeps_nothing_for_a_person(pipe: Any, newsletter: Any) -> None:
    newsletter("db", "upgrade")
    ended = pipe(b"\n")
    assert (ended.code, ended.out, ended.err.count("\n")) == (66, "", 1)
    assert json.loads(newsletter("bounces", "review", "--json").out)["mails"] == []


@pytest.mark.parametrize(("protocol", "port", "tls"), [("imap", "imaps", "implicit"), ("pop3", "pop3", "required")])
def test_a_mailbox_at_a_server_is_emptied_and_what_nothing_proves_waits_for_a_person(
    newsletter: Any,
    dovecot: Dovecot,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    protocol: str,
    port: str,
    tls: str,
) -> None:
    newsletter("init", tmp_path)
    monkeypatch.chdir(tmp_path)
    newsletter("db", "upgrade")
    assert "no mailbox is named" in newsletter("bounces", "collect").err
    user = f"u{uuid4().hex}"
    settings = {"port": dovecot.ports[port], "tls": tls, "username": user, "ca_file": dovecot.ca_file}
    for name, value in {**settings, "protocol": protocol, "password": "secret"}.items():
        monkeypatch.setenv(f"NEWSLETTER_MAILBOX__{name.upper()}", str(value))
    dovecot.deliver(user, (MAILS / "postfix-unknown-user.eml").read_bytes())
    assert newsletter("bounces", "collect").out.startswith("1 mail taken in, 1 report judged.")
    assert dovecot.holds(user) == 0
    (kept,) = json.loads(newsletter("bounces", "review", "--json").out)["mails"]
    assert kept["kind"] == "bounce"
    assert newsletter("bounces", "collect").out.startswith("0 mails taken in, 0 reports judged.")
    monkeypatch.setenv("NEWSLETTER_MAILBOX__PASSWORD", "wrong")
    refused = newsletter("bounces", "collect")
    assert (refused.code, refused.err.count("\n")) == (1, 1)
    assert f"{user} at localhost:{dovecot.ports[port]}: " in refused.err


@pytest.mark.parametrize("where", ["nowhere", "lmtp://127.0.0.1", "smtp://127.0.0.1:65536", "http://127.0.0.1:25"])
def test_a_place_that_nobody_can_listen_at_is_one_line(pipe: Any, newsletter: Any, where: str) -> None:
    ended = newsletter("bounces", "listen", where)
    assert (ended.code, ended.err.count("\n")) == (1, 1)
    assert "write lmtp://127.0.0.1:2424" in ended.err


async def test_a_listener_of_its_own_stores_mail_and_ends_well(prepare: Any, spawn: Any) -> None:
    await prepare(25, 1)
    process = await spawn("bounces", "listen", "lmtp://127.0.0.1:0")
    line = (await asyncio.wait_for(process.stdout.readline(), 60)).decode()
    assert line.startswith("Listening at lmtp://127.0.0.1:"), line

    def hand_over() -> tuple[int, bytes]:
        with smtplib.LMTP("127.0.0.1", int(line.split(":")[2].split()[0]), local_hostname="mx.example.org") as client:
            client.ehlo_or_helo_if_needed()
            client.mail("")
            client.rcpt("bounce@bounces.example.org")
            return client.data("From: a-person@example.org\nSubject: A question\n\nWhere?\n")

    assert (await asyncio.to_thread(hand_over))[0] == 250
    process.send_signal(signal.SIGTERM)
    await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0
    review = await spawn("bounces", "review")
    output, _ = await review.communicate()
    assert "A question" in output.decode()


@pytest.mark.usefixtures("_elsewhere")
def test_what_cannot_leave_its_maildir_is_obeyed_all_the_same_and_said(newsletter: Any, tmp_path: Path) -> None:
    newsletter("init", tmp_path)
    newsletter("db", "upgrade")
    (tmp_path / "returned" / "new").mkdir(parents=True)
    (tmp_path / "returned" / "cur").write_text("no folder")
    copyfile(MAILS / "postfix-unknown-user.eml", tmp_path / "returned" / "new" / "1.a")
    ended = newsletter("bounces", "collect", tmp_path / "returned")
    assert (ended.code, ended.err.count("\n")) == (1, 1)
    assert "cannot be moved from new/ to cur/" in ended.err
    assert "unproven" in newsletter("bounces", "show", 1).out
