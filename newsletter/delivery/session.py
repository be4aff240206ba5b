"""An SMTP session that pipelines (RFC 2920) on a connection that aiosmtplib opened, secured and logged in.

aiosmtplib waits for each reply, four round trips a message. Here a message's body and the next message's envelope
are one write, so a message costs one. At most one body and one envelope are on their way at any time: nothing
needs flow control, and when a connection is lost exactly one message is in doubt and one certainly not sent.
Where the server does not offer PIPELINING every command waits for its reply. Where it offers CHUNKING (RFC 3030) a
body is one chunk, sent as soon as its recipient is accepted, and there is no DATA to wait for.

LMTP (RFC 2033) answers a body once for each recipient that was accepted: here always one, so the reply is theirs.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import cast

from aiosmtplib import SMTP, SMTPException

from newsletter.delivery import offer
from newsletter.delivery.offer import Dialect, Item
from newsletter.delivery.outcome import Deferred, Outcome, Refused, Stage, Uncertain, from_reply

_LONGEST_REPLY = 64 * 1024
_KEPT_REPLY = 500


class Awaited(Enum):
    """The command whose reply comes next."""

    MAIL = auto()
    RCPT = auto()
    DATA = auto()
    BODY = auto()
    EMPTY = auto()
    """The reply to the empty message that ends a DATA which no recipient survived (RFC 2920 section 3.1)."""
    RSET = auto()


MAIL, RCPT, DATA, BODY, EMPTY, RSET = Awaited
"""By themselves: to look one up in its class takes longer than all else that is done with a reply."""

_CODES = {b"%d" % code: code for code in range(200, 600)}
"""What a reply begins with (RFC 5321 section 4.2)."""

_Command = tuple[Awaited, tuple[bytes, ...]]
"""What is written, in pieces, and the reply that it will have."""


_DATA: _Command = (DATA, (b"DATA\r\n",))


@dataclass(slots=True)
class _Transaction:
    """An item whose envelope has been written, and the first refusal its envelope met."""

    item: Item
    refusal: Outcome | None = None


@dataclass(slots=True)
class _Window:
    """The items of one call of `send`, and what is known of them so far."""

    items: Iterator[Item]
    done: asyncio.Future[None]
    outcomes: list[tuple[int, Outcome]] = field(default_factory=list)


class Session(asyncio.Protocol):
    """A connection that takes windows of messages. Make it with `relay.connect`."""

    def __init__(self, client: SMTP, timeout: float, *, lmtp: bool = False) -> None:
        """Take over the transport of a client that has greeted. `timeout` is seconds without any reply."""
        assert client.transport is not None  # noqa: S101 - a connected client has one
        self._client = client
        self._transport = cast("asyncio.Transport", client.transport)  # uvloop's are it in all but name
        self._original = self._transport.get_protocol()
        self._timeout = timeout
        self._dialect = Dialect.of(client, lmtp=lmtp)
        self._loop = asyncio.get_running_loop()
        self._partial = b""
        self._text: list[bytes] = []
        self._text_size = 0
        self._awaited: deque[Awaited] = deque()
        self._unwritten: deque[bytes] = deque()
        self._window: _Window | None = None
        self._envelope: _Transaction | None = None
        self._body: Item | None = None
        self._watchdog: asyncio.TimerHandle | None = None
        self._heard_at = 0.0
        self._lost = ""
        self._transport.set_protocol(self)

    @property
    def lost(self) -> str:
        """Why the connection is gone, or an empty string while it stands."""
        return self._lost

    async def send(self, items: Iterable[Item]) -> list[tuple[int, Outcome]]:
        """Offer messages one after the other; answer the outcome of each that was offered, by its key.

        Items missing from the answer were certainly not sent: the connection was lost before their turn.
        """
        if self._lost:
            return []
        window = self._window = _Window(iter(items), self._loop.create_future())
        self._watch()
        try:
            self._advance()
            await window.done
        except asyncio.CancelledError:
            self._transport.abort()
            raise
        finally:
            self._unwatch()
            self._window = None
        return window.outcomes

    async def close(self) -> None:
        """Say QUIT and close; a server that does not answer is left after five seconds."""
        if self._lost:
            self._client.close()
            return
        self._transport.set_protocol(self._original)
        with suppress(SMTPException, OSError, asyncio.TimeoutError):
            await self._client.quit(timeout=5)
        self._client.close()

    def give_up(self, reason: str) -> None:
        """Wait for no further reply: the message that was written and not answered is uncertain, the rest unsent."""
        self._abandon(reason)

    # What goes out

    def _advance(self, *first: _Command) -> None:
        """Write `first`, and behind it the envelope of the next item that can be offered."""
        commands = (*first, *self._next_envelope())
        if not commands:
            self._finish()
            return
        written: list[bytes] = []
        for awaited, pieces in commands:
            self._awaited.append(awaited)
            written += pieces if self._dialect.pipelining else (b"".join(pieces),)
        if self._dialect.pipelining:
            self._transport.write(b"".join(written))
        else:
            self._unwritten.extend(written)
            self._write_one()

    def _write_one(self) -> None:
        """Without PIPELINING: write the next command if every one before it has been answered."""
        if len(self._awaited) == len(self._unwritten):
            self._transport.write(self._unwritten.popleft())

    def _next_envelope(self) -> tuple[_Command, ...]:
        window = self._window
        assert window is not None  # noqa: S101 - replies are only awaited inside a window
        self._envelope = None
        for item in window.items:
            problem = self._dialect.problem(item)
            if problem is not None:
                window.outcomes.append((item.key, Refused(problem, Stage.LOCAL)))
                continue
            self._envelope = _Transaction(item)
            envelope = (MAIL, (self._dialect.mail(item),)), (RCPT, (offer.rcpt(item),))
            return envelope if self._dialect.chunking else (*envelope, _DATA)
        return ()

    # What comes back

    def data_received(self, data: bytes) -> None:
        """Cut what arrived into replies; one that belongs to no command ends the connection."""
        *lines, self._partial = (self._partial + data).split(b"\r\n")
        self._text_size += len(data)
        for line in lines:
            if self._lost:
                return
            text = line[4:]
            if line[3:4] == b"-":
                self._text.append(text)
                continue
            if self._text:
                text = b" ".join([*self._text, text])
                self._text = []
            self._text_size = 0
            self._on_reply(line[:3], text)
        if self._text_size > _LONGEST_REPLY:
            self._abandon("the relay's reply has no end")

    def _on_reply(self, digits: bytes, text: bytes) -> None:
        code = _CODES.get(digits)
        if code is None:
            self._abandon(f"the relay answered what is no SMTP reply: {digits!r} {_readable(text)}")
            return
        if not self._awaited:
            self._abandon(f"the relay closed: {code} {_readable(text)}")
            return
        if code == 421:  # "closing transmission channel" may answer any command (RFC 5321 section 3.8)
            self._closing(self._awaited[0], f"421 {_readable(text)}")
            return
        self._heard_at = self._loop.time()
        try:
            self._handle(self._awaited.popleft(), code, text)
        except Exception as error:  # the items' iterator failed: what was written is settled, the caller hears of it
            self._abandon("the sender failed", error)
        if self._unwritten and not self._lost:
            self._write_one()

    def _handle(self, awaited: Awaited, code: int, text: bytes) -> None:
        if awaited is MAIL or awaited is RCPT:
            if code >= 300:
                self._note_refusal(code, text, awaited)
            if self._dialect.chunking and awaited is RCPT and self._envelope is not None and not self._awaited:
                self._on_envelope(self._envelope)
        elif awaited is DATA:
            self._on_data(code, text)
        elif awaited is BODY:
            assert self._body is not None  # noqa: S101 - BODY is awaited only after one was written
            self._record(self._body, from_reply(code, _readable(text), Stage.BODY))
            self._body = None
            self._finish_if_idle()
        else:
            self._finish_if_idle()

    def _note_refusal(self, code: int, text: bytes, awaited: Awaited) -> None:
        transaction = self._envelope
        assert transaction is not None  # noqa: S101 - the envelope stands until its last command is answered
        if transaction.refusal is not None:
            return
        transaction.refusal = from_reply(_not_success(code), _readable(text), Stage[awaited.name])
        if not self._dialect.pipelining:  # nothing is under way behind it: end the transaction instead of going on
            self._awaited.clear()
            self._unwritten.clear()
            self._settle_refusal(transaction.item, transaction.refusal)

    def _on_envelope(self, transaction: _Transaction) -> None:
        """Where chunks are taken: the recipient is answered, and the body may follow."""
        if transaction.refusal is None:
            self._send_body(transaction.item)
        else:
            self._settle_refusal(transaction.item, transaction.refusal)

    def _on_data(self, code: int, text: bytes) -> None:
        transaction = self._envelope
        assert transaction is not None  # noqa: S101 - the envelope stands until its DATA is answered
        if code == 354 and transaction.refusal is None:
            self._send_body(transaction.item)
            return
        refusal = transaction.refusal or from_reply(_not_success(code), _readable(text), Stage.DATA)
        if code != 354:
            self._settle_refusal(transaction.item, refusal)
            return
        self._record(transaction.item, refusal)
        if self._dialect.lmtp:  # it would answer for each of no recipients: nobody could say which reply comes next
            self._envelope = None
            self._abandon("the relay asked for a message without a recipient")
        else:
            self._advance((EMPTY, (b".\r\n",)))

    def _send_body(self, item: Item) -> None:
        self._body = item
        self._advance((BODY, self._dialect.body(item)))

    def _settle_refusal(self, item: Item, refusal: Outcome) -> None:
        """Record an item whose body is not sent, and end its transaction."""
        self._record(item, refusal)
        self._advance((RSET, (b"RSET\r\n",)))

    def _record(self, item: Item, outcome: Outcome) -> None:
        if self._window is not None:
            self._window.outcomes.append((item.key, outcome))

    def _finish_if_idle(self) -> None:
        if not self._awaited and self._envelope is None:
            self._finish()

    def _finish(self) -> None:
        if self._window is not None and not self._window.done.done():
            self._window.done.set_result(None)

    # How it ends

    def _closing(self, awaited: Awaited, reply: str) -> None:
        """A 421: the message it answers is deferred, what follows was not sent."""
        if awaited is BODY and self._body is not None:
            self._record(self._body, Deferred(reply, Stage.BODY))
            self._body = None
        elif awaited in (MAIL, RCPT, DATA) and self._envelope is not None:
            self._record(self._envelope.item, Deferred(reply, Stage[awaited.name]))
            self._envelope = None
        self._abandon(f"the relay closed: {reply}")

    def _abandon(self, reason: str, error: Exception | None = None) -> None:
        """Give the connection up: the message that was written and not answered is uncertain."""
        if self._lost:
            return
        self._lost = reason
        if self._body is not None:
            self._record(self._body, Uncertain(reason))
            self._body = None
        self._transport.abort()
        window = self._window
        if window is not None and not window.done.done():
            if error is None:
                window.done.set_result(None)
            else:
                window.done.set_exception(error)

    def connection_lost(self, exc: Exception | None) -> None:
        """The other side, the network or we closed."""
        self._abandon(f"the connection to the relay was lost: {exc}" if exc else "the relay closed the connection")

    def eof_received(self) -> bool:
        """The server will say nothing more; let the transport close."""
        return False

    def _watch(self) -> None:
        """Give the connection up when nothing is heard for too long; a reply only moves the moment it is counted from.

        Setting a timer anew at each of four replies a message would cost more than reading them.
        """
        self._heard_at = self._loop.time()
        self._watchdog = self._loop.call_later(self._timeout, self._check_silence)

    def _check_silence(self) -> None:
        left = self._heard_at + self._timeout - self._loop.time()
        if left > 0:
            self._watchdog = self._loop.call_later(left, self._check_silence)
        else:
            self._abandon(f"the relay did not answer for {self._timeout:g} seconds")

    def _unwatch(self) -> None:
        if self._watchdog is not None:
            self._watchdog.cancel()
            self._watchdog = None


def _readable(text: bytes) -> str:
    """The text of a reply as it is kept; PostgreSQL takes no NUL."""
    return text.decode("utf-8", "replace").replace("\0", "").strip()[:_KEPT_REPLY]


def _not_success(code: int) -> int:
    """A 2xx or 3xx to DATA that is not 354 makes no sense; take it as a passing fault of the relay."""
    return code if code >= 400 else 451
