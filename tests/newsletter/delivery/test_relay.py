"""How a relay is reached and logged in to, against aiosmtpd: TLS, every way to log in, LMTP."""

import asyncio
import base64
import hmac
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, AuthResult

from newsletter.delivery import relay
from newsletter.delivery.offer import Item
from newsletter.delivery.outcome import Accepted, Refused
from newsletter.setting_tables import Relay as Backup
from newsletter.setting_tables import Smtp
from tests.servers import certify


def judged(good: bool) -> AuthResult:
    return AuthResult(success=good, handled=good)  # what is not handled, aiosmtpd answers by its 535


class Post:
    """What a server keeps, and who it lets in: `ann`, whose password is `secret` and whose token is `fresh`."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.logins: list[str] = []

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        if address.startswith("nobody"):
            return "550 5.1.1 nobody"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.bodies.append(envelope.original_content)
        return "250 OK"

    def password(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        """aiosmtpd's own PLAIN and LOGIN ask this."""
        self.logins.append(mechanism)
        return judged((data.login, data.password) == (b"ann", b"secret"))

    async def auth_CRAM__MD5(self, server: Any, args: list[str]) -> AuthResult:  # noqa: N802
        self.logins.append("CRAM-MD5")
        challenge = b"<1@example.org>"
        answer = await server.challenge_auth(challenge)
        return judged(answer == b"ann " + hmac.new(b"secret", challenge, "md5").hexdigest().encode())

    async def auth_XOAUTH2(self, server: Any, args: list[str]) -> AuthResult:  # noqa: N802
        self.logins.append("XOAUTH2")
        said = base64.b64decode(args[1]) == b"user=ann\x01auth=Bearer fresh\x01\x01"
        return judged(said)


MECHANISMS = {"CRAM-MD5", "PLAIN", "LOGIN", "XOAUTH2"}


@asynccontextmanager
async def serving(
    post: Post, kind: type[SMTP] = SMTP, *, unix: Path | None = None, tls: dict[str, Any] | None = None, **options: Any
) -> AsyncIterator[int]:
    """aiosmtpd on a free port of loopback, which it answers, or on a Unix socket; with `tls`, it begins with that."""
    loop = asyncio.get_running_loop()
    sessions: list[SMTP] = []

    def session() -> SMTP:
        sessions.append(kind(post, enable_SMTPUTF8=True, hostname="localhost", **options))
        return sessions[-1]

    if unix is None:
        server = await loop.create_server(session, "127.0.0.1", 0, **(tls or {}))
    else:
        server = await loop.create_unix_server(session, str(unix))
    try:
        yield 0 if unix else server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for one in sessions:
            if one.transport is not None:
                one.transport.abort()
        await asyncio.sleep(0)  # one turn, in which what was aborted is closed


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate for localhost and its key."""
    folder = tmp_path_factory.mktemp("certificates")
    certify(folder)
    return folder


@pytest.fixture
def secured(certificates: Path) -> dict[str, Any]:
    """What makes aiosmtpd offer STARTTLS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    return {"tls_context": context}


def item(number: int, to: str = "ann@example.org") -> Item:
    return Item(number, b"bounce@example.org", to.encode(), b"Subject: %d\r\n\r\nhello\r\n" % number)


async def sent(settings: Smtp, *items: Item) -> list[type]:
    session = await relay.connect(settings, "news.example.org")
    outcomes = await session.send(items)
    await session.close()
    return [type(outcome) for _, outcome in outcomes]


@pytest.mark.parametrize("mechanism", sorted(MECHANISMS))
async def test_every_way_to_log_in_is_spoken_over_tls(
    mechanism: str, secured: dict[str, Any], certificates: Path, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("fresh\n")
    identity = {"token_file": tmp_path / "token"} if mechanism == "XOAUTH2" else {"password": "secret"}
    post = Post()
    options = {
        "authenticator": post.password,
        "auth_required": True,
        "auth_exclude_mechanism": MECHANISMS - {mechanism},
    }
    async with serving(post, **options, **secured) as port:
        settings = Smtp(
            host="localhost",
            port=port,
            tls="required",
            ca_file=certificates / "server.pem",
            username="ann",
            **identity,
        )
        assert await sent(settings, item(1)) == [Accepted]
    assert post.logins == [mechanism]
    assert post.bodies == [b"Subject: 1\r\n\r\nhello\r\n"]


async def test_a_token_is_read_anew_for_each_connection_and_a_stale_one_is_one_line(
    secured: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "token"
    async with serving(Post(), auth_required=True, **secured) as port:
        settings = Smtp(host="127.0.0.1", port=port, username="ann", token_file=file)
        with pytest.raises(relay.RelayUnreachable, match=rf"{file}: no access token can be read from this file"):
            await sent(settings)
        file.write_text("stale")
        with pytest.raises(relay.RelayUnreachable, match=rf"^smtp 127\.0\.0\.1:{port}: .*535.*invalid") as caught:
            await sent(settings)
        assert "\n" not in str(caught.value)
        file.write_text("fresh")
        assert await sent(settings, item(1)) == [Accepted]


async def test_a_password_is_never_in_what_is_said_of_a_failed_login(secured: dict[str, Any]) -> None:
    post = Post()
    async with serving(post, authenticator=post.password, auth_required=True, **secured) as port:
        settings = Smtp(host="127.0.0.1", port=port, username="ann", password="hunter2")
        with pytest.raises(relay.RelayUnreachable) as caught:
            await sent(settings)
    assert "hunter2" not in str(caught.value)
    assert str(caught.value) == f"smtp 127.0.0.1:{port}: 535 5.7.8 Authentication credentials invalid"


async def test_required_tls_that_is_not_offered_ends_before_anything_is_said(tmp_path: Path) -> None:
    post = Post()
    async with serving(post) as port:
        with pytest.raises(relay.RelayUnreachable, match=r'it offers no STARTTLS: set smtp\.tls to "implicit"'):
            await sent(Smtp(host="127.0.0.1", port=port, tls="required", verify=False), item(1))
        (tmp_path / "ca.pem").write_text("no certificate")
        with pytest.raises(relay.RelayUnreachable, match=r"ca\.pem: no certificates can be read"):
            await sent(Smtp(host="127.0.0.1", port=port, tls="required", ca_file=tmp_path / "ca.pem"), item(1))
        assert await sent(Smtp(host="127.0.0.1", port=port), item(1)) == [Accepted]
    assert len(post.bodies) == 1


@pytest.mark.parametrize(("ends", "patience"), [(None, "PT3S"), (2.0, "PT30S")], ids=["hangs", "closes"])
async def test_a_port_that_begins_with_tls_is_told_from_one_that_is_silent(
    secured: dict[str, Any], ends: float | None, patience: str
) -> None:
    """Where it hangs, our patience ends, else its own: either must last for a handshake on a machine that is busy."""
    begins = {"ssl": secured["tls_context"], "ssl_handshake_timeout": ends}
    async with serving(Post(), tls=begins) as port:
        settings = Smtp(host="127.0.0.1", port=port, timeout=patience)

        async def said(tls: str) -> str:
            with pytest.raises(relay.RelayUnreachable) as caught:
                await sent(settings.model_copy(update={"tls": tls}))
            return str(caught.value)

        told = f'smtp 127.0.0.1:{port}: it begins with TLS: set smtp.tls to "implicit"'
        assert await asyncio.gather(*map(said, ("none", "opportunistic", "required"))) == [told] * 3
        mended = settings.model_copy(update={"tls": "implicit", "verify": False, "timeout": timedelta(minutes=1)})
        assert await sent(mended, item(1)) == [Accepted]


async def test_a_port_that_does_not_begin_with_tls_is_told_of_in_a_line_that_says_what_to_set() -> None:
    async with serving(Post()) as port:
        with pytest.raises(relay.RelayUnreachable) as caught:
            await sent(Backup(name="backup", host="127.0.0.1", port=port, tls="implicit"))
    told = 'it does not begin with TLS: set tls of the relay "backup" to "required", for STARTTLS, or to "none"'
    assert str(caught.value) == f"smtp 127.0.0.1:{port}: {told}"


async def test_a_server_that_says_nothing_at_all_is_not_said_to_begin_with_tls(smtp_server: Any) -> None:
    async with smtp_server(is_mute=True) as server:
        silent = server.settings.model_copy(update={"timeout": timedelta(seconds=0.2)})
        with pytest.raises(relay.RelayUnreachable, match="Timed out"):
            await sent(silent)


@pytest.mark.parametrize("over", ["tcp", "socket"])
async def test_lmtp_delivers_and_each_recipient_has_their_own_answer(over: str, tmp_path: Path) -> None:
    post = Post()
    unix = tmp_path / "lmtp" if over == "socket" else None
    async with serving(post, LMTP, unix=unix) as port:
        place = {"socket": unix} if unix else {"host": "127.0.0.1", "port": port}
        settings = Smtp(protocol="lmtp", **place)
        kinds = await sent(settings, item(1), item(2, "nobody@example.org"), item(3))
    assert kinds == [Accepted, Refused, Accepted]
    assert post.bodies == [b"Subject: 1\r\n\r\nhello\r\n", b"Subject: 3\r\n\r\nhello\r\n"]


async def test_a_socket_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(relay.RelayUnreachable, match=rf"^lmtp {tmp_path}/none: No such file or directory$"):
        await sent(Smtp(protocol="lmtp", socket=tmp_path / "none"))


@pytest.mark.parametrize(("kind", "protocol", "other"), [(LMTP, "smtp", "lmtp"), (SMTP, "lmtp", "smtp")])
async def test_a_server_that_speaks_the_other_protocol_is_told_of_with_what_to_set(
    kind: type[SMTP], protocol: Any, other: str
) -> None:
    async with serving(Post(), kind) as port:
        with pytest.raises(relay.RelayUnreachable) as caught:
            await sent(Smtp(host="127.0.0.1", port=port, protocol=protocol, tls="none"))
    where, reply, *advice = str(caught.value).partition(": 500 ")
    assert (where, reply) == (f"{protocol} 127.0.0.1:{port}", ": 500 ")
    assert advice[0].endswith(f'; perhaps it speaks {other.upper()}: set protocol to "{other}"')


@pytest.mark.parametrize(
    ("offered", "identity", "said"),
    [
        ("PLAIN", {"token_file": "token"}, "it offers no login by XOAUTH2, which token_file is for"),
        (
            "GSSAPI",
            {"password": "p"},
            "it offers no login that we know: CRAM-MD5, PLAIN, LOGIN, or XOAUTH2 by a token_file",
        ),
    ],
)
async def test_a_server_that_offers_no_login_of_ours_is_told_of_in_words_of_the_settings(
    smtp_server: Any, tmp_path: Path, offered: str, identity: dict[str, Any], said: str
) -> None:
    async with smtp_server(extensions=("PIPELINING", f"AUTH {offered}")) as server:
        settings = Smtp(host="127.0.0.1", port=server.port, tls="none", username="ann", **identity)
        with pytest.raises(relay.RelayUnreachable) as caught:
            await sent(settings)
    assert str(caught.value) == f"smtp 127.0.0.1:{server.port}: {said}"


def test_tls_over_a_socket_is_refused_where_it_is_set(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"over smtp\.socket, which never leaves this machine, no TLS is spoken"):
        Smtp(socket=tmp_path / "relay", tls="required")
