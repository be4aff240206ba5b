"""Signatures made beside the event loop: in threads, and in processes that may be killed."""

import asyncio
import os
import select
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import dkim
import pytest
from structlog.testing import capture_logs

from newsletter.dkim import files
from newsletter.dkim.keys import Algorithm, Key
from newsletter.dkim.signing import Signer

NOW = datetime(2021, 1, 15, 12, 0, tzinfo=UTC)


def mail(number: int) -> bytes:
    """One that is like no other."""
    return f"From: news@orchard.example.org\r\nSubject: {number}\r\n\r\nThis is mail {number}.\r\n".encode()


def processes(of: int | None = None) -> list[int]:
    """The processes that sign for one; for this one, if it is not named."""
    children = [file.read_text() for file in Path(f"/proc/{of or os.getpid()}/task").glob("*/children")]
    numbers = [int(number) for line in children for number in line.split()]
    return [number for number in numbers if b"newsletter.dkim.process" in Path(f"/proc/{number}/cmdline").read_bytes()]


@pytest.fixture
async def signer(made: dict[Algorithm, Key]) -> AsyncIterator[Signer]:
    """Signs by RSA and Ed25519, for the same domain."""
    signer = Signer([*made.values()])
    yield signer
    await signer.close()


async def signed_by(signer: Signer, messages: list[bytes]) -> list[bytes]:
    """The messages with their signatures in front."""
    made = await signer.fields(messages, NOW)
    return [fields + message for fields, message in zip(made, messages, strict=True)]


def holds(message: bytes, keys: dict[Algorithm, Key]) -> bool:
    """Whether both signatures do."""
    records = {f"{key.name}.".encode(): key.record.encode() for key in keys.values()}
    return all(
        dkim.DKIM(message).verify(idx=which, dnsfunc=lambda name, timeout=5: records.get(name)) for which in range(2)
    )


@pytest.mark.parametrize("count", [1, 4, 5, 40])
async def test_each_mail_gets_its_own_signatures(signer: Signer, made: dict[Algorithm, Key], count: int) -> None:
    signed = await signed_by(signer, [mail(number) for number in range(count)])
    assert [one[-len(mail(number)) :] for number, one in enumerate(signed)] == [mail(number) for number in range(count)]
    assert all(holds(one, made) for one in signed)


async def test_processes_begin_where_there_are_many_mails_and_end_when_it_is_closed(signer: Signer) -> None:
    await signed_by(signer, [mail(1)])
    assert processes() == []
    await asyncio.gather(*(signed_by(signer, [mail(number)] * 10) for number in range(20)))
    assert len(processes()) == min(os.cpu_count() or 1, 4)
    await signer.close()
    assert processes() == []


async def test_a_mail_of_a_domain_without_a_key_stays_as_it_is(signer: Signer) -> None:
    other = mail(1).replace(b"orchard.example.org", b"elsewhere.example")
    signed = await signed_by(signer, [other, mail(2), other])
    assert (signed[0], signed[2]) == (other, other)
    assert signed[1] != mail(2)
    assert await signed_by(signer, [other]) == [other]


async def test_who_is_cancelled_leaves_everybody_else_their_own_answers(
    signer: Signer, made: dict[Algorithm, Key]
) -> None:
    asked = [asyncio.create_task(signed_by(signer, [mail(number)] * 8)) for number in range(30)]
    await signed_by(signer, [mail(99)] * 8)
    for one in asked[::3]:
        one.cancel()
    found = await asyncio.gather(*asked, return_exceptions=True)
    answered = {number: signed for number, signed in enumerate(found) if not isinstance(signed, BaseException)}
    assert answered.keys() >= set(range(30)) - set(range(0, 30, 3))
    for number, signed in answered.items():
        assert len(signed) == 8
        assert f"Subject: {number}\r\n".encode() in signed[7]
        assert holds(signed[7], made)


async def test_a_process_that_is_killed_costs_no_signature(signer: Signer, made: dict[Algorithm, Key]) -> None:
    await signed_by(signer, [mail(0)] * 8)
    asked = [asyncio.create_task(signed_by(signer, [mail(number)] * 8)) for number in range(30)]
    await asyncio.sleep(0)
    with capture_logs() as told:
        os.kill(processes()[0], signal.SIGKILL)
        found = await asyncio.gather(*asked)
    assert all(holds(one[7], made) and f"Subject: {number}\r\n".encode() in one[7] for number, one in enumerate(found))
    assert [line["event"] for line in told] == ["signing in threads from now on"]
    assert processes() == []
    [late] = await signed_by(signer, [mail(7)])
    assert holds(late, made)


async def test_what_stops_a_service_stops_no_process_before_it_is_done(
    signer: Signer, made: dict[Algorithm, Key]
) -> None:
    await signed_by(signer, [mail(0)] * 8)
    begun = processes()
    for number in begun:
        for sent in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(number, sent)
    signed = await signed_by(signer, [mail(1)] * 8)
    assert holds(signed[0], made)
    assert processes() == begun


_PARENT = """
import asyncio, os, sys
from pathlib import Path
from newsletter.dkim import files
from newsletter.dkim.signatory import Signatory
from newsletter.setting_tables import Dkim

async def main():
    key = files.load(Dkim(domain="example.org", selector="one", key_file=Path(sys.argv[1])))
    await Signatory([key]).sign([(0, bytes(32))] * 20)
    print("signed", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


def test_processes_end_with_their_parent_however_it_dies(tmp_path: Path) -> None:
    files.make(Algorithm.RSA, tmp_path / "key.pem")
    command = [sys.executable, "-c", _PARENT, str(tmp_path / "key.pem")]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"signed\n"
        orphans = [os.pidfd_open(number) for number in processes(parent.pid)]
        assert orphans
        parent.kill()
    for orphan in orphans:
        ended, _, _ = select.select([orphan], [], [], 30)
        os.close(orphan)
        assert ended


async def test_where_no_process_can_be_had_threads_sign(
    monkeypatch: pytest.MonkeyPatch, signer: Signer, made: dict[Algorithm, Key], tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "missing"))
    with capture_logs() as told:
        signed = await signed_by(signer, [mail(number) for number in range(40)])
    assert all(holds(one, made) for one in signed)
    assert [line["event"] for line in told] == ["signing in threads from now on"]
