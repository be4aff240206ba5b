"""The constellation file: what it may say, and one clear line with its number for each thing that is wrong."""

import re
import tomllib
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter import assets
from newsletter.constellation import file as files
from newsletter.constellation.model import Anchor, Constellation, EventKind, Mail, MailKind

Read = Callable[[str], Constellation]
Faults = Callable[[str], list[str]]

SAMPLE = assets.TEMPLATES / "init" / "constellation.toml"


def test_the_sample_has_every_kind_several_zones_and_days_online_and_places() -> None:
    sample = files.read(SAMPLE)
    assert len(sample.events) >= 8
    assert {event.kind for event in sample.events} == set(EventKind)
    assert len({event.timezone for event in sample.events}) >= 3
    assert any(event.days > 1 for event in sample.events)
    assert any(event.place.online for event in sample.events)
    assert any(event.place.address for event in sample.events)
    assert {mail.kind for event in sample.events for mail in event.mails} == set(MailKind)


def test_the_sample_opens_and_closes_on_the_days_of_the_season() -> None:
    sample = files.read(SAMPLE)
    assert sample.events[0].slug == "opening"
    assert sample.events[0].starts.date() == date(2021, 2, 3)
    assert sample.events[-1].slug == "closing"
    assert (sample.events[-1].starts.date(), sample.events[-1].ends.date()) == (date(2021, 5, 6), date(2021, 5, 7))


def test_a_file_is_read_as_written(read: Read, content: str) -> None:
    season = read(content)
    opening, story = season.events
    assert opening.starts == datetime(2021, 2, 3, 20, 0, tzinfo=UTC)
    assert opening.starts.hour == 15, "times are in the event's zone"
    assert opening.place.online == "https://meet.example.org/opening"
    assert [mail.kind for mail in opening.mails] == ["invitation", "reminder", "starting-soon", "thanks"]
    assert opening.mails[0] == Mail(MailKind.INVITATION, days=-14, at=time(9), timezone="America/New_York")
    assert opening.mails[2] == Mail(MailKind.STARTING_SOON, elapsed=timedelta(hours=-1), timezone="America/New_York")
    assert opening.mails[3].anchor is Anchor.END
    assert story.starts == story.ends
    assert [mail.kind for mail in story.mails] == [MailKind.STORY]


def test_what_may_be_left_out_has_its_default(read: Read, content: str) -> None:
    season = read(content)
    assert season.sender.reply_to == season.contact
    assert season.brand == files.DEFAULT_BRAND
    assert (season.language, season.tagline, season.organisers) == ("en", "", ())
    assert season.events[0].capacity is None


WHOLE = "starts = 2021-02-03\nends = 2021-02-04\nmails = ['invitation', 'reminder', 'thanks']"
HOURS = "starts = 2021-02-03T15:00:00\nends = 2021-02-03T17:00:00"


def test_an_event_may_last_whole_days_at_its_place(read: Read, content: str) -> None:
    opening = read(content.replace(HOURS, WHOLE)).event("opening")
    assert opening is not None
    assert (opening.all_day, opening.days, opening.last_day) == (True, 2, date(2021, 2, 4))
    assert opening.starts == datetime(2021, 2, 3, 5, tzinfo=UTC), "midnight in New York"
    assert opening.ends == datetime(2021, 2, 5, 5, tzinfo=UTC)
    assert [mail.kind for mail in opening.mails] == ["invitation", "reminder", "thanks"]
    unnamed = read(content.replace(HOURS, WHOLE.partition("\nmails")[0])).event("opening")
    assert unnamed is not None
    assert unnamed.mails == opening.mails, "what counts hours is left out"
    single = read(content.replace(HOURS, WHOLE.replace("ends = 2021-02-04\n", ""))).event("opening")
    assert single is not None
    assert (single.days, single.last_day) == (1, date(2021, 2, 3))


def test_days_and_hours_do_not_mix_and_hours_are_not_counted_from_days(faults: Faults, content: str) -> None:
    (mixed,) = faults(content.replace(HOURS, WHOLE.replace("2021-02-04", "2021-02-04T10:00:00")))
    assert "ends: this is a date and time, 2021-02-04T10:00:00; write both as days, as in 2021-02-03" in mixed
    (turned,) = faults(content.replace(HOURS, WHOLE.replace("2021-02-04", "2021-02-02")))
    assert "2021-02-02 is before the first day, 2021-02-03; check both" in turned
    (counted,) = faults(content.replace(HOURS, WHOLE.replace("'reminder'", "'starting-soon'")))
    assert "its starting-soon (1h before the start) counts hours, and an event of whole days has none" in counted


def test_events_are_in_the_order_in_which_they_start(read: Read, content: str) -> None:
    season = read(content.replace("2021-03-10T08:00:00", "2021-01-10T08:00:00"))
    assert [event.slug for event in season.events] == ["a-story", "opening"]


def test_an_hour_may_be_by_each_reader_s_own_clock(read: Read, content: str) -> None:
    opening = read(content.replace('at = "15:00"', 'at = "15:00 local"')).event("opening")
    assert opening is not None
    assert opening.mails[1].local
    assert opening.mails[1].rule == "1d before the start at 15:00 local"
    assert not opening.mails[0].local


def test_a_digest_has_a_day_and_an_hour_monday_at_nine_unless_the_file_says_otherwise(read: Read, content: str) -> None:
    assert str(read(content).digest) == "monday at 09:00"
    assert str(read(content.replace("[mails]", '[digest]\nday = "Friday"\nat = "17:30"\n[mails]')).digest) == (
        "friday at 17:30"
    )


def test_a_season_may_begin_without_events(read: Read, content: str) -> None:
    assert read(content.split("[mails]")[0]).events == ()


def test_an_event_may_name_fewer_mails_or_none(read: Read, content: str) -> None:
    place = "place = { online"
    named = read(content.replace(place, f'mails = ["reminder"]\n{place}'))
    assert [mail.kind for mail in named.events[0].mails] == ["reminder"]
    assert read(content.replace(place, f"mails = []\n{place}")).events[0].mails == ()


def test_a_time_with_an_offset_is_that_moment(read: Read, content: str) -> None:
    season = read(content.replace("2021-02-03T15:00:00", "2021-02-03T20:30:00Z"))
    assert f"{season.events[0].starts:%H:%M %Z}" == "15:30 EST"


def test_of_an_hour_that_occurs_twice_the_first_is_meant_unless_an_offset_says_otherwise(
    read: Read, content: str
) -> None:
    both = {"2021-11-07T01:30:00": "05:30", "2021-11-07T01:30:00-05:00": "06:30"}
    for written, utc in both.items():
        changed = content.replace("2021-02-03T15:00:00", written).replace("2021-02-03T17:00:00", "2021-11-07T05:00:00")
        opening = read(changed).event("opening")
        assert opening is not None
        assert f"{opening.starts.astimezone(UTC):%H:%M}" == utc


def test_an_end_within_the_repeated_hour_is_after_a_start_within_the_first(read: Read, content: str) -> None:
    changed = content.replace("2021-02-03T15:00:00", "2021-11-07T01:45:00-04:00")
    opening = read(changed.replace("2021-02-03T17:00:00", "2021-11-07T01:15:00-05:00")).event("opening")
    assert opening is not None
    assert opening.ends.astimezone(UTC) - opening.starts.astimezone(UTC) == timedelta(minutes=30)


@pytest.mark.parametrize(
    ("right", "wrong", "fault"),
    [
        ('slug = "season"', 'slug = "The Season!"', '2: constellation: slug: "The Season!" is no slug: …the-season'),
        ('name = "The season"\ntime', "name = 3\ntime", "3: constellation: name: this is a number, 3; write text"),
        ('name = "The season"\ntime', 'name = "  "\ntime', "3: constellation: name: it is empty; "),
        ('"America/New_York"', '"America/New_Yrok"', "4: constellation: timezone: …; did you mean America/New_York?"),
        ('"America/New_York"', '"Mars"', '4: constellation: timezone: there is no time zone "Mars"; write one as in'),
        ('https://season.example.org"\nc', 'season.example.org"\nc', "5: constellation: website: … no web address"),
        ('https://season.example.org"\nc', 'https://[::1"\nc', "5: constellation: website: … is no web address"),
        ('https://season.example.org"\nc', 'javascript:a"\nc', "5: constellation: website: … is no web address"),
        ("\ncontact", '\nprivacy = "privacy"\ncontact', "6: constellation: privacy: … is no web address"),
        ("hello@season", "hello season", "6: constellation: contact: … is not an e-mail address"),
        ("news@season", "nëws@season", "11: constellation.sender: email: …; write one without accents"),
        ("postal_address", "postal_adress", "7: constellation: postal_adress: …; did you mean postal_address?"),
        ("postal_address", "postal_adress", "1: constellation: postal_address is missing; every mail must show"),
        ('-2w", at', '-2 weeks", at', '14: mails.invitation: offset: "-2 weeks" is no offset; write a number of'),
        ('-2w", at', '2w", at', '14: mails.invitation: offset: "2w" says neither before nor after; write "-2w"'),
        ('-2w", at', '-99w", at', '14: mails.invitation: offset: "-99w" is too far away; stay within 400 days'),
        ('"-2w"', "-14", "14: mails.invitation: offset: a number, -14 is no offset"),
        ('"09:00"', '"9am"', '14: mails.invitation: at: "9am" is no hour of the day; write one as in "09:00"'),
        ('"09:00"', '"9 local"', '14: mails.invitation: at: "9 local" is no hour of the day; … or "09:00 local"'),
        (
            '"-2w", at = "09:00"',
            '"0d", at = "09:00 local"',
            "14: mails.invitation: at: by each reader's own clock, the",
        ),
        ('"+1d", at = "10:00"', '"0d", at = "10:00 local"', "17: mails.thanks: at: by each reader's own clock, the"),
        ('"-1h"', '"-1h", at = "09:00 local"', "16: mails.starting-soon: at: an offset in hours or minutes says"),
        ('"-1h"', '"-1h", at = "09:00"', "16: mails.starting-soon: at: an offset in hours or minutes says the hour"),
        ('"-1h"', '"+1h"', "23: event opening: starts: its starting-soon (1h after the start) … after the start"),
        ('after = "+1d"', 'after = "-1d"', '17: mails.thanks: after: "-1d" is before the end; write "+1d"'),
        ('after = "+1d"', 'after = "0d"', "23: event opening: starts: its thanks … before the end"),
        ('after = "+1d"', 'after = "+1d", offset = "-1d"', "17: mails.thanks: it has both an offset … keep one"),
        ('{ offset = "-1h" }', '"-1h"', '16: mails: starting-soon: this is text, "-1h"; write a table'),
        ("starting-soon", "starting-son", '16: mails: … no mail "starting-son"; did you mean starting-soon?'),
        ("starting-soon", "story", "16: mails: story: a story is mailed when it is published; leave this line out"),
        ("[mails]\n", "[mail]\n", "13: the file: mail: there is no key 'mail' here; did you mean mails?"),
        ("[mails]\n", "[mail]\n", "1: the file: mails is missing; write [mails] with a line for each mail"),
        ('slug = "a-story"', 'slug = "opening"', "28: event opening: slug: the event on line 20 has this slug already"),
        ('kind = "event"', 'kind = "evnt"', '22: event opening: kind: there is no kind "evnt"; did you mean event?'),
        ('kind = "event"\n', "", "19: event opening: kind is missing; write kind = "),
        ("2021-02-03T15:00:00", '"2021-02-03 15:00"', "23: event opening: starts: this is text, … without quotes"),
        (
            "2021-02-03T15:00:00",
            "2021-02-03",
            "24: event opening: ends: this is a date and time, …; write both as days",
        ),
        ("2021-02-03T15:00:00", "0001-01-01T00:00:00", "23: event opening: starts: the year 0001 cannot be meant"),
        ("2021-02-03T15:00:00", "2021-03-14T02:30:00", "23: … does not exist in America/New_York, …T03:30:00"),
        ("2021-02-03T17:00:00", "2021-02-03T15:00:00", "24: event opening: ends: … is not after the start"),
        ("2021-02-03T17:00:00", "2021-02-02T17:00:00", "24: event opening: ends: … is not after the start"),
        ("ends = 2021-02-03T17:00:00\n", "", "19: event opening: ends is missing; write when it is over"),
        ('{ online = "https://meet.example.org/opening" }', "{}", "25: event opening: place: it says nothing"),
        ('{ online = "https://meet.example.org/opening" }', "12", "25: event opening: place: this is a number, 12"),
        ("place = { online", "plaze = { online", "19: event opening: place is missing; write place = "),
        ("place = { online", "place = { url", "25: event opening: place: url: …; write online"),
        ("place = { online", "capacity = 0\nplace = { online", "25: event opening: capacity: 0 seats cannot be"),
        ("place = { online", "capacity = true\nplace = { online", "25: event opening: capacity: this is true; write a"),
        ("place = { online", 'cancelled = "yes"\nplace = { online', "25: event opening: cancelled: …write true or f"),
        ("place = { online", 'mails = ["remindr"]\nplace = { online', "25: event opening: mails: …did you mean remin"),
        ("place = { online", 'mails = "reminder"\nplace = { online', "25: event opening: mails: …; write a list"),
        ("place = { online", 'mails = ["thanks", "thanks"]\nplace = { online', "25: event opening: mails: … twice"),
        ('title = "Opening"', 'title = "Open\\r\\nBcc: x"', "21: event opening: title: it runs over several lines"),
        ('title = "Opening"', 'title = "Open\\u0000"', "21: event opening: title: it contains control characters"),
        ("published", "starts", "27: event a-story: published is missing; write when it can be read"),
        ("published", "starts", "31: event a-story: starts: …; a story has only the moment at which it is published"),
        ("published", 'mails = ["reminder"]\npublished', '31: event a-story: mails: a story has no "reminder"; leave'),
        ('[[event]]\nslug = "opening"', '[[events]]\nslug = "opening"', "19: the file: events: …write …event"),
        (
            "[mails]\n",
            '[digest]\nday = "mon"\n[mails]\n',
            '14: digest: day: there is no day "mon"; did you mean monday?',
        ),
        (
            "[mails]\n",
            '[digest]\nat = "09:00 local"\n[mails]\n',
            "14: digest: at: a digest goes out by the constellation",
        ),
        ("[constellation]", "[constelation]", "1: the file: constelation: …; did you mean constellation?"),
        ("[constellation.sender]", "[constellation.sendr]", "1: constellation: sender is missing; write …sender"),
    ],
)
def test_what_is_wrong_is_said_with_its_line_and_what_would_be_right(
    faults: Faults, content: str, right: str, wrong: str, fault: str
) -> None:
    assert right in content
    found = faults(content.replace(right, wrong, 1))
    expected = re.compile(".*".join(map(re.escape, fault.split("…"))))
    assert any(expected.match(line) for line in found), found


def test_every_fault_is_said_at_once_in_the_order_of_the_file(faults: Faults, content: str) -> None:
    changed = content.replace('"America/New_York"', '"Mars"').replace('"-1h"', '"soon"').replace("story.ex", "story ex")
    found = faults(changed.replace('kind = "event"', 'kind = "party"').replace("https://meet", "meet"))
    assert [int(line.split(":")[0]) for line in found] == [4, 16, 22, 25]


def test_one_fault_is_said_once_however_many_events_it_touches(faults: Faults, content: str) -> None:
    assert len(faults(content.replace('"-1h"', '"soon"'))) == 1
    assert len(faults(content.replace("starting-soon", "starting-son"))) == 1
    assert len(faults(content.split("[mails]")[0] + "[[event]]" + content.split("[[event]]", 1)[1])) == 1
    assert len(faults("[constellation]\n")) == len(faults("")) + 6


def test_an_event_in_single_brackets_is_told_of_the_double_ones(faults: Faults, content: str) -> None:
    single = content.split("[[event]]")[0] + '[event]\nslug = "opening"\n'
    assert faults(single) == [
        "19: the file: event: this is no list of tables; begin each with [[event]], in double brackets"
    ]


def test_a_file_that_is_no_toml_or_not_there_is_one_line(faults: Faults, tmp_path: Path) -> None:
    assert faults("[constellation]\nslug = \n")[0].startswith("2: not valid TOML: ")
    with pytest.raises(files.ConstellationError, match=r"missing\.toml: there is no such file"):
        files.read(tmp_path / "missing.toml")


WORDS = st.sampled_from(
    ["slug", "name", "timezone", "kind", "starts", "ends", "published", "place", "mails", "offset", "at", "after", "x"]
)
SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["event", "story", "-1d", "+400d", "09:00", "a@b", "https://", "http://[", "UTC", "\x00", "a-b"]),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.dates(),
    st.times(),
    st.datetimes(),
    st.datetimes(timezones=st.just(UTC)),
)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3), max_leaves=6
)


def as_toml(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return repr(value)
        case date() | time():
            return value.isoformat()
        case list():
            return f"[{', '.join(map(as_toml, value))}]"
        case dict():
            return f"{{ {', '.join(f'{as_toml(key)} = {as_toml(item)}' for key, item in value.items())} }}"
        case _:
            return '"' + "".join(f"\\U{ord(c):08x}" for c in str(value)) + '"'


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, item in inner for found in paths(item, (*path, key)))]


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    changed = dict(value) if isinstance(value, dict) else list(value)
    changed[path[0]] = replaced(value[path[0]], path[1:], new)
    return changed


def assert_read_or_refused(folder: Path, text: str) -> None:
    path = folder / "any.toml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        found = files.read(path)
    except files.ConstellationError as error:
        refusal = str(error)
    else:
        refusal = ""
        assert Constellation.from_document(found.to_document()) == found
    assert [line for line in refusal.split("\n") if not line.startswith(f"{path}:")] == ([] if refusal else [""])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_file_with_anything_in_any_place_is_read_or_refused_in_clear_lines(
    tmp_path: Path, data: st.DataObject
) -> None:
    document = tomllib.loads(SAMPLE.read_text())
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(paths(document)[1:]))
        document = replaced(document, path, data.draw(ANYTHING))
        if not isinstance(document, dict):
            break
    assert_read_or_refused(tmp_path, "".join(f"{as_toml(k)} = {as_toml(v)}\n" for k, v in document.items()))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(alphabet=st.sampled_from("[]{}=.,\"'#\n\\ ae1-:T"), max_size=40) | st.text(max_size=40))
def test_any_text_is_read_or_refused_in_clear_lines(tmp_path: Path, text: str) -> None:
    assert_read_or_refused(tmp_path, text)
