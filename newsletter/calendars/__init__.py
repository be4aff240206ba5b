"""Events as calendar programs read them: iCalendar (RFC 5545), and the links that add one to a calendar.

    calendars.write(constellation, [Entry(event, sequence=2)], method=Method.PUBLISH, stamp=now)

It is written here rather than by a library, for a mail's sender must not wait for one to load, and its bytes have to be
the same each time. Tests read them back with two libraries.
"""

from newsletter.calendars.adding import follow, google, outlook
from newsletter.calendars.entries import Entry, Method, Standing, uid, write

__all__ = ["Entry", "Method", "Standing", "follow", "google", "outlook", "uid", "write"]
