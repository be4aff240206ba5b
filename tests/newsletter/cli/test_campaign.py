"""`newsletter campaign`, as staff type it: a real process, a real database, a real server on a socket."""

import asyncio
import email
import email.policy
import json
import re
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from newsletter import database as databases
from newsletter import settings as settings_file
from newsletter.campaigns import lifecycle, store
from newsletter.campaigns.report import Report
from newsletter.cli import campaign_sending
from newsletter.clock import wall_clock
from newsletter.delivery import ledger
from newsletter.delivery.state import State
from newsletter.engine import sending
from subscribers.audience import About

Run = Callable[..., Awaitable[tuple[int, str]]]

SERVE, WORKER = "`newsletter serve`", "`newsletter worker`"


@pytest.fixture(params=["sqlite"])
def database_url(tmp_path: Path) -> str:
    """The command line is the same on both databases; what lies under it is tested on both elsewhere."""
    return f"sqlite:///{tmp_path}/newsletter.sqlite3"


@pytest.fixture
def run(fork: Any, tmp_path: Path) -> Run:
    """Run a command to its end: its exit status, and what it said on both streams."""

    async def go(*arguments: str) -> tuple[int, str]:
        said = tmp_path / "said.log"
        before = said.stat().st_size if said.exists() else 0
        process = fork(*arguments)
        await asyncio.to_thread(process.join, 60)
        return process.exitcode, said.read_bytes()[before:].decode()

    return go


async def test_a_campaign_from_draft_to_report(smtp_server: Any, prepare: Any, run: Run, tmp_path: Path) -> None:
    def answers(verb: str, argument: str) -> str | None:
        return "550 5.1.1 no such user" if verb == "RCPT" and argument.startswith("p7@") else None

    async with smtp_server(answers=answers) as server:
        await prepare(server.port, 12)
        status, said = await run("campaign", "draft", "closing", "invitation", "--note", "Bring a friend.")
        assert (status, "closing/invitation is a draft" in said) == (0, True)
        status, said = await run("campaign", "show", "closing/invitation", "--json")
        shown = json.loads(said)
        assert (shown["status"], shown["people"], shown["topic"]) == ("draft", 12, "closing")
        status, said = await run("campaign", "preview", "closing/invitation", "--folder", str(tmp_path / "seen"))
        assert status == 0
        assert "Bring a friend." in (tmp_path / "seen" / "closing-invitation.txt").read_text()
        assert "Bring a friend." in (tmp_path / "seen" / "closing-invitation.html").read_text()
        status, said = await run("campaign", "test", "closing/invitation", "me@example.org")
        assert status == 0
        tested = email.message_from_bytes(server.received[0].data, policy=email.policy.default)
        assert tested["Subject"].startswith("[Test] ")
        status, said = await run("campaign", "send", "closing/invitation")
        assert status == 1
        assert "--yes" in said
        status, said = await run("campaign", "send", "closing/invitation", "--yes")
        assert status == 0, said
        assert "closing/invitation is finished: 1 refused, 11 sent." in said
        assert "p7@example.org" in said
        status, said = await run("campaign", "report", "closing/invitation", "--json")
        reported = json.loads(said)
        assert reported["report"]["states"] == {"refused": 1, "sent": 11}
        assert reported["unreached"][0]["reply"] == "550 5.1.1 no such user"
        status, said = await run("campaign", "list", "--json")
        assert {one["slug"]: one["status"] for one in json.loads(said)} == {
            "opening/thanks": "draft",
            "closing/invitation": "finished",
        }
    assert len(server.received) == 12


async def test_the_preview_is_served_until_somebody_ends_it(prepare: Any, spawn: Any) -> None:
    slug = await prepare(25, 2)
    process = await spawn("campaign", "preview", slug)
    said = (await asyncio.wait_for(process.stdout.readline(), 60)).decode()
    url = re.search(r"http://127\.0\.0\.1:\d+/", said)
    assert url is not None, said
    async with httpx2.AsyncClient() as client:
        page = await client.get(url[0])
        async with client.stream("GET", f"{url[0]}changes?since={'x' * 24}") as changes:
            assert [line async for line in changes.aiter_lines()][0::3] == ["event: ready", "event: changed"]
    assert page.status_code == 200
    assert "Preview of" in page.text
    process.send_signal(signal.SIGINT)
    rest, _ = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode, rest.decode()) == (130, "")


async def test_pause_resume_and_cancel_by_hand(smtp_server: Any, prepare: Any, run: Run) -> None:
    async with smtp_server(answers=lambda verb, _: "451 4.7.1 later" if verb == "RCPT" else None) as server:
        slug = await prepare(server.port, 4, retry_first=600)
        status, said = await run("campaign", "send", slug, "--yes")
        assert status == 3
        assert "4 still wait" in said
        assert (await run("campaign", "pause", slug))[0] == 0
        status, said = await run("campaign", "pause", slug)
        assert (status, said) == (
            1,
            f"newsletter: {slug} is paused; only a campaign that is sending can become paused\n",
        )
        said = (await run("campaign", "send", slug, "--yes"))[1]
        assert said == f"newsletter: {slug} is paused; go on with: newsletter campaign resume {slug}\n"
        assert (await run("campaign", "resume", slug))[0] == 0
        status, said = await run("campaign", "cancel", slug, "--yes")
        assert (status, said) == (0, f"{slug} is cancelled; 4 people will not get it.\n")
        assert (await run("campaign", "draft", "closing", "invitation"))[0] == 0
        status, said = await run("campaign", "cancel", "closing/invitation", "--yes")
        assert (status, said) == (0, "closing/invitation is cancelled; it goes to nobody.\n")
    assert server.received == []


async def test_of_two_who_send_it_at_once_one_starts_it_and_both_follow_it_to_its_end(
    smtp_server: Any, prepare: Any, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    async with smtp_server() as server:
        slug = await prepare(server.port, 4)
        settings = settings_file.read(tmp_path / "newsletter.toml")
        database = databases.connect(settings.database)
        required = campaign_sending.campaign_checking.required

        async def checked_while_another_sends(*arguments: Any, **options: Any) -> Any:
            passed = await required(*arguments, **options)
            async with database.begin() as connection:
                await lifecycle.start(connection, settings, await store.find(connection, slug), now=wall_clock())
            return passed

        monkeypatch.setattr(campaign_sending.campaign_checking, "required", checked_while_another_sends)
        result = await campaign_sending.send(settings, slug, None, agreed=True, force="")
        await database.close()
    assert (result.report.status, result.report.states) == ("finished", {State.SENT: 4})
    assert f"somebody else has started {slug} meanwhile" in capsys.readouterr().err
    assert len(server.received) == 4


async def test_what_failed_is_tried_again_and_what_is_in_doubt_is_listed_sent_again_or_believed(
    smtp_server: Any, prepare: Any, run: Run
) -> None:
    faults = {("RCPT", "p1"): "550 5.7.1 blocked", ("RCPT", "p2"): "550 5.1.1 no such user"}
    faults |= {("BODY", f"p{n}"): "take-and-close" for n in (3, 4)}

    def answers(verb: str, address: str) -> str | None:
        return faults.get((verb, address.partition("@")[0]))

    async with smtp_server(answers=answers) as server:
        slug = await prepare(server.port, 6, delivery='on_uncertain = "hold"')
        status, said = await run("campaign", "send", slug, "--yes")
        assert (status, f"{slug} is finished: 2 refused, 2 sent, 2 uncertain." in said) == (0, True), said
        listed = json.loads((await run("campaign", "uncertain", slug, "--json"))[1])
        assert [(one["address"], one["state"]) for one in listed] == [
            ("p3@example.org", "uncertain"),
            ("p4@example.org", "uncertain"),
        ]
        assert (await run("campaign", "uncertain", slug, "--resend", "--sent"))[0] == 2
        faults.clear()
        status, said = await run("campaign", "retry", slug, "--json")
        assert (status, json.loads(said)) == (0, {"campaign": slug, "status": "sending", "queued": 1})
        assert (await run("campaign", "retry", slug)) == (0, "Nothing failed for a passing reason.\n")
        status, said = await run("campaign", "uncertain", slug, "--resend")
        assert (status, "2 are queued again." in said) == (0, True)
        assert (await run("campaign", "uncertain", slug)) == (0, f"Of {slug}, nothing is in doubt.\n")
        assert (await run("campaign", "send", slug, "--yes"))[0] == 0
        reported = json.loads((await run("campaign", "report", slug, "--json"))[1])
    assert reported["report"]["states"] == {"refused": 1, "sent": 5}
    ids = [
        (one.rcpt_to, email.message_from_bytes(one.data)["Message-ID"])
        for one in server.received
        if one.rcpt_to.startswith(("p3@", "p4@"))
    ]
    assert (len(ids), len(set(ids))) == (4, 2), "a repeat is the same message"


async def test_a_domain_that_blocks_us_is_left_alone_while_a_campaign_is_sent_and_its_report_says_so(
    smtp_server: Any, prepare: Any, run: Run
) -> None:
    people = 600

    def answers(verb: str, address: str) -> str | None:
        is_blocked = verb == "RCPT" and "0@" not in address
        return "550 5.7.1 blocked by policy" if is_blocked else None

    async with smtp_server(answers=answers, drip=0.02) as server:
        slug = await prepare(server.port, people)
        status, said = await run("campaign", "send", slug, "--yes")
        assert status == 3, said
        reported = json.loads((await run("campaign", "report", slug, "--json"))[1])
        status, said = await run("campaign", "report", slug)
    states = reported["report"]["states"]
    assert set(states) == {"refused", "deferred", "sent"}
    assert 20 <= states["refused"] < people / 2, "it takes twenty, and a second or two until they are counted"
    assert [one["domain"] for one in reported["paused_domains"]] == ["example.org"]
    assert "example.org gets no mail until" in said
    assert "it blocks us" in said


async def test_a_relay_that_refuses_all_keeps_a_campaign_waiting_and_it_says_so(
    smtp_server: Any, prepare: Any, run: Run
) -> None:
    def answers(verb: str, address: str) -> str | None:
        return f"554 5.7.1 <{address}>: Relay access denied" if verb == "RCPT" else None

    async with smtp_server(answers=answers) as server:
        slug = await prepare(server.port, 60)
        status, sent = await run("campaign", "send", slug, "--yes")
        assert status == 3, sent
        told = [(await run("campaign", "show", slug))[1], (await run("campaign", "report", slug))[1], sent]
        told.append((await run("engine", "status"))[1])
        (refusing,) = json.loads((await run("campaign", "show", slug, "--json"))[1])["refusing_relays"]
    for said in told:
        words = " ".join(said.split())
        assert re.search(r"smtp has refused all mail since (\w{3} )?20\d\d-\d\d-\d\d \d\d:\d\d", words), words
        assert "554 5.7.1 <[address]>: Relay access denied" in words
        assert all(len(line) <= 80 for line in said.splitlines() if line.startswith(("smtp", " waits", "  ")))
    assert "60 still wait." in sent
    assert (refusing["relay"], refusing["reply"]) == ("smtp", "554 5.7.1 <[address]>: Relay access denied")


async def test_who_watches_another_process_is_told_too_that_a_relay_refuses_all(
    smtp_server: Any, prepare: Any, run: Run, fork: Any, until_said: Any
) -> None:
    async with smtp_server(answers=lambda verb, _: "554 5.7.1 Access denied" if verb == "RCPT" else None) as server:
        slug = await prepare(server.port, 60)
        fork("worker")
        await until_said("engine started")
        status, said = await run("campaign", "send", slug, "--yes")
    assert status == 3, said
    assert "another process already runs the engine" in said
    assert "smtp has refused all mail since" in said
    assert "60 still wait." in said


async def test_what_is_in_doubt_may_be_taken_as_sent(smtp_server: Any, prepare: Any, run: Run) -> None:
    async with smtp_server(answers=lambda verb, _: "take-and-close" if verb == "BODY" else None) as server:
        slug = await prepare(server.port, 2, delivery='on_uncertain = "hold"')
        status, said = await run("campaign", "send", slug, "--yes")
        assert (status, f"{slug} is finished: 2 uncertain." in said) == (0, True), said
        status, said = await run("campaign", "uncertain", slug, "--sent")
        assert (status, "2 are taken as sent." in said) == (0, True)
        status, said = await run("campaign", "report", slug)
        assert f"{slug} is finished: 2 sent." in said
    assert len(server.received) == 2


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (["campaign", "show", "opening/thank"], "there is no campaign opening/thank; did you mean opening/thanks?"),
        (["campaign", "draft", "openin", "invitation"], "did you mean opening?"),
        (["campaign", "draft", "opening", "invitaton"], "did you mean invitation?"),
        (["campaign", "draft", "opening", "thanks"], "there is a campaign opening/thanks already (draft)"),
        (["campaign", "test", "opening/thanks", "no-address"], "no-address"),
    ],
)
async def test_what_cannot_be_done_is_one_clear_line(prepare: Any, run: Run, command: list[str], line: str) -> None:
    await prepare(25, 1)
    status, said = await run(*command)
    assert status == 1
    assert said.startswith("newsletter: ")
    assert said.count("\n") == 1
    assert line in said


async def test_a_broken_template_of_ones_own_stops_a_campaign_before_anyone_is_enrolled(
    smtp_server: Any, prepare: Any, run: Run, tmp_path: Path
) -> None:
    async with smtp_server() as server:
        slug = await prepare(server.port, 3)
        own = tmp_path / "own" / "mail" / "thanks"
        own.mkdir(parents=True)
        (own / "body.txt").write_text("Hello\n{{ evnt.title }}\n")
        settings = tmp_path / "newsletter.toml"
        settings.write_text(f'templates = "{tmp_path}/own"\n{settings.read_text()}')
        status, said = await run("campaign", "send", slug, "--yes")
        assert status == 1
        assert "body.txt:2" in said
        assert "Traceback" not in said
        status, said = await run("campaign", "show", slug, "--json")
    assert server.received == []


async def test_a_database_file_that_is_none_is_one_clear_line(prepare: Any, run: Run, tmp_path: Path) -> None:
    await prepare(25, 1)
    (tmp_path / "newsletter.sqlite3").write_text("no database at all, but long enough to be taken for one" * 30)
    for ending in ("-wal", "-shm"):
        (tmp_path / f"newsletter.sqlite3{ending}").unlink(missing_ok=True)
    status, said = await run("campaign", "list")
    assert status == 1
    assert said.count("\n") == 1
    assert "file is not a database" in said


async def test_a_schema_that_is_behind_names_the_command(prepare: Any, run: Run, database_url: str) -> None:
    await prepare(25, 1)
    database = databases.connect(database_url)
    async with database.begin() as connection:
        await connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    await database.close()
    for command in (["campaign", "list"], ["serve", "--port", "0"], ["db", "check"]):
        status, said = await run(*command)
        assert (status, "newsletter db upgrade" in said) == (1, True)


def test_what_was_on_its_way_when_a_campaign_was_cancelled_does_not_wait_to_be_sent(
    capsys: pytest.CaptureFixture[str],
) -> None:
    states = {State.SENT: 7, State.CANCELLED: 3, State.SENDING: 2}
    seen = Report("opening/thanks", "cancelled", "", None, None, 12, states, {}, next_at=None)
    campaign_sending.say_result(sending.Result(seen, [], {}, [], stopped=False), SERVE)
    assert capsys.readouterr().out.splitlines()[-1] == (
        "2 were on their way when it was cancelled; in a moment it is known which left."
    )


@pytest.mark.parametrize(
    ("sender", "here"),
    [
        (SERVE, "here, `newsletter campaign send a/b` does"),
        (WORKER, "`newsletter campaign send a/b` shows how far it is"),
    ],
)
def test_who_goes_on_is_named_and_what_to_do_with_those_in_doubt(
    capsys: pytest.CaptureFixture[str], sender: str, here: str
) -> None:
    states = {State.SENT: 7, State.QUEUED: 2, State.UNCERTAIN: 3}
    seen = Report("a/b", "sending", "", None, None, 12, states, {}, next_at=None)
    campaign_sending.say_result(sending.Result(seen, [], {}, [], stopped=False), sender)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert " ".join(" ".join(lines[1:]).split()) == (
        "3 may or may not have arrived: newsletter campaign uncertain a/b lists them, sends them again (--resend), "
        f"or takes them as sent (--sent). 2 still wait. {sender} goes on by itself; {here}."
    )


def test_a_single_one_waits(capsys: pytest.CaptureFixture[str]) -> None:
    seen = Report("a/b", "sending", "", None, None, 8, {State.SENT: 7, State.QUEUED: 1}, {}, next_at=None)
    campaign_sending.say_result(sending.Result(seen, [], {"it is quiet there": 1}, [], stopped=False), SERVE)
    out = capsys.readouterr().out
    assert "1 waits: it is quiet there." in out
    assert "1 still waits. " in out


async def test_cancelling_tells_of_those_whose_mail_may_still_be_on_its_way(
    prepare: Any, run: Run, database_url: str
) -> None:
    slug = await prepare(25, 4)
    database = databases.connect(database_url)
    async with database.begin() as connection:
        draft = await store.find(connection, slug)
        settings = settings_file.read(Path(database_url.removeprefix("sqlite:///")).parent / "newsletter.toml")
        await lifecycle.start(connection, settings, draft, now=wall_clock())
        hold = await ledger.take(connection, "another", wall_clock(), on_uncertain="resend")
        assert hold is not None
        await ledger.claim(connection, hold, after_id=0, limit=3, about=About(None), now=wall_clock())
    await database.close()
    status, said = await run("campaign", "cancel", slug, "--yes")
    assert (status, said.splitlines()) == (
        0,
        [
            f"{slug} is cancelled; 1 person will not get it.",
            f"3 are in hand: newsletter campaign report {slug} says in a moment who still got it.",
        ],
    )


async def test_the_list_keeps_names_whole_at_80_columns(prepare: Any, run: Run) -> None:
    await prepare(25, 1)
    long = "opening/invitation-for-those-who-came-to-the-studio-weekend-last-year"
    assert (await run("campaign", "draft", "opening", "invitation", "--as", long.partition("-")[2]))[0] == 0
    lines = (await run("campaign", "list"))[1].splitlines()
    assert long in [line.strip() for line in lines]
    assert max(map(len, lines)) <= 80


def test_who_is_not_written_to_yet_is_counted_by_what_they_wait_for(capsys: pytest.CaptureFixture[str]) -> None:
    states = {State.SENT: 7, State.QUEUED: 5}
    seen = Report("opening/thanks", "sending", "", None, None, 12, states, {}, next_at=None)
    waits = {"it is quiet where they are": 3, "gmail is sent 1 a second": 2}
    campaign_sending.say_result(sending.Result(seen, [], waits, [], stopped=False), SERVE)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        "opening/thanks is sending: 5 queued, 7 sent.",
        "3 wait: it is quiet where they are.",
        "2 wait: gmail is sent 1 a second.",
    ]
