"""The picture of a season: 80 columns, the same without colours, each mark where it belongs."""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from newsletter.cli import skyline
from newsletter.constellation import planning
from newsletter.constellation.model import Constellation, Event
from newsletter.constellation.schedule import DueMail, PlanState

NOW = datetime(2021, 2, 5, 14, tzinfo=UTC)


def planned(event: Event) -> list[DueMail]:
    """Its mails; those that were due by now are sent, but for the reminder, which was skipped."""
    found = []
    for mail in event.mails:
        due_at = planning.due(event, mail)
        state = PlanState.PLANNED if due_at > NOW else PlanState.STARTED
        state = PlanState.SKIPPED if mail.kind == "reminder" and due_at < NOW else state
        found.append(DueMail(1, event.slug, event.title, mail.kind, due_at, state, None, event))
    return found


def drawn(season: Constellation, width: int = 80) -> dict[str, str]:
    """Each line by its label; the months are at ""."""
    mails = [mail for event in season.events for mail in planned(event)]
    lines = [line.plain for line in skyline.draw(season.events, mails, ZoneInfo(season.timezone), NOW, width)]
    assert all(len(line) <= width for line in lines)
    return {line[:18].strip(): line[20:] for line in lines}


def test_each_event_has_a_line_with_its_mails_from_the_first_to_the_last(constellation: Constellation) -> None:
    picture = drawn(constellation)
    assert picture["opening"].strip().replace("─", "").startswith("●●")
    assert picture["closing"].replace("─", "").split() == ["┊", "○○○★○"]
    assert picture["story-first-draft"].split() == ["┊", "○"]
    assert picture[""].split() == ["Jan", "Feb", "Mar", "Apr", "May"]


def test_months_stand_above_what_falls_into_them(constellation: Constellation) -> None:
    picture = drawn(constellation)
    assert picture[""].index("May") <= picture["closing"].index("★")
    assert picture[""].index("Feb") < picture["portfolio-walk"].index("★") < picture[""].index("Mar")
    now = {line.index("┊") for line in picture.values() if "┊" in line and "now" not in line}
    assert len(now) == 1


def test_an_event_that_is_called_off_is_marked_so(constellation: Constellation) -> None:
    off = replace(constellation.events[4], cancelled=True, mails=())
    picture = drawn(replace(constellation, events=(*constellation.events[:4], off, *constellation.events[5:])))
    assert picture["equity-lab"].split() == ["┊", "☆"]


def test_it_fits_any_width_and_is_left_out_where_there_is_no_room_or_no_mail(constellation: Constellation) -> None:
    assert drawn(constellation, 66)
    assert drawn(constellation, 200)
    zone = ZoneInfo(constellation.timezone)
    assert skyline.draw(constellation.events, [], zone, NOW, 80) == []
    assert skyline.draw(constellation.events, planned(constellation.events[0]), zone, NOW, 40) == []
