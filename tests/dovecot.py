"""A real Dovecot on free ports of loopback, with TLS by a certificate of its own, whose mailboxes are Maildirs."""

import http.server
import json
import os
import pwd
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.servers import certify, folder_for, free_ports, wait_until_up

ACCESS_TOKEN = "the-access-token-of-the-moment"

_CONFIGURATION = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap pop3
listen = 127.0.0.1
ssl = yes
ssl_cert = <{folder}/server.pem
ssl_key = <{folder}/server.key
disable_plaintext_auth = no
auth_mechanisms = plain login xoauth2
auth_failure_delay = 0
default_internal_user = {internal}
default_internal_group = {group}
default_login_user = {login}
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:{folder}/mail/%n
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {folder}/oauth2.conf
}}
passdb {{
  driver = static
  mechanisms = plain login
  args = password=secret
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%n
}}
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
  }}
}}
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = {pop3s}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Dovecot:
    """A server that runs. Everyone's password is `secret`; every mailbox is there."""

    folder: Path
    ports: dict[str, int]

    @property
    def ca_file(self) -> Path:
        """The certificate to believe."""
        return self.folder / "server.pem"

    def deliver(self, user: str, raw: bytes) -> None:
        """Put a message into somebody's Maildir, as a delivery agent does."""
        maildir = self.folder / "mail" / user
        owner = self._owner()
        for name in ("tmp", "new", "cur"):
            (maildir / name).mkdir(parents=True, exist_ok=True)
            for path in (maildir, maildir / name):
                os.chown(path, *owner)
        unique = f"{time.time_ns()}.test"
        (maildir / "tmp" / unique).write_bytes(raw)
        os.chown(maildir / "tmp" / unique, *owner)
        (maildir / "tmp" / unique).rename(maildir / "new" / unique)

    def holds(self, user: str) -> int:
        """How many messages somebody's mailbox holds."""
        maildir = self.folder / "mail" / user
        return sum(1 for name in ("new", "cur") for file in (maildir / name).iterdir())

    def _owner(self) -> tuple[int, int]:
        status = (self.folder / "mail").stat()
        return status.st_uid, status.st_gid


@pytest.fixture(scope="session")
def dovecot() -> Iterator[Dovecot]:
    """A Dovecot of this test run's own."""
    if shutil.which("dovecot") is None or not Path("/usr/lib/dovecot/pop3").exists():
        pytest.fail("Dovecot is missing; `make dovecot` installs it")
    with folder_for("dovecot") as folder, _introspection() as oauth:
        yield from _running(folder, oauth)


def _running(folder: Path, oauth: int) -> Iterator[Dovecot]:
    is_root = os.getuid() == 0
    me = pwd.getpwuid(os.getuid()).pw_name
    owner = pwd.getpwnam("nobody") if is_root else pwd.getpwuid(os.getuid())
    (folder / "mail").mkdir()
    if is_root:
        os.chown(folder / "mail", owner.pw_uid, owner.pw_gid)
    ports = dict(zip(("imap", "imaps", "pop3", "pop3s"), free_ports(4), strict=True))
    certify(folder)
    (folder / "oauth2.conf").write_text(
        f"introspection_mode = post\nintrospection_url = http://127.0.0.1:{oauth}/\nusername_attribute = username\n"
        "active_attribute = active\nactive_value = true\n"
    )
    (folder / "dovecot.conf").write_text(
        _CONFIGURATION.format(
            folder=folder,
            internal="dovecot" if is_root else me,
            login="dovenull" if is_root else me,
            group="dovecot" if is_root else "",
            uid=owner.pw_uid,
            gid=owner.pw_gid,
            **ports,
        )
    )
    process = subprocess.Popen(["dovecot", "-F", "-c", folder / "dovecot.conf"])
    try:
        wait_until_up(ports["imaps"], process, folder / "log")
        yield Dovecot(folder, ports)
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def _introspection() -> Iterator[int]:
    """The OAuth 2.0 server that Dovecot asks whether a token is good (RFC 7662); answers its port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
            good = ACCESS_TOKEN in asked
            told = json.dumps({"active": good, "username": "token-holder"}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
