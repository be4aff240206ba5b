"""What became of one message that was offered to a relay."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class Stage(StrEnum):
    """Where in the SMTP transaction (RFC 5321 section 3.3) an answer was given; LOCAL is before it was offered."""

    LOCAL = "local"
    CONNECT = "connect"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    BODY = "body"


@dataclass(frozen=True, slots=True)
class Accepted:
    """The relay answered 2xx to the message: it has taken the responsibility for it."""

    reply: str


@dataclass(frozen=True, slots=True)
class Deferred:
    """The relay answered 4xx, or could not be reached: the same message may be offered again later."""

    reply: str
    stage: Stage


@dataclass(frozen=True, slots=True)
class Refused:
    """The relay answered 5xx, or the message could not be offered at all: offering it again would change nothing."""

    reply: str
    stage: Stage


@dataclass(frozen=True, slots=True)
class Uncertain:
    """The connection was lost after the message was written and before it was answered: it may have arrived."""

    reason: str


Outcome: TypeAlias = Accepted | Deferred | Refused | Uncertain


def from_reply(code: int, text: str, stage: Stage) -> Outcome:
    """The outcome of a reply: its first digit decides (RFC 5321 section 4.2.1); anything unknown is transient.

    503 speaks of the order of commands: of the session, never of the message, which another session may take.
    """
    reply = f"{code} {text}".strip()
    match 4 if code == 503 else code // 100:
        case 2:
            return Accepted(reply)
        case 5:
            return Refused(reply, stage)
        case _:
            return Deferred(reply, stage)
