import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhooks import events

EVENTS = st.builds(
    events.Event,
    provider=st.sampled_from(["postmark", "generic"]),
    id=st.text(min_size=1),
    kind=st.sampled_from(events.Kind),
    address=st.text(),
    at=st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=9))])),
    token=st.none() | st.text(min_size=1),
    bounce=st.none() | st.sampled_from(events.BounceClass),
    reason=st.sampled_from(events.Reason),
    status=st.text(),
    detail=st.text(),
)


@given(EVENTS)
def test_an_event_survives_json_unchanged(event: events.Event):
    assert events.from_json(json.loads(json.dumps(events.to_json(event)))) == event


def test_an_event_without_a_time_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        events.Event("generic", "1", events.Kind.OTHER, "", datetime(2021, 3, 1))  # noqa: DTZ001


def test_a_derived_id_is_the_same_for_the_same_report_only():
    assert events.derived_id("a", "b") == events.derived_id("a", "b")
    assert events.derived_id("a", "b") != events.derived_id("ab", "")
