"""Who may be written to, by every way there is of becoming or ceasing to be someone."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from subscribers import audience, consent, erasure, preferences
from subscribers.audience import Rhythm
from subscribers.suppression import Reason
from subscribers.tables import subscriber

ANA = "ana@example.org"


async def _again(people, person):
    await people.join(ANA)


async def _old_confirmation(people, person):
    await people.confirm(person)


async def _choose(people, person):
    async with people.database.begin() as connection:
        await preferences.choose(connection, person, everything=True, followed=["opening"], muted=[], now=people.now)


async def _end_pause(people, person):
    async with people.database.begin() as connection:
        await preferences.pause(connection, person, until=None, now=people.now)


async def _nothing(people, person):
    pass


async def _erase(people, person):
    async with people.database.begin() as connection:
        await erasure.erase(connection, person, now=people.now)
    return person


ENTRIES = [_nothing, _again, _old_confirmation, _choose, _end_pause]
WAYS_OUT = {
    "left": lambda people, person: people.leave(person),
    "erased": _erase,
    **{
        reason: (lambda people, _, reason=reason: people.suppress(ANA, reason, now=people.now + timedelta(days=1)))
        for reason in Reason
    },
}


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.__name__.strip("_"))
async def test_nobody_unconfirmed_is_mailable_by_whatever_they_or_others_do_short_of_confirming(people, entry):
    person = await people.pending(ANA)
    if entry is not _old_confirmation:
        await entry(people, person)
        assert await people.mailable("opening") == set()


@pytest.mark.parametrize("way_out", WAYS_OUT)
async def test_nobody_who_is_gone_is_mailable_whatever_anyone_does_short_of_a_fresh_opt_in(people, way_out):
    person = await people.active(ANA)
    assert await people.mailable("opening") == {ANA}
    await WAYS_OUT[way_out](people, person)
    for entry in ENTRIES:
        if entry is not _old_confirmation:  # after a fresh request, the button is the fresh opt-in
            await entry(people, person)
            assert await people.mailable("opening") == set(), entry


@pytest.mark.parametrize("way_out", WAYS_OUT)
async def test_nobody_who_is_gone_comes_back_by_the_link_of_their_first_confirmation(people, way_out):
    person = await people.active(ANA)
    await WAYS_OUT[way_out](people, person)
    await people.confirm(person)
    assert await people.mailable() == set()


@pytest.mark.parametrize(
    ("choices", "opening", "closing"),
    [
        ({"everything": True, "followed": [], "muted": []}, True, True),
        ({"everything": True, "followed": [], "muted": ["opening"]}, False, True),
        ({"everything": False, "followed": ["opening"], "muted": []}, True, False),
        ({"everything": False, "followed": ["opening"], "muted": ["opening"]}, False, False),
        ({"everything": False, "followed": [], "muted": []}, False, False),
    ],
)
async def test_an_event_reaches_who_follows_it_or_everything_and_has_not_muted_it(people, choices, opening, closing):
    person = await people.active(ANA)
    async with people.database.begin() as connection:
        await preferences.choose(connection, person, **choices, now=people.now)
        assert await audience.count(connection, audience.About("opening"), people.now) == opening
        assert await audience.count(connection, audience.About("closing"), people.now) == closing
        assert await audience.count(connection, audience.About(None), people.now) == 1


async def test_a_pause_is_silence_until_it_ends(people):
    person = await people.active(ANA)
    until = people.now + timedelta(days=1)
    async with people.database.begin() as connection:
        await preferences.pause(connection, person, until=until, now=people.now)
        assert await audience.count(connection, audience.About(None), people.now) == 0
        assert await audience.count(connection, audience.About(None), until) == 1


async def wanted(people, about: audience.About) -> set[str]:
    async with people.database.read() as connection:
        rows = await connection.execute(select(subscriber.c.address).where(audience.wanting(about)))
        return set(rows.scalars())


async def test_a_muted_kind_is_silent_but_for_what_is_followed_by_name(people):
    person = await people.active(ANA)
    silent = audience.kind_topic("story")
    async with people.database.begin() as connection:
        await preferences.choose(connection, person, everything=True, followed=["dawn"], muted=[silent], now=people.now)
    assert await wanted(people, audience.About("dusk", "story")) == set()
    assert await wanted(people, audience.About("dawn", "story")) == {ANA}
    assert await wanted(people, audience.About("dusk", "event")) == {ANA}


async def test_who_wants_the_essentials_only_gets_nothing_else(people):
    person = await people.active(ANA)
    async with people.database.begin() as connection:
        assert await preferences.settle(connection, person, rhythm=Rhythm.ESSENTIALS, now=people.now)
        assert not await preferences.settle(connection, person, rhythm=Rhythm.ESSENTIALS, now=people.now)
    assert await wanted(people, audience.About("opening", "event", is_essential=True)) == {ANA}
    assert await wanted(people, audience.About("opening", "event", is_essential=False)) == set()
    async with people.database.read() as connection:
        last = (await consent.evidence(connection, person))[-1]
    assert last.detail == {"before": {"rhythm": "each"}, "after": {"rhythm": "essentials"}}
