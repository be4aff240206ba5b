"""How staff connect a provider, as `newsletter webhooks setup` tells it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Key:
    """What goes into the setting of a field of the provider's.

    `ours` is a secret that staff make up and give to the provider, in `place`; else it is found at that place. Keys of
    the same `choice` belong together, and one choice is enough.
    """

    field: str
    place: str
    ours: bool = False
    choice: str = ""


@dataclass(frozen=True, slots=True)
class Guide:
    """Where in the provider's pages the webhook is made, which events to tick, and which keys there are.

    With `login`, name and password are written into the URL: https://NAME:PASSWORD@… `trial` is what makes the provider
    report something by itself.
    """

    where: str
    tick: tuple[str, ...]
    keys: tuple[Key, ...]
    login: bool = False
    notes: tuple[str, ...] = ()
    trial: str = "send a mail through it"
