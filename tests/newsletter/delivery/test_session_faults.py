"""The SMTP session against a server that refuses, stalls, falls silent or hangs up wherever Hypothesis says.

The server knows the truth: which messages it took, and what it said about each. Whatever happens on the way, nothing
that it took may count as unsent, nothing that it did not take as sent, and at most one message may be in doubt.
"""

import asyncio
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from hypothesis import event, given, settings
from hypothesis import strategies as st

from newsletter.delivery import relay
from newsletter.delivery.offer import Item
from newsletter.delivery.outcome import Accepted, Deferred, Outcome, Refused, Uncertain
from newsletter.delivery.session import Session
from newsletter.setting_tables import Smtp

FAREWELL = "421 4.3.2 going down"


class Fate(StrEnum):
    """What happens to one command, or to one body, of one message."""

    REFUSED = "550-5.1.1 no\r\n550 5.1.1 really not"
    DEFERRED = "451 4.7.1 later"
    WORDY = "in several lines"
    CLOSING = FAREWELL
    USUAL_AND_CLOSING = "the usual reply, and then a 421 that nobody asked for"
    LOST = "the connection goes before it is dealt with"
    UNANSWERED = "it is dealt with, and then the connection goes"
    HALF_ANSWERED = "it is dealt with, and the connection goes within the reply"
    SILENT = "it is dealt with, and nothing is ever said again"
    ANYWAY = "the recipient is refused, and 354 said to DATA all the same"


ENDS = {Fate.CLOSING, Fate.USUAL_AND_CLOSING, Fate.LOST, Fate.UNANSWERED, Fate.HALF_ANSWERED, Fate.SILENT}
VERBS = ("MAIL", "RCPT", "DATA", "BODY")


@dataclass(slots=True)
class Script:
    """How a server behaves: what it offers, the fate of (message, verb), and how it writes."""

    extensions: frozenset[str]
    fates: dict[tuple[int, str], Fate]
    cuts: Iterator[int]
    delays: Iterator[int]
    took: list[int] = field(default_factory=list)
    said: dict[int, str] = field(default_factory=dict)
    """The first reply that was no success about each message."""


class Server(asyncio.Protocol):
    """An SMTP or LMTP server (RFC 5321, 2033, 3030) that keeps to the order of commands, and to its script."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.buffer = b""
        self.output = b""
        self.message: int | None = None
        self.recipient = False
        self.in_data = False
        self.over = False
        self.silent = False
        self.pieces: list[bytes] = []
        self.writing = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.reply("220 test")
        self.flush()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while not self.over and self.step():
            pass
        self.flush()

    def step(self) -> bool:
        """Deal with one command, or one body; whether there was a whole one."""
        if self.in_data:
            if self.buffer.startswith(b".\r\n"):  # an empty message: that of a DATA without recipients
                end = 0
            elif (end := self.buffer.find(b"\r\n.\r\n") + 2) < 2:
                return False
            self.buffer = self.buffer[end + 3 :]
            self.in_data = False
            self.take()
            return True
        line, found, rest = self.buffer.partition(b"\r\n")
        if not found:
            return False
        if chunk := re.fullmatch(rb"BDAT (\d+) LAST", line):
            if len(rest) < int(chunk[1]):
                return False
            self.buffer = rest[int(chunk[1]) :]
            self.take()
            return True
        self.buffer = rest
        self.command(line.decode())
        return True

    def command(self, line: str) -> None:
        verb = line.partition(" ")[0]
        number = re.search(r"TO:<p(\d+)@", line) or re.search(r"FROM:<b(\d+)@", line)
        match verb:
            case "EHLO" | "LHLO":
                self.reply("\r\n".join(["250-test", *(f"250-{one}" for one in self.script.extensions), "250 HELP"]))
            case "MAIL" if self.message is None and number:
                self.message = int(number[1])
                if not self.answer("MAIL", "250 2.1.0 Ok"):
                    self.message = None
            case "RCPT" if self.message is not None:
                self.recipient = self.answer("RCPT", "250 2.1.5 Ok")
            case "DATA" if self.recipient:
                self.in_data = self.answer("DATA", "354 go on")
            case "DATA" if self.message is not None and self.script.fates.get((self.message, "RCPT")) is Fate.ANYWAY:
                self.in_data = True
                self.reply("354 go on anyway")
            case "RSET":
                self.message, self.recipient = None, False
                self.reply("250 2.0.0 Ok")
            case "QUIT":
                self.reply("221 2.0.0 bye")
                self.over = True
            case _:
                self.reply("503 5.5.1 out of order")

    def take(self) -> None:
        if self.message is None or not self.recipient:
            self.reply("503 5.5.1 no recipient")
        else:
            fate = self.script.fates.get((self.message, "BODY"))
            if fate not in (Fate.REFUSED, Fate.DEFERRED, Fate.CLOSING, Fate.LOST):
                self.script.took.append(self.message)
            self.answer("BODY", "250 2.0.0 Ok")
        self.message, self.recipient = None, False

    def answer(self, verb: str, usual: str) -> bool:
        """Answer as is usual or as is fated; whether that was a success."""
        assert self.message is not None
        fate = self.script.fates.get((self.message, verb))
        if fate in ENDS:
            self.over = True
        match fate:
            case Fate.REFUSED | Fate.DEFERRED | Fate.CLOSING:
                self.script.said.setdefault(self.message, fate.value)
                self.reply(fate.value)
            case Fate.ANYWAY if verb == "RCPT":
                self.script.said.setdefault(self.message, Fate.REFUSED.value)
                self.reply(Fate.REFUSED.value)
                return False
            case Fate.WORDY:
                self.reply(f"{usual[:3]}-in\r\n{usual[:3]}-several\r\n{usual}")
            case Fate.USUAL_AND_CLOSING:
                self.reply(f"{usual}\r\n{FAREWELL}")
            case Fate.HALF_ANSWERED:
                self.output += usual[: len(usual) // 2].encode()
            case Fate.LOST | Fate.UNANSWERED:
                pass
            case Fate.SILENT:
                self.silent = True
            case _:
                self.reply(usual)
        return fate not in (Fate.REFUSED, Fate.DEFERRED, Fate.CLOSING, Fate.LOST)

    def reply(self, text: str) -> None:
        self.output += text.encode() + b"\r\n"

    def flush(self) -> None:
        """Write what is there in pieces of some size, each some turns of the loop later."""
        while self.output:
            size = next(self.script.cuts)
            self.pieces.append(self.output[:size])
            self.output = self.output[size:]
        if not self.writing:
            self.writing = True
            self.write(next(self.script.delays))

    def write(self, turns: int) -> None:
        if turns:
            asyncio.get_running_loop().call_soon(self.write, turns - 1)
        elif self.pieces:
            self.transport.write(self.pieces.pop(0))
            self.write(next(self.script.delays))
        else:
            self.writing = False
            if self.over and not self.silent:
                self.transport.close()


@st.composite
def scripts(draw: st.DrawFn) -> Script:
    place = st.sampled_from([(number, verb) for number in range(7) for verb in VERBS])
    fates = st.dictionaries(place, st.sampled_from(list(Fate)), max_size=6)
    return Script(
        extensions=draw(st.frozensets(st.sampled_from(["PIPELINING", "CHUNKING", "SIZE 99999", "8BITMIME"]))),
        fates=draw(fates),
        cuts=itertools.cycle(draw(st.lists(st.integers(1, 60), min_size=1, max_size=3))),
        delays=itertools.cycle(draw(st.lists(st.integers(0, 2), min_size=1, max_size=3))),
    )


def item(number: int) -> Item:
    return Item(number, b"b%d@example.org" % number, b"p%d@example.net" % number, b"Subject: x\r\n\r\n%d\r\n" % number)


async def connected(script: Script, *, lmtp: bool) -> tuple[Session, Server, asyncio.Server]:
    """A session with such a server. A busy machine may not even connect in the little time that silence is borne."""
    serving = Server(script)  # for the one connection that is made
    server = await asyncio.get_running_loop().create_server(lambda: serving, "127.0.0.1", 0)
    place = Smtp(
        host="127.0.0.1",
        port=server.sockets[0].getsockname()[1],
        protocol="lmtp" if lmtp else "smtp",
        tls="none",
        timeout=timedelta(seconds=0.05 if Fate.SILENT in script.fates.values() else 20),
    )
    try:
        return await relay.connect(place, "news.example.org"), serving, server
    except relay.RelayUnreachable:
        server.close()
        return await connected(script, lmtp=lmtp)


async def offered(script: Script, windows: Iterable[range], *, lmtp: bool) -> tuple[list[tuple[int, Outcome]], str]:
    """Offer the windows to such a server; the outcomes, and why the connection was lost if it was."""
    session, serving, server = await connected(script, lmtp=lmtp)
    outcomes = []
    for window in windows:
        outcomes += await session.send(map(item, window))
    lost = session.lost
    await session.close()
    serving.transport.abort()
    server.close()
    await asyncio.sleep(0)  # one turn, in which what was aborted is closed
    return outcomes, lost


@given(scripts(), st.booleans())
@settings(max_examples=150, deadline=None)
def test_whatever_a_server_does_each_outcome_is_what_it_did_and_at_most_one_message_is_in_doubt(
    script: Script, lmtp: bool
) -> None:
    pairs, lost = asyncio.run(offered(script, (range(4), range(4, 7)), lmtp=lmtp))
    outcomes = dict(pairs)
    event("lost" if lost else "kept")

    assert len(outcomes) == len(pairs), "nobody is settled twice"
    assert len(script.took) == len(set(script.took)), "nobody is sent the same mail twice"
    in_doubt = {number for number, outcome in outcomes.items() if isinstance(outcome, Uncertain)}
    accepted = {number for number, outcome in outcomes.items() if isinstance(outcome, Accepted)}
    assert len(in_doubt) <= 1
    assert accepted <= set(script.took) <= accepted | in_doubt, "what was taken is known to be, or in doubt"
    for number, outcome in outcomes.items():
        if isinstance(outcome, Refused | Deferred):
            # A 421 that nobody asked for answers whatever comes next.
            said = script.said.get(number) or (FAREWELL if Fate.USUAL_AND_CLOSING in script.fates.values() else "")
            assert outcome.reply == ("550 5.1.1 no 5.1.1 really not" if said == Fate.REFUSED.value else said)
            assert isinstance(outcome, Refused) == (said[0] == "5")
    if not lost:
        assert set(outcomes) == set(range(7)), "everyone is settled"
        assert not in_doubt
    happened = set(script.fates.values())
    if not happened & ENDS and not (lmtp and Fate.ANYWAY in happened):
        assert not lost, "no reason was given to hang up"
