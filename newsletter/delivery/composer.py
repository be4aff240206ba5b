"""From a person and a mailing to one message on the wire: the links, the envelope and the skeleton come together."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from newsletter.constellation import planning
from newsletter.content import compiler
from newsletter.content.errors import ContentError
from newsletter.content.facts import Facets, Facts
from newsletter.content.headers import Envelope
from newsletter.content.skeleton import Skeleton
from newsletter.delivery.offer import Item
from newsletter.delivery.transactional import Kind, Waiting
from newsletter.dkim.signing import Signer
from subscribers.links import DeliveryRef, Links, Purpose


class Reader(Protocol):
    """What a mail may say of the person it goes to."""

    @property
    def subscriber_id(self) -> int: ...
    @property
    def address(self) -> str: ...
    @property
    def first_name(self) -> str: ...
    @property
    def last_name(self) -> str: ...
    @property
    def locale(self) -> str: ...
    @property
    def timezone(self) -> str: ...
    @property
    def confirmed(self) -> bool: ...


class Receiver(Reader, Protocol):
    """Somebody whom a campaign's mail goes to; `items` are those of a digest that are theirs, a bit for each."""

    @property
    def items(self) -> int: ...


_FRESH_FOR = timedelta(hours=2)
"""How old a mail's Date gets before it is moved on: filters distrust three hours, and a mail program sorts by it."""

_DATES = 48
"""For as many of a campaign's dates its mails are kept compiled: an hour for each time zone, and more."""


def dated(since: datetime, now: datetime | None) -> datetime:
    """What the Date of a mail that was due `since` says when it leaves `now` (RFC 5322, section 3.6.1).

    It is moved on by steps, so that what is sent twice within two hours is the same message twice.
    """
    if now is None or now - since < _FRESH_FOR:
        return since
    return since + (now - since) // _FRESH_FOR * _FRESH_FOR


_TO_CHOOSE_AND_TO_LEAVE = (Purpose.PREFERENCES, Purpose.UNSUBSCRIBE)


@dataclass(frozen=True, slots=True)
class Stationery:
    """What every mail of this service needs: what signs links and mails, where bounces go."""

    links: Links
    signer: Signer
    bounce_address: str
    providers: tuple[str, ...] = ()
    templates: Path | None = None

    def values(
        self, reader: Reader, token: str, facts: Facts, *, campaign_id: int, issued_at: datetime
    ) -> dict[str, str]:
        """The slots of one person's mail. Links are signed for `issued_at`, so that a repeat has the same ones."""
        number = reader.subscriber_id
        choosing, leaving = self.links.tokens(_TO_CHOOSE_AND_TO_LEAVE, number, campaign_id, issued_at=issued_at)
        values = {
            "address": reader.address,
            "first_name": reader.first_name,
            "last_name": reader.last_name,
            "token": token,
            "preferences_link": choosing,
            "unsubscribe_link": leaving,
        }
        if facts.event is not None and facts.event.rsvp:
            values["rsvp_link"] = self.links.token(Purpose.RSVP, number, facts.event_id, issued_at=issued_at)
        return values

    def return_path(self, token: str, sender: str) -> bytes:
        """The envelope sender of one mail: VERP where an address for bounces is configured."""
        if not self.bounce_address:
            return sender.encode()
        local, _, domain = self.bounce_address.rpartition("@")
        return f"{local}+{token}@{domain}".encode()


class Mailing:
    """A campaign's mails: one skeleton for each combination of facets, filled for each person."""

    def __init__(
        self,
        stationery: Stationery,
        campaign_id: int,
        slug: str,
        kind: str,
        facts: Facts,
        started_at: datetime,
        *,
        by_hours: bool = False,
    ) -> None:
        """The mails are due at `started_at`, or if they go `by_hours`, at the hour that each reader is due theirs."""
        self._stationery = stationery
        self._campaign_id = campaign_id
        self.kind = kind
        self._slug, self._facts = slug, facts
        self._started_at = started_at
        self._rule = facts.event.mail(kind) if by_hours and facts.event is not None else None
        self._variants: dict[datetime, compiler.Variants] = {}

    def due(self, reader: Reader) -> datetime:
        """Since when this person is due theirs."""
        if self._rule is None or self._facts.event is None:
            return self._started_at
        return max(self._started_at, planning.due(self._facts.event, self._rule, reader.timezone))

    def _dated(self, date: datetime) -> compiler.Variants:
        if date not in self._variants:
            while len(self._variants) >= _DATES:
                del self._variants[next(iter(self._variants))]
            paper = self._stationery
            envelope = Envelope.of(
                self._facts.constellation,
                date=date,
                campaign=self._slug,
                bounce=paper.bounce_address,
                providers=paper.providers,
                archive=f"{self._facts.public_url}/events",
                archived_at=self._facts.archive_url,
            )
            self._variants[date] = compiler.Variants(
                self.kind, self._facts, envelope=envelope, templates=paper.templates
            )
        return self._variants[date]

    def values(self, reader: Reader) -> Mapping[str, str]:
        """The slots of one person's mail."""
        token = self._stationery.links.delivery_token(DeliveryRef("campaign", self._campaign_id, reader.subscriber_id))
        return self._stationery.values(
            reader, token, self._facts, campaign_id=self._campaign_id, issued_at=self._started_at
        )

    def made(self, readers: Iterable[Receiver], now: datetime) -> list[Skeleton | None]:
        """The variant of the mail that each of them gets now, where it has been compiled."""
        return [self._dated(dated(self.due(one), now)).known(facets_of(one, one.items)) for one in readers]

    def make(self, readers: Iterable[Receiver], now: datetime) -> None:
        """Compile their variants: for a thread, since each takes as long as hundreds of mails."""
        for one in readers:
            with suppress(ContentError):  # said when their mail is made
                self.skeleton(one, now)

    def skeleton(self, reader: Receiver, now: datetime | None = None) -> Skeleton:
        """The variant of the mail that this person gets now, or when they are due it."""
        return self._dated(dated(self.due(reader), now)).skeleton(facets_of(reader, reader.items))

    def item(self, reader: Receiver, skeleton: Skeleton | None = None) -> Item:
        """One person's message and its envelope; `skeleton` is the variant that they get, if that is known.

        Raises ContentError for a value that no mail may carry.
        """
        values = self.values(reader)
        return Item(
            key=reader.subscriber_id,
            mail_from=self._stationery.return_path(values["token"], self._facts.constellation.sender.email),
            rcpt_to=reader.address.encode(),
            body=(skeleton or self.skeleton(reader)).fill(values),
        )


def transactional_item(
    stationery: Stationery, renderings: compiler.Renderings, waiting: Waiting, facts: Facts, now: datetime
) -> Item:
    """The message of one transactional mail that leaves now. Raises ContentError for a value that no mail may carry."""
    token = stationery.links.delivery_token(DeliveryRef("transactional", 0, waiting.id))
    values = stationery.values(waiting, token, facts, campaign_id=0, issued_at=waiting.created_at)
    sign, number, issued_at = stationery.links.token, waiting.subscriber_id, waiting.created_at
    if waiting.kind in (Kind.CONFIRM, Kind.REMIND, Kind.ASK):
        values["confirm_link"] = sign(Purpose.CONFIRM, number, issued_at=issued_at)
    if waiting.kind is Kind.LINK:
        values["account_link"] = sign(Purpose.ACCOUNT, number, issued_at=issued_at)
    if waiting.kind is Kind.MOVE:
        values["move_link"] = sign(Purpose.MOVE, number, issued_at=issued_at)
    if waiting.kind in (Kind.CONFIRM, Kind.REMIND, Kind.ASK, Kind.MOVE):
        values["refuse_link"] = stationery.links.refusal(waiting.hash)
    date = dated(waiting.created_at, now)
    envelope = Envelope.of(
        facts.constellation, date=date, bounce=stationery.bounce_address, providers=stationery.providers
    )
    facets = facets_of(waiting)._replace(is_gone=waiting.is_gone, is_choosy=waiting.is_choosy)
    skeleton = renderings.compile(waiting.kind, facts, facets, envelope=envelope)
    return Item(
        key=waiting.id,
        mail_from=stationery.return_path(token, facts.constellation.sender.email),
        rcpt_to=waiting.address.encode(),
        body=skeleton.fill(values),
    )


def facets_of(reader: Reader, items: int = -1) -> Facets:
    """What a template may decide on about this person; `items` as in Facets."""
    return Facets(reader.locale, reader.timezone, bool(reader.first_name.strip()), items, reader.confirmed)
