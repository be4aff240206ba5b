"""The demo's second opinions agree with the service where both read the same thing: neither is built on the other."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from newsletter import assets, people
from newsletter.constellation import file, planning
from newsletter.database import Database
from newsletter.demo import diary, roster, timetable
from newsletter.demo.diary import Deed, Entry
from newsletter.demo.folder import Folder
from newsletter.demo.standing import Replay, Standing, absences
from newsletter.settings import Settings
from subscribers import importing
from subscribers.tables import subscriber

MONDAY = datetime(2021, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("seed", range(3))
async def test_the_roster_reads_a_spreadsheet_as_the_import_does(
    database: Database, settings: Settings, tmp_path: Path, seed: int
) -> None:
    path = tmp_path / "people.csv"
    people.write_csv(path, 600, seed, ["opening", "closing"])
    await importing.run(path, database=database, hash_key=settings.secrets.hash_key.get_secret_value(), now=MONDAY)
    async with database.read() as connection:
        rows = await connection.execute(select(subscriber.c.address, subscriber.c.status))
        imported = {diary.key(row.address): row.status == "active" for row in rows}
    assert {one.address: one.has_agreed for one in roster.read(path)} == imported


def test_the_season_of_the_demo_asks_who_comes_to_one_event(folder: Folder) -> None:
    times = timetable.read(folder.constellation)
    assert {one.slug: one.places for one in times.gatherings if one.places is not None} == {"equity-lab": 40}
    answers = {one.name: one.answers for one in times.mailings if one.answers}
    assert answers == {"equity-lab-reminder": {"going", "maybe"}, "equity-lab-starting-soon": {"going"}}


def test_the_timetable_is_the_plan() -> None:
    path = assets.TEMPLATES / "init" / "constellation.toml"
    events = file.read(path).events
    planned = {(event.slug, mail.kind.value): planning.due(event, mail) for event in events for mail in event.mails}
    found = timetable.read(path).mailings
    assert {(one.event, one.kind): one.due for one in found if not one.gathers} == planned
    digests = {one.name: [part.name for part in one.gathers] for one in found if one.gathers}
    assert digests["digest-2021-02-08"] == ["opening-thanks", "portfolio-walk-invitation"]
    assert "story-first-draft-story" in digests["digest-2021-02-15"]
    assert sorted(name for names in digests.values() for name in names) == sorted(
        f"{event}-{kind}" for event, kind in planned if (event, kind) != ("closing", "thanks")
    )


@pytest.mark.parametrize("rule", ["-1w", "-1d", "-3h", "-90m", "+2d", "+30m"])
@pytest.mark.parametrize("at", ["", "02:30", "23:00"])
@pytest.mark.parametrize("date", ["2021-03-14", "2021-03-28"])
def test_the_timetable_counts_as_the_plan_does_across_a_clock_change(
    tmp_path: Path, rule: str, at: str, date: str
) -> None:
    """Clocks changed on the first of these days in Lexington, on the other one in Berlin."""
    kind, anchor = ("reminder", "offset") if rule.startswith("-") else ("thanks", "after")
    hour = f', at = "{at}"' if at and rule[-1] in "wd" else ""
    sample = (assets.TEMPLATES / "init" / "constellation.toml").read_text("utf-8")
    path = tmp_path / "constellation.toml"
    path.write_text(
        sample[: sample.index("\n[mails]")] + f'\n[mails]\n{kind} = {{ {anchor} = "{rule}"{hour} }}\n\n'
        '[[event]]\nslug = "one"\ntitle = "One"\nkind = "event"\nsummary = "It is one."\n'
        f'starts = {date}T01:15:00\nends = {date}T05:00:00\ntimezone = "Europe/Berlin"\n'
        'place = { online = "https://meet.example.org/one" }\n',
        encoding="utf-8",
    )
    event = file.read(path).events[0]
    (mailing,) = (one for one in timetable.read(path).mailings if not one.gathers)
    assert mailing.due == planning.due(event, event.mails[0])


def day(number: int) -> datetime:
    return MONDAY + timedelta(days=number)


def wants(*entries: Entry, at: int = 30) -> set[str]:
    """What the one person of this diary is to get that day."""
    replay = Replay(entries)
    replay.to(day(at))
    (person,) = replay.people.values()
    return {event for event in ("opening", "lab", "closing") if person.is_due(event, day(at))}


def note(number: int, deed: Deed, *topics: str, **more: object) -> Entry:
    return Entry(day(number), "ana@example.org", deed, topics=frozenset(topics), **more)  # type: ignore[arg-type]  # each test names fields that exist


def test_who_is_merely_listed_or_has_only_asked_gets_nothing() -> None:
    assert wants(note(0, Deed.LISTED)) == set()
    assert wants(note(0, Deed.LISTED), note(1, Deed.ASKED)) == set()


def test_what_was_asked_for_holds_once_it_is_confirmed() -> None:
    assert wants(note(0, Deed.ASKED, "lab"), note(1, Deed.CONFIRMED)) == {"lab"}
    assert wants(note(0, Deed.ASKED), note(1, Deed.CONFIRMED)) == {"opening", "lab", "closing"}


def test_a_stranger_who_asks_in_somebodys_name_changes_nothing_for_them() -> None:
    assert wants(note(0, Deed.AGREED, "lab"), note(1, Deed.ASKED, "closing")) == {"lab"}


def test_choosing_leaves_events_alone_that_the_page_did_not_offer() -> None:
    offered = frozenset({"lab", "closing"})
    before = note(0, Deed.AGREED, "opening", "lab")
    assert wants(before, note(1, Deed.CHOSE, "closing", offered=offered)) == {"opening", "closing"}


def test_who_wanted_everything_and_chooses_some_keeps_what_was_over_and_no_longer_offered() -> None:
    chose = note(1, Deed.CHOSE, "closing", offered=frozenset({"lab", "closing"}))
    assert wants(note(0, Deed.AGREED), chose) == {"opening", "closing"}
    assert wants(note(0, Deed.AGREED), chose, note(2, Deed.MUTED, "opening")) == {"closing"}
    again = (note(2, Deed.LEFT), note(3, Deed.ASKED, "lab"), note(4, Deed.CONFIRMED))
    assert wants(note(0, Deed.AGREED), chose, *again) == {"lab"}


def test_a_muted_event_and_a_pause_are_kept_until_they_end() -> None:
    agreed = note(0, Deed.AGREED)
    assert wants(agreed, note(1, Deed.MUTED, "lab")) == {"opening", "closing"}
    pause = note(1, Deed.PAUSED, until=day(9))
    assert wants(agreed, pause, at=8) == set()
    assert wants(agreed, pause, at=9) == {"opening", "lab", "closing"}


def test_who_comes_back_starts_anew() -> None:
    left, back = note(2, Deed.LEFT), (note(3, Deed.ASKED), note(4, Deed.CONFIRMED))
    assert wants(note(0, Deed.AGREED), note(1, Deed.MUTED, "lab"), left) == set()
    assert wants(note(0, Deed.AGREED), note(1, Deed.MUTED, "lab"), left, *back) == {"opening", "lab", "closing"}


def test_a_mailbox_that_refuses_a_mail_was_rightly_offered_it() -> None:
    replay = Replay([note(0, Deed.AGREED), note(5, Deed.BOUNCED, how="refused")])
    replay.to(day(5))
    assert replay.people["ana@example.org"].is_in
    replay.to(day(5) + timedelta(seconds=1))
    assert not replay.people["ana@example.org"].is_in


def test_an_answer_holds_from_when_it_was_first_given_until_another_is() -> None:
    person = Standing()
    for number, how in ((1, "waiting"), (3, "waiting")):
        person.apply(note(number, Deed.ANSWERED, "lab", how=how))
    assert person.answers["lab"] == ("waiting", day(1))
    person.apply(note(5, Deed.PLACED, "lab", how="going"))
    assert (person.answer("lab"), person.answer("else")) == ("going", "")


def test_an_absence_lasts_until_they_confirm_anew() -> None:
    entries = [note(0, Deed.AGREED), note(1, Deed.LEFT), note(2, Deed.BOUNCED), note(3, Deed.CONFIRMED)]
    assert absences(entries) == {"ana@example.org": [(day(1), day(3))]}
    assert absences([*entries, note(4, Deed.COMPLAINED)]) == {"ana@example.org": [(day(1), day(3)), (day(4), None)]}


def test_nobody_is_due_before_anything_happened() -> None:
    assert not Standing().is_due("opening", MONDAY)


def test_an_address_has_one_key_however_it_is_spelled() -> None:
    assert diary.key(" Ana@Bücher.example ") == diary.key("ANA@xn--bcher-kva.example") == "ana@xn--bcher-kva.example"
