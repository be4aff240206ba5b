"""Changing an event where it stands in its file: nothing else changes, or nothing at all."""

from datetime import datetime
from pathlib import Path

import pytest

from newsletter import assets
from newsletter.constellation import editing
from newsletter.constellation import file as files
from newsletter.constellation.faults import ConstellationError

STARTS, ENDS = datetime(2021, 2, 10, 15), datetime(2021, 2, 10, 17)  # noqa: DTZ001 - a clock on a wall


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """The sample that `newsletter init` writes, its comments included."""
    path = tmp_path / "constellation.toml"
    path.write_bytes((assets.TEMPLATES / "init" / "constellation.toml").read_bytes())
    return path


def test_an_event_is_moved_on_its_own_two_lines_and_its_comments_stay(sample: Path) -> None:
    before = sample.read_text().replace("starts = 2021-02-03T15:00:00", "starts = 2021-02-03T15:00:00   # a Wednesday")
    sample.write_text(before)
    edited = editing.change(sample, "opening", {"starts": STARTS, "ends": ENDS})
    assert sample.read_text() == before
    edited.write()
    changed = [(a, b) for a, b in zip(before.splitlines(), sample.read_text().splitlines(), strict=True) if a != b]
    assert changed == [
        ("starts = 2021-02-03T15:00:00   # a Wednesday", "starts = 2021-02-10T15:00:00   # a Wednesday"),
        ("ends = 2021-02-03T17:00:00", "ends = 2021-02-10T17:00:00"),
    ]
    assert files.read(sample) == edited.constellation


def test_an_event_is_called_off_below_its_slug_whichever_it_is_and_however_lines_end(sample: Path) -> None:
    sample.write_bytes(sample.read_bytes().replace(b"\n", b"\r\n"))
    for slug in ("opening", "closing"):
        editing.change(sample, slug, {"cancelled": True}).write()
    assert b'slug = "closing"\r\ncancelled = true\r\n' in sample.read_bytes()
    assert [event.slug for event in files.read(sample).events if event.cancelled] == ["opening", "closing"]


def test_a_change_that_cannot_be_is_said_of_the_file_and_leaves_it(sample: Path) -> None:
    before = sample.read_bytes()
    with pytest.raises(
        ConstellationError, match=r"constellation\.toml:\d+: event opening: ends: .* not after the start"
    ):
        editing.change(sample, "opening", {"starts": ENDS, "ends": STARTS})
    with pytest.raises(ConstellationError, match="there is no event openin in it; did you mean opening"):
        editing.change(sample, "openin", {"cancelled": True})
    assert sample.read_bytes() == before


def test_an_event_that_is_written_in_another_way_is_left_to_a_person(sample: Path) -> None:
    one_line = sample.read_text().replace("ends = 2021-02-03T17:00:00", '"ends" = 2021-02-03T17:00:00')
    sample.write_text(one_line)
    with pytest.raises(ConstellationError, match="event opening is written in a way this command does not change"):
        editing.change(sample, "opening", {"starts": STARTS, "ends": ENDS})
    assert sample.read_text() == one_line
