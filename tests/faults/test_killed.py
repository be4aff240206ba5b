"""A sender that is killed, stopped or run twice: everyone is reached, and only what was in flight may come twice."""

import asyncio
import os
import random
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.faults


async def ended(process: Any) -> None:
    """Wait for a forked process."""
    await asyncio.to_thread(process.join, 60)


async def test_sigkill_at_twenty_random_moments_reaches_everyone_and_doubles_only_windows_in_flight(
    smtp_server: Any, prepare: Any, fork: Any, tripwire: Any, tmp_path: Path
) -> None:
    people, window, connections, kills = 1000, 10, 2, 20
    moments = random.Random(20210203)
    async with smtp_server(answers=tripwire) as server:
        slug = await prepare(server.port, people, window=window, connections=connections)
        for _ in range(kills):
            tripwire.arm(moments.randint(1, people // (kills + 2)))
            process = fork("campaign", "send", slug, "--yes")
            await asyncio.wait_for(tripwire.reached.wait(), 60)
            process.kill()
            await ended(process)
            assert process.exitcode == -signal.SIGKILL
        process = fork("campaign", "send", slug, "--yes")
        await ended(process)
    said = (tmp_path / "said.log").read_text()
    assert process.exitcode == 0, said
    assert f"{slug} is finished: {people:,} sent." in said
    reached = Counter(one.rcpt_to for one in server.received)
    assert set(reached) == {f"p{n}@example.org" for n in range(people)}
    assert sum(reached.values()) - people <= kills * window * connections
    senders = {(one.rcpt_to, one.mail_from) for one in server.received}
    assert len(senders) == people, "a repeat must carry the same token, and so the same Message-ID"


async def test_a_sender_that_is_frozen_past_its_lease_and_woken_doubles_nobody(
    smtp_server: Any, prepare: Any, fork: Any, until_said: Any, tripwire: Any, tmp_path: Path
) -> None:
    people, lease = 300, 1
    async with smtp_server(answers=tripwire, gate=tripwire.gate) as server:
        slug = await prepare(server.port, people, more=f"[engine]\nheartbeat = 0.3\nlease = {lease}\n")
        tripwire.arm(people // 3, holds=True)
        frozen = fork("campaign", "send", slug, "--yes")
        await asyncio.wait_for(tripwire.reached.wait(), 60)
        os.kill(frozen.pid, signal.SIGSTOP)
        tripwire.gate.set()
        other = fork("campaign", "send", slug, "--yes")
        await until_said("another process already runs the engine")
        await asyncio.sleep(1.5 * lease)  # it is frozen for so long: that is the fault itself
        os.kill(frozen.pid, signal.SIGCONT)
        await ended(frozen)
        await ended(other)
    said = (tmp_path / "said.log").read_text()
    assert [frozen.exitcode, other.exitcode] == [0, 0], said
    assert said.count(f"{slug} is finished: {people} sent.") == 2
    reached = Counter(one.rcpt_to for one in server.received)
    assert len(reached) == people
    assert set(reached.values()) == {1}


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
async def test_a_stopped_sender_drains_settles_and_goes_on_later_without_a_single_repeat(
    smtp_server: Any, prepare: Any, spawn: Any, tripwire: Any, sent: signal.Signals
) -> None:
    people = 400
    async with smtp_server(answers=tripwire) as server:
        slug = await prepare(server.port, people)
        tripwire.arm(50)
        process = await spawn("campaign", "send", slug, "--yes")
        await asyncio.wait_for(tripwire.reached.wait(), 60)
        process.send_signal(sent)
        output, _ = await asyncio.wait_for(process.communicate(), 30)
        assert process.returncode == 3, output.decode()
        assert "still wait" in output.decode()
        assert 50 <= len(server.received) < people
        process = await spawn("campaign", "send", slug, "--yes")
        output, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, output.decode()
    reached = Counter(one.rcpt_to for one in server.received)
    assert len(reached) == people
    assert set(reached.values()) == {1}


async def test_a_second_sender_watches_the_first_and_sends_nothing_itself(
    smtp_server: Any, prepare: Any, spawn: Any, tripwire: Any
) -> None:
    people = 200
    async with smtp_server(answers=tripwire, gate=tripwire.gate) as server:
        slug = await prepare(server.port, people)
        tripwire.arm(5, holds=True)
        first = await spawn("campaign", "send", slug, "--yes")
        await asyncio.wait_for(tripwire.reached.wait(), 60)
        second = await spawn("campaign", "send", slug, "--yes")
        assert b"another process already runs the engine" in await asyncio.wait_for(second.stdout.readline(), 60)
        tripwire.gate.set()
        outputs = await asyncio.wait_for(asyncio.gather(first.communicate(), second.communicate()), 60)
    assert [first.returncode, second.returncode] == [0, 0], outputs
    assert Counter(one.rcpt_to for one in server.received).most_common(1)[0][1] == 1
    assert len(server.received) == people


async def test_a_relay_that_is_away_is_one_line_and_starts_nothing(
    prepare: Any, spawn: Any, unused_tcp_port: int
) -> None:
    slug = await prepare(unused_tcp_port, 3)
    process = await spawn("campaign", "send", slug, "--yes")
    output, _ = await process.communicate()
    assert process.returncode == 1
    assert output.decode().count("\n") == 1
    assert output.decode().startswith(f"newsletter: smtp 127.0.0.1:{unused_tcp_port}: ")
    process = await spawn("campaign", "list", "--json")
    output, _ = await process.communicate()
    assert '"status": "draft"' in output.decode()
