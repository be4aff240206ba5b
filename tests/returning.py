"""Real mail servers that take every mail and return what they cannot deliver: a Postfix and an Exim.

Both know the same recipients, apart from whom everybody's mail goes on to a server that relays nothing:

    ana@example.net      gets her mail
    nobody@example.net   is no such person
    full@example.net     has a mailbox that holds no more
    *@late.example       lives where no server answers, and the queue is kept for no time at all

What is returned to bounces.example.org goes into the mailbox `bounces` of a Dovecot.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from newsletter.setting_tables import Smtp
from tests import postfix
from tests.dovecot import Dovecot
from tests.servers import folder_for, free_ports, wait_until_up

EXIM = Path(sys.prefix) / "exim" / "usr" / "sbin" / "exim4"

_POSTFIX_MAIN = """
message_size_limit = 200000
mailbox_size_limit = 200000
virtual_mailbox_limit = 200000
maximal_queue_lifetime = 0
bounce_queue_lifetime = 0
recipient_delimiter = +
smtpd_reject_unlisted_recipient = no
transport_maps = inline:{{{{late.example=smtp:[127.0.0.1]:{closed}}}, {{elsewhere.example=smtp:[127.0.0.1]:{strict}}}}}
virtual_mailbox_domains = example.net bounces.example.org
virtual_mailbox_base = {mail}
virtual_mailbox_maps = inline:{{ana@example.net=ana/, full@example.net=full, bounce@bounces.example.org=bounces/}}
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
"""

_POSTFIX_MASTER = """
127.0.0.1:{open} inet n - n - - smtpd
127.0.0.1:{strict} inet n - n - - smtpd
  -o myhostname=mx.elsewhere.example -o mynetworks= -o smtpd_relay_restrictions=reject_unauth_destination
smtp unix - - n - - smtp
"""

_EXIM = """
exim_path = {exim}
spool_directory = {folder}/spool
log_file_path = {folder}/spool/%slog
pid_file_path = {folder}/spool/pid
exim_user = Debian-exim
exim_group = Debian-exim
primary_hostname = mx.example.test
local_interfaces = 127.0.0.1
daemon_smtp_ports = {open}
tls_advertise_hosts =
keep_environment =
never_users =
acl_smtp_rcpt = accept
acl_smtp_data = accept

begin routers
returned:
  driver = manualroute
  domains = bounces.example.org
  transport = returned
  route_list = * 127.0.0.1
  self = send
late:
  driver = manualroute
  domains = late.example
  transport = late
  route_list = * 127.0.0.1
  self = send
elsewhere:
  driver = manualroute
  domains = elsewhere.example
  transport = elsewhere
  route_list = * 127.0.0.1
  self = send
people:
  driver = accept
  local_parts = ana : full
  transport = mailbox
  cannot_route_message = no such person here

begin transports
returned:
  driver = smtp
  port = {postfix}
  allow_localhost
mailbox:
  driver = appendfile
  maildir_format
  directory = {folder}/spool/$local_part_data
  quota = ${{if eq{{$local_part_data}}{{full}}{{10K}}{{0}}}}
  user = Debian-exim
late:
  driver = smtp
  port = {closed}
  allow_localhost
elsewhere:
  driver = smtp
  port = {strict}
  allow_localhost

# No rule says how long to try again, so whatever fails for a while is returned at once
begin retry
"""


@dataclass(frozen=True, slots=True)
class Returning:
    """A server that runs, its log, and whose mailbox `bounces` its returned mails come into."""

    port: int
    log: Path
    dovecot: Dovecot

    @property
    def relay(self) -> Smtp:
        """It as a relay of ours."""
        return Smtp(host="127.0.0.1", port=self.port, tls="none")


@pytest.fixture(scope="module")
def returning_postfix(dovecot: Dovecot) -> Iterator[Returning]:
    """A Postfix that takes every mail; its second port is the server that relays nothing."""
    with _postfix(dovecot) as (folder, ports):
        yield Returning(ports["open"], folder / "log", dovecot)


@pytest.fixture(scope="module")
def returning_exim(dovecot: Dovecot) -> Iterator[Returning]:
    """An Exim that takes every mail; a Postfix relays nothing, and brings what is returned to the Dovecot."""
    if not EXIM.exists():
        pytest.fail("Exim is missing; `make exim` brings it")
    with _postfix(dovecot) as (_, ports), folder_for("exim") as folder:
        (folder / "spool").mkdir()
        shutil.chown(folder / "spool", "Debian-exim", "Debian-exim")
        (port,) = free_ports(1)
        values = {**ports, "postfix": ports["open"], "open": port, "folder": folder, "exim": EXIM}
        (folder / "conf").write_text(_EXIM.format(**values))
        process = subprocess.Popen([EXIM, "-C", folder / "conf", "-bdf"])
        try:
            wait_until_up(port, process, folder / "spool" / "mainlog")
            yield Returning(port, folder / "spool" / "mainlog", dovecot)
        finally:
            process.terminate()
            process.wait(20)


@contextmanager
def _postfix(dovecot: Dovecot) -> Iterator[tuple[Path, dict[str, int]]]:
    ports = dict(zip(("open", "strict", "closed"), free_ports(3), strict=True))
    values = _mail(dovecot)
    full = dovecot.folder / "mail" / "full"
    if not full.exists():
        full.write_bytes(b"x" * 200001)
        os.chown(full, values["uid"], values["gid"])
    with postfix.running(_POSTFIX_MAIN, _POSTFIX_MASTER, **ports, **values) as folder:
        yield folder, ports


def _mail(dovecot: Dovecot) -> dict[str, object]:
    folder = dovecot.folder / "mail"
    status = folder.stat()
    return {"mail": folder, "uid": status.st_uid, "gid": status.st_gid}
