"""Samples of providers that alone can sign what they report: signed by a key made for one test, which we vouch for.

`newsletter webhooks test` makes key and sample, and puts the key's public part into a header, under a signature by our
own keys. The service has these too, and for a minute lets that key stand in for the provider's. So nobody without our
keys can ask for it, nothing is kept for it anywhere, and a report without the header never gets here. And no more than
a sample comes of it: it is about nobody, so that not even we change anything about anybody by it.
"""

import base64
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from webhooks import endpoint, signatures
from webhooks.errors import NotAuthentic
from webhooks.events import Event
from webhooks.providers import Provider, Rehearsing

HEADER = "X-Newsletter-Rehearsal"

LASTS = timedelta(minutes=1)
"""For how long a key stands in."""

NOBODY = "nobody@example.org"
NO_TOKEN = "a" * 40
"""What a sample names: an address that nobody can have (RFC 2606 section 3), and a token that no key of ours signed."""


class Rehearsals:
    """Vouches with `keys`, newest first: the first signs, every one is honoured."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = [hmac.digest(key.encode(), b"rehearsal", "sha256") for key in keys]
        self._taken: dict[str, int] = {}

    def sample(self, provider: Rehearsing, *, now: datetime) -> tuple[dict[str, str], bytes]:
        """The headers and body of a sample that `receive` takes."""
        headers, body, public = provider.rehearse(NOBODY, NO_TOKEN, now=now)
        return headers | self.vouch(provider, public, now=now), body

    def vouch(self, provider: Rehearsing, public: str, *, now: datetime) -> dict[str, str]:
        """The header by which a key stands in for the provider's."""
        until = int((now + LASTS).timestamp())
        claim = f"{until}.{base64.urlsafe_b64encode(public.encode()).decode()}"
        return {HEADER: f"{claim}.{_signature(self._keys[0], provider, claim)}"}

    def receive(self, provider: Provider, headers: Mapping[str, str], body: bytes, *, now: datetime) -> list[Event]:
        """The event of a sample, once: a key that has stood in is spent.

        Raises NotConfigured where the provider's own key is not set, and else as `endpoint.receive` does.
        """
        endpoint.require_key(provider, now=now)
        if not isinstance(provider, Rehearsing):
            raise NotAuthentic(f"{provider.name} shares its key with us, and no other is believed")
        claim, _, signature = signatures.required(headers, HEADER).rpartition(".")
        if not any(signatures.same(signature, _signature(key, provider, claim)) for key in self._keys):
            raise NotAuthentic("this sample was made by other keys, or for another key of the provider's")
        until, _, public = claim.partition(".")
        if now.timestamp() > int(until):
            raise NotAuthentic("the test that made this sample is over")
        believing = provider.believing(base64.urlsafe_b64decode(public).decode())
        events = endpoint.receive(believing, headers, body, now=now)
        if [(event.address, event.token) for event in events] != [(NOBODY, NO_TOKEN)]:
            raise NotAuthentic("a key made for a test signs its sample and nothing else")
        self._spend(signature, int(until), now)
        return events

    def _spend(self, signature: str, until: int, now: datetime) -> None:
        if signature in self._taken:
            raise NotAuthentic("this sample has come before")
        self._taken = {one: last for one, last in self._taken.items() if last >= now.timestamp()} | {signature: until}


def _signature(key: bytes, provider: Provider, claim: str) -> str:
    """Of the claim for this provider and the key of its that is set: a service that holds another is found out."""
    known = [getattr(provider, one.field) for one in provider.guide.keys]
    return hmac.new(key, json.dumps([provider.name, *known, claim]).encode(), "sha256").hexdigest()
