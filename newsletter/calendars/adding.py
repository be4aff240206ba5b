"""The links that open somebody's calendar on the web with an event filled in."""

from datetime import timedelta
from urllib.parse import quote, urlencode

from newsletter.calendars.entries import described, location
from newsletter.constellation.model import Event

GOOGLE, OUTLOOK = "https://calendar.google.com/calendar/", "https://outlook.live.com/calendar/0/"
"""Where those links begin."""

_LONGEST = 500
"""Characters of the description: a link that is too long is cut off on its way."""


def google(event: Event) -> str:
    """Google Calendar, at the event's own clock; of whole days, until the day after the last."""
    days = f"{event.starts:%Y%m%d}/{event.last_day + timedelta(days=1):%Y%m%d}"
    return f"{GOOGLE}render?" + _query(
        action="TEMPLATE",
        text=event.title,
        dates=days if event.all_day else f"{event.starts:%Y%m%dT%H%M%S}/{event.ends:%Y%m%dT%H%M%S}",
        ctz="" if event.all_day else event.timezone,
        location=location(event),
        details=_cut(described(event)),
    )


def outlook(event: Event) -> str:
    """Outlook on the web; the offset says which moment is meant. Of whole days, the end is the day after the last."""
    after = event.last_day + timedelta(days=1)
    return f"{OUTLOOK}deeplink/compose?" + _query(
        path="/calendar/action/compose",
        rru="addevent",
        subject=event.title,
        startdt=event.starts.date().isoformat() if event.all_day else event.starts.isoformat(timespec="seconds"),
        enddt=after.isoformat() if event.all_day else event.ends.isoformat(timespec="seconds"),
        allday="true" if event.all_day else "",
        location=location(event),
        body=_cut(described(event)),
    )


def _query(**values: str) -> str:
    # Spaces as %20: Outlook shows a plus as it is.
    return urlencode({name: value for name, value in values.items() if value}, quote_via=quote, safe="")


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def follow(url: str, name: str) -> dict[str, str]:
    """The links by which each kind of program follows a calendar that lies at a web address."""
    encoded = quote(url, safe="")
    webcal = f"webcal:{url.partition(':')[2]}"
    return {
        "webcal": webcal,
        "google": f"{GOOGLE}r?cid={quote(webcal, safe='')}",
        "outlook": f"{OUTLOOK}addfromweb?url={encoded}&name={quote(name, safe='')}",
    }
