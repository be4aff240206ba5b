"""What the engine works with, made from the settings: also for those who need a part alone."""

from urllib.parse import urlsplit

from newsletter.clock import Clock, wall_clock
from newsletter.delivery.composer import Stationery
from newsletter.delivery.relay import Relay
from newsletter.delivery.relays import Member, Relays
from newsletter.dkim.keys import Key
from newsletter.dkim.signing import Signer
from newsletter.settings import Settings
from subscribers.links import Links


def stationery(settings: Settings) -> Stationery:
    """What every mail needs, from the settings. Raises DkimError for a key that is not there."""
    return Stationery(
        links=links(settings),
        signer=Signer(keys(settings)),
        bounce_address=settings.bounces.address,
        providers=settings.providers,
        templates=settings.templates,
    )


def keys(settings: Settings) -> list[Key]:
    """The keys that sign mails, from the settings. Raises DkimError for one that is not there."""
    if not settings.dkim:
        return []
    from newsletter.dkim import files  # what reads them takes 8 MB, and most relays sign themselves

    return [files.load(one) for one in settings.dkim]


def relays(settings: Settings, clock: Clock = wall_clock) -> Relays:
    """The relays of the settings, the first under the name smtp; they hear our public host name in EHLO."""
    host = urlsplit(settings.public_url).hostname or "localhost"
    others = [Member(one.name, Relay(one, host)) for one in settings.relays]
    return Relays([Member("smtp", Relay(settings.smtp, host)), *others], clock)


def links(settings: Settings) -> Links:
    """The signer of every link, from the settings."""
    return Links([key.get_secret_value() for key in settings.secrets.signing_keys])
