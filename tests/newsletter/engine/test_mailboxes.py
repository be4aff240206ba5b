"""The account of returned mail at a port that speaks otherwise than `tls` says: which setting is wrong is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from newsletter.delivery import tls_mismatch
from newsletter.engine import mailboxes
from newsletter.setting_tables import Mailbox
from tests.dovecot import Dovecot
from webhooks.account import MailboxError

VERBS = {"imap": "STARTTLS", "pop3": "STLS"}


def box(protocol: str, port: int, tls: str, password: str = "secret") -> Mailbox:
    return Mailbox(protocol=protocol, host="127.0.0.1", port=port, tls=tls, username="ana", password=password)


async def told(settings: Mailbox) -> str:
    with pytest.raises(MailboxError) as caught:
        await mailboxes.connect(settings)
    return str(caught.value).removeprefix(f"ana at 127.0.0.1:{settings.port}: ")


@pytest.mark.parametrize("protocol", VERBS)
async def test_a_port_that_does_not_begin_with_tls_is_told_of_with_what_to_set(dovecot: Dovecot, protocol: str) -> None:
    said = await told(box(protocol, dovecot.ports[protocol], "implicit"))
    assert said == (f'it does not begin with TLS: set mailbox.tls to "required", for {VERBS[protocol]}, or to "none"')


@pytest.mark.parametrize("tls", ["required", "none"])
@pytest.mark.parametrize("protocol", VERBS)
async def test_a_port_that_begins_with_tls_is_told_of_and_not_waited_for_long(
    dovecot: Dovecot, protocol: str, tls: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = dovecot.ports[f"{protocol}s"]
    monkeypatch.setattr(tls_mismatch, "TLS_PORTS", frozenset({port}))
    monkeypatch.setattr(tls_mismatch, "PATIENCE", 0.5)
    assert await told(box(protocol, port, tls)) == 'it begins with TLS: set mailbox.tls to "implicit"'


@asynccontextmanager
async def without_tls(protocol: str) -> AsyncIterator[int]:
    """A server that offers no TLS at all; its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* OK ready\r\n" if protocol == "imap" else b"+OK ready\r\n")
        while line := await reader.readline():
            tag = line.split()[0]
            imap = b"* CAPABILITY IMAP4rev1\r\n" + tag + b" OK done\r\n"
            writer.write(imap if protocol == "imap" else b"+OK\r\nTOP\r\n.\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(("protocol", "port"), [("imap", 993), ("pop3", 995)])
async def test_tls_that_is_not_offered_in_clear_is_told_of_with_where_it_usually_is(protocol: str, port: int) -> None:
    async with without_tls(protocol) as plain:
        said = await told(box(protocol, plain, "required"))
    assert said == (
        f"it offers no {VERBS[protocol]}: "
        f'set mailbox.tls to "implicit" and port to its TLS port, often {port}, or tls to "none"'
    )


@pytest.mark.parametrize("protocol", VERBS)
async def test_a_wrong_password_is_told_as_the_server_does(dovecot: Dovecot, protocol: str) -> None:
    said = await told(box(protocol, dovecot.ports[protocol], "none", "not-the-password"))
    assert "uthentication failed" in said
    assert "TLS" not in said
