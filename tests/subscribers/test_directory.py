"""What staff look up and decide, one person at a time or everybody in turn."""

import io
import json

import pytest

from subscribers import audience, consent, directory, exporting, scoring
from subscribers.addresses import parse
from subscribers.directory import NoSuchSubscriber, NotReleased
from subscribers.scoring import Bounce
from subscribers.signup import NothingDue
from subscribers.suppression import Reason

ANA = "ana@example.org"
STAFF = {"hash_key": "h" * 40, "note": "by telephone"}


async def test_a_person_is_found_by_any_spelling_of_their_address(people, database):
    person = await people.active(ANA, topics=("opening",))
    async with database.read() as connection:
        entry = await directory.find(connection, parse(" ANA@Example.org"))
        assert (entry.id, entry.status, entry.choices.followed) == (person, "active", {"opening"})
        with pytest.raises(NoSuchSubscriber, match=r"ben@example.org"):
            await directory.find(connection, parse("ben@example.org"))


async def test_staff_suppress_an_address_for_good_and_release_it(people, database, now):
    person = await people.active(ANA)
    async with database.begin() as connection:
        assert await directory.suppress(connection, parse(ANA), **STAFF, now=now) is True
        assert await directory.suppress(connection, parse(ANA), **STAFF, now=now) is False
    assert await people.mailable() == set()
    assert await people.join(ANA) == NothingDue()
    async with database.begin() as connection:
        released = await directory.release(connection, parse(ANA), **STAFF, now=now)
        assert (released.reason, released.own_word) == (Reason.STAFF, None)
        steps = await consent.evidence(connection, person)
    assert await people.mailable() == {ANA}
    assert [(step.action, step.actor) for step in steps[-2:]] == [("suppressed", "staff"), ("released", "staff")]
    assert steps[-1].detail == {"reason": "staff", "note": "by telephone"}


async def test_bounces_until_a_release_count_no_more(people, database, now):
    person, other = await people.active(ANA), await people.active("ben@example.org")
    await people.suppress(ANA, Reason.SOFT_BOUNCE)
    async with database.begin() as connection:
        await scoring.count(connection, [Bounce(person, now), Bounce(other, now)], scoring.Rule())
        await directory.release(connection, parse(ANA), **STAFF, now=now)
        assert [await scoring.days(connection, one) for one in (person, other)] == [[], [now.date()]]


@pytest.mark.parametrize("reason", [Reason.UNSUBSCRIBE, Reason.COMPLAINT, Reason.ERASED, Reason.REFUSED, None])
async def test_staff_cannot_release_what_is_not_theirs_and_are_told_why(people, database, now, reason):
    if reason:
        await people.suppress(ANA, reason)
    async with database.begin() as connection:
        with pytest.raises(NotReleased, match=ANA):
            await directory.release(connection, parse(ANA), **STAFF, now=now)
    assert await people.suppression(ANA) is reason


async def test_everyone_is_given_once_in_pages_with_their_choices(people, database, monkeypatch):
    monkeypatch.setattr(directory, "_PAGE", 2)
    for number in range(5):
        await people.active(f"p{number}@example.org", topics=(f"event-{number}",))
    await people.pending(ANA)
    async with database.read() as connection:
        all_of_them = [entry async for entry in directory.everyone(connection)]
        mailable = [entry async for entry in directory.everyone(connection, only=audience.mailable(people.now))]
    assert [entry.address for entry in all_of_them] == [*(f"p{n}@example.org" for n in range(5)), ANA]
    assert [entry.choices.followed for entry in mailable] == [{f"event-{n}"} for n in range(5)]


async def test_an_export_runs_no_formula_and_shows_the_suppressed_as_such(people, database):
    await people.active(ANA, first_name="=1+1", last_name="@x")
    await people.suppress(ANA, Reason.COMPLAINT)
    table, lines = io.StringIO(), io.StringIO()
    write_table, write_line = exporting.comma_separated(table), exporting.json_lines(lines)
    async with database.read() as connection:
        for write in (write_table, write_line):
            assert await exporting.run(connection, write) == 1
    header, row = table.getvalue().splitlines()
    assert header.startswith("email,first_name")
    assert row.startswith("ana@example.org,'=1+1,'@x,")
    told = json.loads(lines.getvalue())
    assert (told["first_name"], told["status"], told["suppressed"]) == ("=1+1", "suppressed", "complaint")
