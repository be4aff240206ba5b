"""A real Postfix of this test run's own: its configuration, queue and ports are in a folder that goes with it."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from newsletter.setting_tables import Smtp
from tests.servers import certify, folder_for, free_ports

_EVERY_MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
myhostname = mx.example.test
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mydestination =
alias_maps =
"""

_EVERY_MASTER = """
postlog unix-dgram n - n - 1 postlogd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
"""

_MAIN = """
smtputf8_enable = yes
message_size_limit = 100000
smtpd_tls_cert_file = {folder}/server.pem
smtpd_tls_key_file = {folder}/server.key
smtpd_tls_security_level = may
smtpd_recipient_restrictions = check_recipient_access texthash:{folder}/recipients, permit_mynetworks, reject
virtual_mailbox_domains = example.net
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = static:all/
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
virtual_minimum_uid = 100
"""

_MASTER = """
127.0.0.1:{plain} inet n - n - - smtpd
127.0.0.1:{data} inet n - n - - smtpd -o smtpd_discard_ehlo_keywords=chunking
127.0.0.1:{steps} inet n - n - - smtpd -o smtpd_discard_ehlo_keywords=chunking,pipelining
127.0.0.1:{implicit} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
socket unix n - n - - smtpd
"""


@dataclass(frozen=True, slots=True)
class Postfix:
    """A server that runs. It takes mail to example.net, apart from nobody@ (refused) and later@ (deferred)."""

    folder: Path
    ports: dict[str, int]

    def settings(self, port: str = "plain", **changes: object) -> Smtp:
        """It as a relay of ours, at one of its ports."""
        return Smtp(**{"host": "127.0.0.1", "port": self.ports[port], "tls": "none", **changes})  # type: ignore[arg-type]

    @property
    def ca_file(self) -> Path:
        """The certificate to believe."""
        return self.folder / "server.pem"

    @property
    def socket(self) -> Path:
        """Its Unix socket."""
        return self.folder / "queue" / "public" / "socket"

    def delivered(self, count: int) -> list[bytes]:
        """The messages that arrived in the mailbox since last asked, once there are so many; it takes a moment."""
        arrived = self.folder / "mail" / "all" / "new"
        until = time.monotonic() + 20
        while len(list(arrived.glob("*"))) < count:
            if time.monotonic() > until:
                pytest.fail(f"Postfix has not delivered {count} mails:\n{(self.folder / 'log').read_text()[-3000:]}")
            time.sleep(0.01)
        messages = [(file, file.read_bytes()) for file in arrived.iterdir()]
        for file, _ in messages:
            file.unlink()
        return [message for _, message in messages]


@pytest.fixture(scope="session")
def postfix() -> Iterator[Postfix]:
    """A Postfix of this test run's own."""
    ports = dict(zip(("plain", "data", "steps", "implicit"), free_ports(4), strict=True))
    with running(_MAIN, _MASTER, **ports) as folder:
        yield Postfix(folder, ports)


@contextmanager
def running(main: str, master: str, **values: object) -> Iterator[Path]:
    """Run a Postfix with these lines in its main.cf and master.cf, `values` put into both; answers its folder."""
    if shutil.which("postfix", path=f"{os.environ.get('PATH', '')}:/usr/sbin") is None:
        pytest.fail("Postfix is missing; `make smtp-sink` installs it")
    if os.geteuid() != 0:
        pytest.fail("Postfix runs as several users, which only root may start: run these tests as root")
    with folder_for("postfix") as folder:
        for name in ("etc", "queue", "data", "mail"):
            (folder / name).mkdir()
        shutil.chown(folder / "data", "postfix")
        os.chown(folder / "mail", 65534, 65534)
        certify(folder)
        (folder / "recipients").write_text("nobody@example.net 550 5.1.1 nobody\nlater@example.net 451 4.7.1 later\n")
        (folder / "etc" / "main.cf").write_text((_EVERY_MAIN + main).format(folder=folder, **values))
        (folder / "etc" / "master.cf").write_text((_EVERY_MASTER + master).format(folder=folder, **values))
        try:
            _postfix(folder, "start")
        except subprocess.CalledProcessError as error:
            log = folder / "log"
            pytest.fail(f"Postfix did not start: {error.stderr.decode()}{log.read_text() if log.exists() else ''}")
        try:
            yield folder
        finally:
            _postfix(folder, "stop")


def _postfix(folder: Path, verb: str) -> None:
    subprocess.run(["/usr/sbin/postfix", "-c", folder / "etc", verb], check=True, capture_output=True)
