"""The same season once more, in the weeks to come: so that whoever tries the site has something to look forward to."""

from dataclasses import replace
from datetime import datetime, timedelta

from newsletter.constellation.model import Constellation, Event

_OPENS_IN = timedelta(weeks=3)
FIRST_STORY_IN = timedelta(minutes=5)
"""A story goes out to everyone this soon, so that a newcomer gets a mailing while they look on."""


def ahead(constellation: Constellation, now: datetime) -> Constellation:
    """The constellation with events of their own, moved by whole weeks to begin some weeks from `now`.

    Every hour keeps its place on the clock; only the first story is published soon.
    """
    first = min(event.starts for event in constellation.events)
    weeks = timedelta(weeks=-(-(now + _OPENS_IN - first) // timedelta(weeks=1)))
    moved = [_moved(event, weeks, now.year) for event in constellation.events]
    story = next((event for event in moved if event.is_story), None)
    if story is not None:
        soon = (now + FIRST_STORY_IN).astimezone(story.starts.tzinfo)
        moved[moved.index(story)] = replace(story, starts=soon, ends=soon)
    return replace(constellation, events=tuple(sorted(moved, key=lambda event: event.starts)))


def _moved(event: Event, by: timedelta, year: int) -> Event:
    # Added to the clock on the wall: 15:00 stays 15:00, whatever summer time does between.
    return replace(event, slug=f"{event.slug}-{year}", starts=event.starts + by, ends=event.ends + by)
