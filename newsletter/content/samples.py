"""Made-up facts and people that templates are checked and shown with."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from newsletter.constellation.model import Brand, Constellation, Event, EventKind, Place, Sender
from newsletter.content.facts import TRANSACTIONAL, DigestItem, Facets, Facts
from newsletter.content.letters import Letter

_LONDON, _TOKYO = "Europe/London", "Asia/Tokyo"

GATHERING = Event(
    slug="lanterns",
    title="An evening of lanterns: what we learned this year",
    kind=EventKind.EVENT,
    starts=datetime(2031, 10, 8, 18, 0, tzinfo=ZoneInfo(_LONDON)),
    ends=datetime(2031, 10, 8, 20, 0, tzinfo=ZoneInfo(_LONDON)),
    timezone=_LONDON,
    place=Place(online="https://meet.example.org/lanterns"),
    summary="Pupils and teachers show each other what they are proud of, and what they would do differently.",
    url="https://orchard.example.org/lanterns",
    capacity=1200,
)

WALK = Event(
    slug="walk",
    title="A walk through three classrooms",
    kind=EventKind.EXPERIENCE,
    starts=datetime(2031, 11, 20, 10, 0, tzinfo=ZoneInfo(_TOKYO)),
    ends=datetime(2031, 11, 21, 16, 30, tzinfo=ZoneInfo(_TOKYO)),
    timezone=_TOKYO,
    place=Place(name="Orchard School", address="1 Example Lane, Tokyo 100-0001, Japan"),
    capacity=1,
)

CONFERENCE = Event(
    slug="conference",
    title="The conference of orchards",
    kind=EventKind.EVENT,
    starts=datetime(2031, 12, 3, tzinfo=ZoneInfo(_TOKYO)),
    ends=datetime(2031, 12, 5, tzinfo=ZoneInfo(_TOKYO)),
    timezone=_TOKYO,
    place=Place(name="Orchard School", online="https://meet.example.org/conference"),
    all_day=True,
)

STORY = Event(
    slug="apples",
    title="Story: the girl who marked her own apples",
    kind=EventKind.STORY,
    starts=datetime(2031, 10, 15, 8, 0, tzinfo=ZoneInfo(_LONDON)),
    ends=datetime(2031, 10, 15, 8, 0, tzinfo=ZoneInfo(_LONDON)),
    timezone=_LONDON,
    summary="How a school let its pupils say what good work is, and what came of it.",
    url="https://orchard.example.org/stories/apples",
)

CONSTELLATION = Constellation(
    slug="orchard",
    name="The Orchard Gatherings",
    tagline="A season of evenings, walks and stories",
    timezone=_LONDON,
    language="en",
    website="https://orchard.example.org",
    contact="hello@orchard.example.org",
    postal_address="The Orchard Gatherings, 2 Example Street, Bristol BS1 1AA, United Kingdom",
    organisers=("Orchard School", "The Lantern Trust", "Friends & Neighbours"),
    sender=Sender(
        name="The Orchard Gatherings", email="news@orchard.example.org", reply_to="hello@orchard.example.org"
    ),
    brand=Brand(color="#1f5a4c", accent="#f4b942"),
    events=(GATHERING, STORY, WALK),
)

LETTER = Letter(
    language="en",
    subject="The girl who marked her own apples",
    preheader="What came of it when a school let its pupils say what good work is.",
    kicker="",
    headline="The girl who marked her own apples",
    html=(
        "<p>Mira is nine. On the first Monday of <em>October</em> her teacher gave her a red pen, and said: <strong>you"
        ' mark it</strong>. What happened then is told <a class="link" href="https://orchard.example.org/apples">on our'
        " pages</a>.</p><h2>What she wrote</h2><blockquote><p>I would do the middle again, but the end is good.</p>"
        "</blockquote><ul><li>She asked two friends.</li><li>She kept what they said.</li></ul>"
        "<h3>Try it on Monday</h3><ol><li>Hand out the pen.</li><li>Leave the room, if you dare.</li></ol><hr>"
        "<p>Write to us how it went.</p>"
    ),
    text=(
        "Mira is nine. On the first Monday of October her teacher gave her a red pen, and said: you mark it.\n\n"
        "What she wrote\n--------------\n\n> I would do the middle again, but the end is good.\n\n"
        "- She asked two friends.\n- She kept what they said.\n\nWrite to us how it went.\n"
    ),
)

SHORT_LETTER = Letter(
    "en",
    "A word before the holidays",
    "",
    "A word",
    "Before the holidays",
    "<p>Rest, all of you: it was a full year.</p>",
    "Rest, all of you: it was a full year.\n",
)

FACETS = (
    Facets(locale="en", timezone=_LONDON, named=True),
    Facets(locale="en-GB", timezone="America/Los_Angeles", named=False, confirmed=False),
    Facets(locale="de", timezone=_TOKYO, named=True),
)
"""Readers that differ in every facet."""

VALUES: Mapping[str, str] = {
    "address": "zoe@example.org",
    "first_name": "Zoë",
    "last_name": "O’Neil",
    "token": "abcdefghijklmnopqrstuvwxyz234567",
    "preferences_link": "AQAAAAAAAAAqAAAABwAAAABgGzqA.Zm9yIHNob3csIG5vdCBmb3IgdXNl",
    "unsubscribe_link": "AQAAAAAAAAAqAAAABwAAAABgGzqF.Zm9yIHNob3csIG5vdCBmb3IgdXNl",
    "rsvp_link": "AQAAAAAAAAAqAAAABwAAAABgGzqB.Zm9yIHNob3csIG5vdCBmb3IgdXNl",
    "confirm_link": "AQAAAAAAAAAqAAAABwAAAABgGzqC.Zm9yIHNob3csIG5vdCBmb3IgdXNl",
    "refuse_link": "6e6f742d6d652d6e657665722d616761.Zm9yIHNob3csIG5vdCBmb3",
    "account_link": "AQAAAAAAAAAqAAAABwAAAABgGzqD.Zm9yIHNob3csIG5vdCBmb3IgdXNl",
    "move_link": "AQAAAAAAAAAqAAAABwAAAABgGzqE.Zm9yIHNob3csIG5vdCBmb3IgdXNl",
}
"""A person's own."""


def facts(kind: str) -> list[Facts]:
    """What a template of this kind might have to state: online and in a place, on one day and several, and so on."""
    base = Facts(CONSTELLATION, public_url="https://news.example.org")
    if kind == "place":
        return [replace(base, event=replace(event, rsvp=True)) for event in (GATHERING, WALK)]
    if kind in TRANSACTIONAL:
        brief = replace(base, confirm_days=0, confirm_hours=1, reminds=False)
        return [replace(base, upcoming=(GATHERING, STORY, WALK)), replace(base, confirm_days=1), brief]
    if kind == "story":
        return [replace(base, event=STORY), replace(base, event=replace(STORY, summary=""), note="One word more.")]
    if kind == "letter":
        whole = replace(base, event=STORY, letters=(LETTER,))
        return [whole, replace(whole, event=GATHERING), replace(whole, event=None, letters=(SHORT_LETTER,))]
    if kind == "digest":
        walk, story = DigestItem(replace(WALK, rsvp=True), ("invitation",)), DigestItem(STORY, ("story",))
        return [replace(base, items=(walk, story, DigestItem(GATHERING, ("thanks",)))), replace(base, items=(story,))]
    both = replace(WALK, place=replace(WALK.place, online="https://meet.example.org/walk"))
    note = "It is the weather, and nothing else.\n\nThank you for your patience."
    return [
        replace(base, event=GATHERING, previous=replace(GATHERING, place=WALK.place), upcoming=(STORY, WALK)),
        replace(base, event=WALK, previous=GATHERING, note=note),
        replace(base, event=replace(both, rsvp=True)),
        replace(base, event=CONFERENCE, previous=GATHERING),
    ]
