"""Proof of work: ALTCHA's challenge (altcha.org), made and checked here, which nobody solves for thousands at once.

A challenge is also our signed word when a form was begun: what comes back sooner than people write is not taken. One
that comes back unsolved, from a page without scripts, proves only that somebody waited. The clock is ours, not that of
ALTCHA's library, so challenges carry their times as data.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import altcha
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.setting_tables import Joining
from newsletter.tables import spent_challenge
from subscribers import statements

FIELD = "altcha"
"""The field that carries it in a form and in JSON; ALTCHA's own widget has the same name for it."""

LASTS = timedelta(hours=2)
"""How long a challenge is good for, and remembered once it was spent."""

_ALGORITHM = "PBKDF2/SHA-256"
_PREFIX = "00"  # one key in 256 begins so
_LONGEST = 4096


@dataclass(frozen=True, slots=True)
class Shown:
    """A challenge of ours that came back in its time: solved, or only waited with."""

    nonce: str
    is_solved: bool


@dataclass(frozen=True, slots=True)
class TooSoon:
    """A challenge of ours that came back sooner than anybody writes; `wait` until it is late enough."""

    wait: timedelta


@dataclass(frozen=True, slots=True)
class Nothing:
    """No challenge, one that is not ours, too old, or wrongly solved."""


Verdict = Shown | TooSoon | Nothing


class Proofs:
    """Makes and checks challenges with `keys`, newest first: the first signs, every one is honoured."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = [hmac.digest(key.encode(), b"altcha", hashlib.sha256) for key in keys]

    def challenge(self, joining: Joining, now: datetime) -> dict[str, Any]:
        """A fresh challenge as ALTCHA's clients read it; `data.wait` are the seconds before it may come back."""
        made = altcha.create_challenge(
            _ALGORITHM,
            joining.proof_iterations,
            key_prefix=_PREFIX,
            data={"issued": now.timestamp(), "wait": joining.shortest_fill.total_seconds()},
            hmac_secret=self._keys[0],
        )
        return made.to_dict()

    def ticket(self, joining: Joining, now: datetime) -> str:
        """An unsolved challenge as a form's field carries it."""
        return base64.b64encode(json.dumps({"challenge": self.challenge(joining, now)}).encode()).decode()

    def read(self, text: str, *, now: datetime) -> Verdict:
        """What a field says. A solution costs a derivation to check, and only for a challenge that we signed."""
        try:
            document = json.loads(base64.b64decode(text[:_LONGEST]))
            challenge = altcha.Challenge.from_dict(document["challenge"])
            solution = altcha.Solution.from_dict(document["solution"]) if "solution" in document else None
        except (ValueError, KeyError, TypeError, RecursionError):
            return Nothing()
        # "is False": of a challenge that says it has expired, which ours never do, the library answers None.
        key = next((key for key in self._keys if self._verify(challenge, None, key).invalid_signature is False), None)
        if key is None:
            return Nothing()
        return self._judge(challenge, solution, key, now)

    def _judge(
        self, challenge: altcha.Challenge, solution: altcha.Solution | None, key: bytes, now: datetime
    ) -> Verdict:
        data = challenge.parameters.data or {}
        issued = datetime.fromtimestamp(data["issued"], UTC)
        due = issued + timedelta(seconds=data["wait"])
        if now > issued + LASTS:
            return Nothing()
        if now < due:
            return TooSoon(due - now)
        if solution is not None and not self._verify(challenge, solution, key).verified:
            return Nothing()
        return Shown(challenge.parameters.nonce, solution is not None)

    @staticmethod
    def _verify(
        challenge: altcha.Challenge, solution: altcha.Solution | None, key: bytes
    ) -> altcha.VerifySolutionResult:
        # A counter that cannot be ends the check after the signature, before anything is derived.
        return altcha.verify_solution(altcha.Payload(challenge, solution or altcha.Solution(-1, "")), key)


async def spend(connection: AsyncConnection, nonce: str, now: datetime) -> bool:
    """Take a challenge that came back out of use; False if it was spent before, in whatever process or host."""
    taken = await connection.scalar(
        statements.insert(connection, spent_challenge)
        .values(nonce=nonce, at=now)
        .on_conflict_do_nothing()
        .returning(spent_challenge.c.nonce)
    )
    return taken is not None


async def forget(connection: AsyncConnection, now: datetime) -> None:
    """Delete what is too old to come back."""
    await connection.execute(delete(spent_challenge).where(spent_challenge.c.at < now - LASTS))
