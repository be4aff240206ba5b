"""Mailboxes at a real Dovecot, by IMAP and by POP3: TLS, STARTTLS, passwords, tokens, new mail while waiting."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from tests.dovecot import ACCESS_TOKEN, Dovecot
from webhooks.account import Account, MailboxError
from webhooks.imap import Imap
from webhooks.pop3 import Pop3

PROTOCOLS = {"imap": Imap, "pop3": Pop3}

AccountOf = Callable[..., Account]


@pytest.fixture
def account(dovecot: Dovecot) -> AccountOf:
    """An account with a mailbox of its own, reached as a test wants."""

    def make(protocol: str, tls: str = "implicit", **changes: Any) -> Account:
        port = dovecot.ports[protocol + ("s" if tls == "implicit" else "")]
        usual = Account("localhost", port, f"u{uuid4().hex}", "secret", tls=tls, ca_file=dovecot.ca_file, timeout=20)
        return replace(usual, **changes)

    return make


@pytest.mark.parametrize("tls", ["implicit", "required", "none"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_mail_is_given_until_it_is_done_and_is_gone_then(
    account: AccountOf, dovecot: Dovecot, protocol: str, tls: str
) -> None:
    mine = account(protocol, tls)
    for text in (b"Subject: one\n\n1\n", b"Subject: two\n\n2\n"):
        dovecot.deliver(mine.username, text)
    session = PROTOCOLS[protocol].open(mine)
    found = list(session.waiting())
    assert [raw.partition(b"\r\n")[0] for _, raw in found] == [b"Subject: one", b"Subject: two"]
    assert list(session.waiting()) == found
    session.done(found[0][0])
    session.close()
    assert dovecot.holds(mine.username) == 1
    session = PROTOCOLS[protocol].open(mine)
    assert [raw.partition(b"\r\n")[0] for _, raw in session.waiting()] == [b"Subject: two"]
    session.close()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_of_a_huge_mail_only_the_beginning_is_fetched(account: AccountOf, dovecot: Dovecot, protocol: str) -> None:
    mine = account(protocol)
    dovecot.deliver(mine.username, b"Subject: huge\n\n" + b"x" * 900 + b"\n" + (b"y" * 990 + b"\n") * 12_000)
    session = PROTOCOLS[protocol].open(mine)
    ((_, raw),) = session.waiting()
    session.close()
    assert raw.startswith(b"Subject: huge\r\n")
    assert len(raw) == 2_000_000


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_line_longer_than_any_standard_allows_ends_no_session(
    account: AccountOf, dovecot: Dovecot, protocol: str
) -> None:
    mine = account(protocol)
    dovecot.deliver(mine.username, b"Subject: long\n\n" + b"x" * 500_000 + b"\n")
    dovecot.deliver(mine.username, b"Subject: next\n\n")
    session = PROTOCOLS[protocol].open(mine)
    assert [len(raw) > 500_000 for _, raw in session.waiting()] == [True, False]
    session.close()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_wrong_password_is_one_line_that_does_not_tell_it(account: AccountOf, protocol: str) -> None:
    mine = account(protocol, password="not-the-password")
    with pytest.raises(MailboxError, match=f"{mine.username} at localhost") as caught:
        PROTOCOLS[protocol].open(mine)
    assert "\n" not in str(caught.value)
    assert "not-the-password" not in f"{caught.value} {mine!r}"


@pytest.mark.parametrize("tls", ["implicit", "required"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_server_whose_certificate_nobody_vouches_for_is_never_told_the_password(
    account: AccountOf, protocol: str, tls: str
) -> None:
    with pytest.raises(MailboxError, match="certificate verify failed"):
        PROTOCOLS[protocol].open(account(protocol, tls, ca_file=None))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_access_token_opens_the_mailbox_and_a_wrong_one_does_not(
    account: AccountOf, dovecot: Dovecot, protocol: str, tmp_path: Any
) -> None:
    (tmp_path / "token").write_text(f"{ACCESS_TOKEN}\n")
    mine = account(protocol, username="token-holder", password="", token_file=tmp_path / "token")
    PROTOCOLS[protocol].open(mine).close()
    (tmp_path / "token").write_text("another")
    with pytest.raises(MailboxError, match="token-holder at localhost"):
        PROTOCOLS[protocol].open(mine)


def test_a_folder_that_is_not_there_is_told_in_the_servers_words(account: AccountOf) -> None:
    mine = account("imap", folder="Nowhere")
    with pytest.raises(MailboxError, match=rf"^{mine.username} at localhost:\d+: Mailbox doesn't exist: Nowhere"):
        Imap.open(mine)


def test_a_folder_from_which_nothing_can_be_deleted_is_refused(account: AccountOf, dovecot: Dovecot) -> None:
    """Whatever is stored and stays would be read again for ever."""
    mine = account("imap")
    dovecot.deliver(mine.username, b"Subject: stays\r\n\r\n")
    maildir = dovecot.folder / "mail" / mine.username
    for folder in (*maildir.iterdir(), maildir):
        folder.chmod(0o555)
    with pytest.raises(MailboxError, match=r": we may only read the folder INBOX, and not delete there$"):
        Imap.open(mine)


def test_a_token_file_that_is_not_there_is_one_line(account: AccountOf, tmp_path: Any) -> None:
    with pytest.raises(MailboxError, match="no access token can be read"):
        Imap.open(account("imap", token_file=tmp_path / "missing"))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_server_that_is_away_is_one_line(account: AccountOf, unused_tcp_port: int, protocol: str) -> None:
    with pytest.raises(MailboxError, match="Connection refused"):
        PROTOCOLS[protocol].open(account(protocol, port=unused_tcp_port))


def test_new_mail_ends_the_wait_of_idle(account: AccountOf, dovecot: Dovecot) -> None:
    mine = account("imap")
    session = Imap.open(mine)
    assert "IDLE" in session.capabilities
    assert list(session.waiting()) == []
    asked: list[float] = []

    def deliver_at_first() -> bool:
        if not asked:
            dovecot.deliver(mine.username, b"Subject: news\n\n")
        asked.append(time.monotonic())
        return False

    session.wait(60, deliver_at_first)
    assert time.monotonic() - asked[0] < 30
    assert len(list(session.waiting())) == 1
    session.close()


def test_mail_that_comes_just_before_idle_begins_is_found_when_the_wait_is_over(
    account: AccountOf, dovecot: Dovecot
) -> None:
    mine = account("imap")
    session = Imap.open(mine)
    assert list(session.waiting()) == []
    dovecot.deliver(mine.username, b"Subject: news\n\n")
    session.wait(0.1, lambda: False)
    assert len(list(session.waiting())) == 1
    session.close()


def test_a_wait_ends_when_the_engine_stops(account: AccountOf) -> None:
    session = Imap.open(account("imap"))
    session.wait(600, lambda: True)
    session.close()
