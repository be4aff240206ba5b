"""A receiver's no, given while a mail was offered: told to whoever keeps account of addresses."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from subscribers.links import DeliveryRef


@dataclass(frozen=True, slots=True)
class Refusal:
    """A receiver's final no to one mail, given while it was offered."""

    ref: DeliveryRef
    address: str
    reply: str


OnRefused = Callable[[AsyncConnection, Sequence[Refusal], datetime], Awaitable[None]]
"""Hears of refusals in the very transaction that settles them."""
