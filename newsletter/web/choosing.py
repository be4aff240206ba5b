"""What is ticked on somebody's page, as choices: the series but for some events and kinds, or only some events."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime

from newsletter.catalogues import Voice
from newsletter.constellation.model import Event
from newsletter.content import dates
from newsletter.web import account_words
from newsletter.web.forms import Form
from newsletter.web.look import Look
from subscribers import audience, choices
from subscribers.choices import Choices
from subscribers.preferences import Preferences


class NotSaved(Exception):
    """Something in the form cannot be; `field` is where, the text says what would be right."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


def kinds(person: Preferences, look: Look) -> tuple[tuple[str, str, bool], ...]:
    """The kinds to choose from: each with its name, and whether it is wanted."""
    return tuple(
        (kind, account_words.KINDS[kind], audience.kind_topic(kind) not in person.muted) for kind in look.kinds
    )


def offered(person: Preferences, upcoming: Collection[Event], voice: Voice) -> tuple[tuple[str, str, str, bool], ...]:
    """The events to choose from: each with its slug, title and days, and whether it is wanted."""
    return tuple(
        (event.slug, event.title, dates.short_days(event, voice.locale), comes(person, event)) for event in upcoming
    )


def comes(person: Preferences, event: Event) -> bool:
    """Whether somebody hears of an event, as things stand."""
    if event.slug in person.followed:
        return True
    return person.everything and not {event.slug, audience.kind_topic(event.kind)} & person.muted


def ticked(person: Preferences, form: Form, look: Look, now: datetime) -> Preferences:
    """The person as the form has them, saved or not, so that the page can be shown as it was filled in."""
    events = frozenset(form.many("events"))
    silent = {audience.kind_topic(kind) for kind in look.kinds if kind not in form.many("kinds")}
    unticked = {event.slug for event in look.upcoming(now)} - events
    return replace(
        person, everything=form.text("scope") == "everything", followed=events, muted=frozenset(silent | unticked)
    )


def chosen(person: Preferences, form: Form, look: Look, voice: Voice, now: datetime) -> Choices:
    """What is ticked is wanted. Events that the page did not offer stay as they were. Raises NotSaved for nothing.

    Ticks that are as the page showed them change nothing, not even how it is written down.
    """
    offered = {event.slug: event for event in look.upcoming(now)}
    ticked = offered.keys() & set(form.many("events"))
    silent = {kind for kind in look.kinds if kind not in form.many("kinds")}
    if _are_as_shown(person, form.text("scope"), look, offered.values(), ticked, silent):
        return choices.of(everything=person.everything, followed=person.followed, muted=person.muted)
    if form.text("scope") == "everything":
        if silent and silent == set(look.kinds):
            text = voice.gettext("Please tick at least one kind. For none at all, take a pause or leave below.")
            raise NotSaved("kinds", text)
        found = _everything_but(person, look, offered, ticked, silent)
    elif ticked:
        found = _only(person, look, offered.keys(), ticked)
    else:
        text = voice.gettext("Please tick at least one event. For none at all, take a pause or leave below.")
        raise NotSaved("events", text)
    topics = {audience.kind_topic(kind) for kind in look.kinds}
    muted = (found.muted - topics) | {audience.kind_topic(kind) for kind in silent}
    return choices.of(everything=found.everything, followed=found.followed, muted=muted)


def _are_as_shown(
    person: Preferences,
    scope: str,
    look: Look,
    offered: Collection[Event],
    ticked: Collection[str],
    silent: Collection[str],
) -> bool:
    return (
        (scope == "everything") is person.everything
        and ticked == {event.slug for event in offered if comes(person, event)}
        and silent == {kind for kind, _, is_wanted in kinds(person, look) if not is_wanted}
    )


def _everything_but(
    person: Preferences, look: Look, offered: Mapping[str, Event], ticked: Collection[str], silent: Collection[str]
) -> Choices:
    """Everything, but for the events that are not ticked.

    Below a kind that is silent, or was until now, a tick says nothing of its event, unless it was set although the
    kind was silent already: then the event is wanted by name.
    """
    was_silent = {kind for kind in look.kinds if audience.kind_topic(kind) in person.muted}
    told = {slug for slug, event in offered.items() if event.kind not in was_silent.union(silent)}
    by_name = {slug for slug in ticked if offered[slug].kind in was_silent.intersection(silent)}
    return choices.of(
        everything=True,
        followed=(person.followed - offered.keys()) | by_name,
        muted=(person.muted - told - by_name) | (told - set(ticked)),
    )


def _only(person: Preferences, look: Look, offered: Collection[str], ticked: Collection[str]) -> Choices:
    kept = person.followed - set(offered)
    if person.everything:  # what is over was followed too, and its thanks may be still to come
        kept |= {event.slug for event in look.events} - set(offered) - person.muted
    return choices.of(everything=False, followed=kept | set(ticked), muted=person.muted - set(offered))
