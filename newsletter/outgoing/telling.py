"""The engine's part: what is due is signed, posted and settled; what fails is tried again for days, then given up."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.clock import Clock
from newsletter.database import Database
from newsletter.outgoing import endpoints, messages, outbox
from newsletter.outgoing.endpoints import Endpoint
from newsletter.outgoing.outbox import Claimed, Settlement, State
from newsletter.setting_tables import Outgoing
from webhooks import signatures
from webhooks.errors import WebhookError

if TYPE_CHECKING:  # nobody needs a client of HTTP who tells others nothing
    from webhooks.fetching import Answer

log = structlog.get_logger(__name__)

_GROWTH = 3.0
_JITTER = 0.2
_GONE = 410
_GONE_WORDS = "it answered 410 Gone"
_random = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class _Attempt:
    """What became of posting one message: an answer, or why there was none."""

    message: Claimed
    body: str
    answer: "Answer | str"

    @property
    def is_taken(self) -> bool:
        """Whether it was taken. A redirect is no yes: it is followed by nobody."""
        return not isinstance(self.answer, str) and 200 <= self.answer.status < 300

    @property
    def is_gone(self) -> bool:
        """Whether the endpoint says that it wants nothing any more."""
        return not isinstance(self.answer, str) and self.answer.status == _GONE


@dataclass(frozen=True, slots=True)
class Teller:
    """Posts what waits in the outbox."""

    database: Database
    policy: Outgoing
    clock: Clock

    async def tell(self, stop: asyncio.Event) -> int:
        """Post what is due until nothing is; answer how many messages were taken."""
        taken = 0
        while not stop.is_set() and await self._is_anything_due():
            async with self.database.begin() as connection:
                claimed = await outbox.claim(connection, self.clock())
            attempts = await self._post_all(claimed)
            async with self.database.begin() as connection:
                for one in attempts:
                    await self._settle(connection, one)
            taken += sum(one.is_taken for one in attempts)
        return taken

    async def _is_anything_due(self) -> bool:
        async with self.database.read() as connection:
            return await outbox.is_due(connection, self.clock())

    async def _post_all(self, claimed: Sequence[Claimed]) -> list[_Attempt]:
        """Post them side by side; who was erased meanwhile took their messages along."""
        async with self.database.read() as connection:
            known = {one.id: one for one in await endpoints.listed(connection)}
            bodies: dict[int, str] = {}
            for one in claimed:
                try:
                    bodies[one.id] = one.body or await messages.compose(connection, one.about)
                except messages.Gone:
                    continue
        return await asyncio.gather(
            *(
                self._post(known[one.endpoint_id], one, bodies[one.id])
                for one in claimed
                if one.id in bodies and one.endpoint_id in known
            )
        )

    async def _post(self, to: Endpoint, message: Claimed, body: str) -> _Attempt:
        from webhooks import fetching

        raw = body.encode()
        headers = {"Content-Type": "application/json"} | signatures.sign_standard_webhooks(
            raw, to.secret, identifier=message.name, now=self.clock()
        )
        try:
            answer = await fetching.post(to.url, headers, raw, allow_private=self.policy.allow_private)
        except WebhookError as error:
            return _Attempt(message, body, str(error))
        return _Attempt(message, body, answer)

    async def _settle(self, connection: AsyncConnection, one: _Attempt) -> None:
        now, message = self.clock(), one.message
        if one.is_taken:
            await outbox.succeeded(connection, message.endpoint_id)
            await outbox.settle(connection, Settlement(message, State.DELIVERED, str(one.answer), one.body))
            return
        is_old = now - message.first_tried_at >= self.policy.give_up_after
        state = State.FAILED if is_old or one.is_gone else State.WAITING
        due_at = now + self._wait(one)
        await outbox.settle(connection, Settlement(message, state, str(one.answer), one.body, due_at))
        since = await outbox.failed(connection, message.endpoint_id, message.tried_at, due_at)
        log.warning("webhook not taken", message=message.name, endpoint=message.endpoint_id, answer=str(one.answer))
        if one.is_gone:
            await outbox.disable(connection, message.endpoint_id, _GONE_WORDS, now)
        elif now - since >= self.policy.give_up_after:
            why = f"it took nothing since {since.astimezone(UTC):%Y-%m-%d %H:%M} UTC; the last answer: {one.answer}"
            await outbox.disable(connection, message.endpoint_id, why, now)

    def _wait(self, one: _Attempt) -> timedelta:
        """How long until the next attempt: longer each time, and at least what the answer asks for."""
        growth = _GROWTH ** min(one.message.attempts - 1, 20)
        wait = min(self.policy.retry_first * growth, self.policy.retry_longest)
        if not isinstance(one.answer, str) and one.answer.retry_after:
            asked = timedelta(seconds=one.answer.retry_after)
            wait = max(wait, min(asked, self.policy.retry_longest))
        return wait * _random.uniform(1 - _JITTER, 1 + _JITTER)

    async def forget_old(self) -> None:
        """Drop messages that were settled long ago: they hold what they told."""
        before: datetime = self.clock() - self.policy.keep
        async with self.database.read() as connection:
            if not await outbox.holds_older(connection, before):
                return
        async with self.database.begin() as connection:
            await outbox.forget(connection, before)
