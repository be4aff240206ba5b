"""What happens to a posted report before anything is stored: caps, proof, reading. Knows no web framework.

The caller stores the events and only then answers 2xx. Every error here is a WebhookError whose `status` is what to
answer; an event of a type we do not know is read as `other` and acknowledged, for a provider would only repeat it.
"""

import contextlib
from collections.abc import Mapping
from datetime import datetime

from webhooks.errors import MalformedReport, NotAuthentic, TooLarge, WebhookError
from webhooks.events import Event
from webhooks.providers import Answering, Provider

MAX_BODY = 5 * 1024 * 1024
MAX_EVENTS = 10_000


def require_key(provider: Provider, *, now: datetime) -> None:
    """Raises NotConfigured where no key of the provider is set, or one that is none."""
    with contextlib.suppress(NotAuthentic, MalformedReport):
        provider.verify({}, b"{}", now=now)


def receive(provider: Provider, headers: Mapping[str, str], body: bytes, *, now: datetime) -> list[Event]:
    """The events in an authentic report, possibly none.

    Raises TooLarge, NotConfigured, NotAuthentic or MalformedReport. May block on the network where the provider's
    `blocking` is true: call it in a thread then.
    """
    if len(body) > MAX_BODY:
        raise TooLarge(f"the body is {len(body)} bytes, and {MAX_BODY} are the most")
    provider.verify(_lower(headers), body, now=now)
    try:
        events = provider.parse(body, now=now)
    except RecursionError as error:
        raise MalformedReport("the body is nested too deeply") from error
    if len(events) > MAX_EVENTS:
        raise TooLarge(f"the body holds {len(events)} events, and {MAX_EVENTS} are the most")
    return events


def is_authentic(provider: Provider, headers: Mapping[str, str], body: bytes, *, now: datetime) -> bool:
    """Whether a report is the provider's, readable or not. May block as `receive` may."""
    try:
        provider.verify(_lower(headers), body, now=now)
    except WebhookError:
        return False
    return True


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def answer(provider: Provider, body: bytes) -> bytes:
    """What this provider wants to read in the 200 that acknowledges `body`, once it has been received: JSON or nothing.

    This is where a subscription is confirmed, so it may block on the network just as `receive` may.
    """
    return provider.answer(body) if isinstance(provider, Answering) else b""
