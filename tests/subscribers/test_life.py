"""The whole life of subscribers, in any order: nobody is mailed who should not be, and the evidence explains why."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import select

from newsletter import database as databases
from subscribers import (
    addresses,
    audience,
    consent,
    directory,
    erasure,
    moving,
    preferences,
    signup,
    standing,
    suppression,
)
from subscribers.audience import Rhythm
from subscribers.suppression import Reason
from subscribers.tables import subscriber

KEY = "h" * 40
INVITATION = audience.About("opening", "event", is_essential=False, can_wait=True)
STRENGTH = [None, *Reason]
BOUNCES = (Reason.SOFT_BOUNCE, Reason.HARD_BOUNCE)
WHO = st.sampled_from(["ana", "bo"])

_example = count()


@dataclass
class Person:
    """What a person is, as the rules say it in plain words."""

    id: int
    status: str = "pending"
    paused_until: datetime | None = None
    rhythm: Rhythm = Rhythm.EACH
    follows_opening: bool = True
    asked_since_leaving: bool = True
    asked_since_stop: bool = True
    asked_since_word: bool = False


@dataclass
class Mailbox:
    """An address: whose it is, if anybody's, and why nothing may be sent there, if so."""

    person: Person | None = None
    stop: Reason | None = None
    word: Reason | None = None
    """What they had said before staff decided."""


@dataclass
class Moment:
    """How somebody really stood, to be read back from the evidence later."""

    at: datetime
    id: int
    status: str
    rhythm: Rhythm
    paused_until: datetime | None
    choices: object = field(repr=False)


class Life(RuleBasedStateMachine):
    """Two mailboxes, and everything that people, strangers, staff and reports do about them."""

    database: databases.Database
    run: Callable

    @initialize()
    def begin(self) -> None:
        self.now = datetime(2021, 1, 15, 12, tzinfo=UTC)
        self.site = f"life-{next(_example)}.example.org"
        self.boxes = {"ana": Mailbox(), "bo": Mailbox()}
        self.moments: list[Moment] = []

    def do(self, work: Callable):
        """Let a minute pass, then do something in a transaction of its own."""
        self.now += timedelta(minutes=1)

        async def in_transaction():
            async with self.database.begin() as connection:
                return await work(connection)

        return self.run(in_transaction())

    def address(self, who: str) -> addresses.Address:
        return addresses.parse(f"{who}@{self.site}")

    def hash(self, who: str) -> str:
        return suppression.address_hash(self.address(who).normal, KEY)

    @rule(who=WHO)
    def join(self, who: str) -> None:
        request = signup.Request(self.address(who), source="form")
        outcome = self.do(lambda c: signup.join(c, request, hash_key=KEY, now=self.now))
        box = self.boxes[who]
        if box.stop in suppression.FINAL:
            assert isinstance(outcome, signup.NothingDue)
        elif box.person is None:
            assert isinstance(outcome, signup.ConfirmationDue)
            box.person = Person(outcome.subscriber_id)
        elif box.person.status == "active" and box.stop is None:
            assert isinstance(outcome, signup.LinkDue)
        else:
            assert isinstance(outcome, signup.ConfirmationDue)
            box.person.asked_since_leaving = box.person.asked_since_stop = True
            if box.person.status == "pending":
                box.person.follows_opening = True

    @rule(who=WHO)
    def confirm(self, who: str) -> None:
        box = self.boxes[who]
        if box.person is None:
            return
        done = self.do(lambda c: signup.confirm(c, box.person.id, ip="192.0.2.7", now=self.now))
        assert done == self.may_confirm(box)
        if done:
            if box.person.status == "left":
                box.person.follows_opening = True  # what they asked for now, not what they had chosen then
                box.person.paused_until = None
            box.person.status, box.stop = "active", None

    @rule(who=WHO)
    def join_and_confirm(self, who: str) -> None:
        """What most people do; by the two rules alone, chance would rarely come to speak of members."""
        self.join(who)
        self.confirm(who)

    @rule(who=WHO)
    def leave_and_come_back(self, who: str) -> None:
        self.leave(who)
        self.join_and_confirm(who)

    @staticmethod
    def may_confirm(box: Mailbox) -> bool:
        person = box.person
        if box.stop is None:
            return person.status == "pending" or (person.status == "left" and person.asked_since_leaving)
        if box.stop in suppression.FINAL:
            return False
        if box.stop in BOUNCES and person.status == "pending":
            return True
        return person.asked_since_leaving and person.asked_since_stop

    @rule(who=WHO)
    def leave(self, who: str) -> None:
        person = self.boxes[who].person
        if person is not None:
            self.do(lambda c: preferences.leave(c, person.id, source="page", now=self.now))
            if person.status != "left":
                person.status, person.asked_since_leaving = "left", False

    @rule(who=WHO, reason=st.sampled_from([*BOUNCES, Reason.COMPLAINT, Reason.REFUSED]))
    def hear(self, who: str, reason: Reason) -> None:
        self.do(lambda c: suppression.suppress(c, self.hash(who), reason, at=self.now))
        self.stopped(who, reason)

    @rule(who=WHO)
    def staff_suppress(self, who: str) -> None:
        self.do(lambda c: directory.suppress(c, self.address(who), hash_key=KEY, note="", now=self.now))
        self.stopped(who, Reason.STAFF)

    def stopped(self, who: str, reason: Reason) -> None:
        box, is_word = self.boxes[who], reason in suppression.OWN_WORD
        if box.stop is Reason.STAFF and is_word and STRENGTH.index(reason) > STRENGTH.index(box.word):
            box.word = reason  # not the reason until staff undo theirs
            if box.person is not None:
                box.person.asked_since_word = False
        elif STRENGTH.index(reason) > STRENGTH.index(box.stop):
            box.word = box.stop if reason is Reason.STAFF and box.stop in suppression.OWN_WORD else None
            box.stop = reason
            if box.person is not None:
                box.person.asked_since_word = box.word is not None and box.person.asked_since_stop
                box.person.asked_since_stop = False

    @rule(who=WHO)
    def staff_release(self, who: str) -> None:
        box = self.boxes[who]
        work = lambda c: directory.release(c, self.address(who), hash_key=KEY, note="", now=self.now)  # noqa: E731
        if box.stop in suppression.STAFF_MAY_LIFT:
            released = self.do(work)
            assert (released.reason, released.own_word) == (box.stop, box.word)
            box.stop, box.word = box.word, None
            if box.person is not None:
                box.person.asked_since_stop = box.person.asked_since_word
        else:
            with pytest.raises(directory.NotReleased):
                self.do(work)

    @rule(who=WHO, days=st.sampled_from([None, 1, 30]))
    def pause(self, who: str, days: int | None) -> None:
        person = self.boxes[who].person
        if person is not None:
            until = None if days is None else self.now + timedelta(days=days)
            self.do(lambda c: preferences.pause(c, person.id, until=until, now=self.now))
            person.paused_until = until

    @rule(who=WHO, follows=st.booleans(), by_name=st.booleans(), rhythm=st.sampled_from(Rhythm))
    def choose(self, who: str, follows: bool, by_name: bool, rhythm: Rhythm) -> None:
        person = self.boxes[who].person
        if person is None:
            return
        ways = {
            (True, True): {"everything": True, "followed": ["opening"], "muted": ["kind:event"]},
            (True, False): {"everything": True, "followed": [], "muted": ["kind:story"]},
            (False, True): {"everything": True, "followed": [], "muted": ["opening"]},
            (False, False): {"everything": True, "followed": ["closing"], "muted": ["kind:event"]},
        }
        self.do(lambda c: preferences.choose(c, person.id, **ways[follows, by_name], now=self.now))
        self.do(lambda c: preferences.settle(c, person.id, rhythm=rhythm, now=self.now))
        person.follows_opening, person.rhythm = follows, rhythm

    @rule(who=WHO)
    def erase(self, who: str) -> None:
        box = self.boxes[who]
        if box.person is not None:
            gone = box.person.id
            assert self.do(lambda c: erasure.erase(c, gone, now=self.now))
            box.person = None
            self.stopped(who, Reason.ERASED)
            self.moments = [moment for moment in self.moments if moment.id != gone]

    @rule(who=WHO)
    def move(self, who: str) -> None:
        old, new = self.boxes[who], self.boxes["bo" if who == "ana" else "ana"]
        if old.person is None:
            return
        target = self.address("bo" if who == "ana" else "ana")
        number = old.person.id
        self.do(lambda c: moving.request(c, number, target, hash_key=KEY, ip="", now=self.now))
        asked_at = self.now
        done = self.do(lambda c: moving.complete(c, number, asked_at=asked_at, ip="", now=self.now))
        may = old.person.status == "active" and old.stop in (None, *BOUNCES)
        assert (done is not None) == (may and new.person is None and new.stop not in suppression.FINAL)
        if done is not None:
            new.person, new.stop, old.person = replace(old.person), None, None

    @rule(days=st.sampled_from([1, 40]))
    def wait(self, days: int) -> None:
        self.now += timedelta(days=days)

    @invariant()
    def only_who_should_be_is_mailed(self) -> None:
        if not hasattr(self, "boxes"):
            return
        ours = subscriber.c.address.like(f"%{self.site}")

        async def look():
            async with self.database.read() as connection:
                mailable = select(subscriber.c.address).where(ours, audience.mailable(self.now))
                wanting = mailable.where(audience.wanting(INVITATION))
                entries = {}
                for who, box in self.boxes.items():
                    if box.person is not None:
                        entry = await directory.find(connection, self.address(who))
                        entries[who] = entry, await consent.evidence(connection, entry.id)
                return set(await connection.scalars(mailable)), set(await connection.scalars(wanting)), entries

        mailable, wanting, entries = self.run(look())
        for who, box in self.boxes.items():
            person, address = box.person, self.address(who).given
            awake = person is not None and (person.paused_until is None or person.paused_until <= self.now)
            may = awake and person.status == "active" and box.stop is None
            assert (address in mailable) == may
            wants = may and person.follows_opening and person.rhythm is Rhythm.EACH
            assert (address in wanting) == wants
        for who, (entry, steps) in entries.items():
            self.explained(self.boxes[who], entry, steps)

    def explained(self, box: Mailbox, entry: directory.Entry, steps: list[consent.Evidence]) -> None:
        """The evidence tells how they stand, and how they stood at every moment before."""
        assert (entry.status, entry.suppressed) == (box.person.status, box.stop)
        now = Moment(self.now, entry.id, entry.status, entry.rhythm, entry.paused_until, entry.choices)
        self.moments.append(now)
        for moment in self.moments:
            if moment.id != entry.id:
                continue
            then = standing.at(moment.at, entry, steps)
            assert (then.status, then.rhythm, then.paused_until) == (moment.status, moment.rhythm, moment.paused_until)
            if moment.status == "active":
                assert then.choices == moment.choices
        assert (standing.at(self.now, entry, steps).suppressed is None) == (box.stop is None)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_whatever_happens_nobody_is_mailed_who_should_not_be(
    kind: str, request: pytest.FixtureRequest, tmp_path
) -> None:
    url = f"sqlite:///{tmp_path}/life.sqlite3"
    if kind == "postgresql":
        url = request.getfixturevalue("postgres").replace("/postgres?", f"/{request.getfixturevalue('lives')}?")
    asyncio.run(databases.upgrade(url))
    with asyncio.Runner() as runner:
        opened = runner.run(_open(url))
        machine = type("LifeOnce", (Life,), {"database": opened, "run": staticmethod(runner.run)})
        quick = settings(
            max_examples=25 if kind == "postgresql" else 60,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        try:
            run_state_machine_as_test(machine, settings=quick)
        finally:
            runner.run(opened.close())


async def _open(url: str) -> databases.Database:
    return databases.connect(url)


@pytest.fixture
def lives(postgres: str):
    """A PostgreSQL database for all of the lives."""
    import psycopg

    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("CREATE DATABASE lives")
    yield "lives"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("DROP DATABASE lives WITH (FORCE)")
