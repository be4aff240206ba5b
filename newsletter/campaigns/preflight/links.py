"""Where a mail's links lead, as far as they say so themselves."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from newsletter.calendars import adding
from newsletter.campaigns.preflight.findings import Finding, Rule, error, warning
from newsletter.campaigns.preflight.mail import Mail

_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


def check(mail: Mail) -> Iterator[Finding]:
    """Links that are empty, relative, unencrypted, without words, or another event's."""
    others = _of_other_events(mail)
    for link in mail.outline.links:
        shown = link.words or "a link"
        target = urlsplit(link.href)
        if not link.href or link.href == "#":
            yield error(Rule.LINK_EMPTY, f"“{shown}” leads nowhere: its href is empty")
        elif target.scheme not in ("http", "https", "mailto", "tel"):
            yield error(Rule.LINK_RELATIVE, f"“{shown}” leads to {link.href}, which is no address in a mail: https://…")
        elif target.scheme == "http" and link.href not in mail.own_links and target.hostname not in _LOCAL:
            yield warning(Rule.LINK_HTTP, f"“{shown}” leads to {link.href} without encryption; https:// is right")
        if link.href and not link.words:
            yield error(Rule.LINK_EMPTY, f"the link to {link.href} has no words")
        if link.href in others:
            yield error(
                Rule.LINK_OTHER_EVENT,
                f"“{shown}” leads to {link.href}, which belongs to {others[link.href]}, not to this event",
            )
    if any(urlsplit(href).hostname in _LOCAL for href in mail.own_links):
        yield warning(
            Rule.LINK_HTTP,
            f"readers' own links lead to {mail.facts.public_url}, which only this machine can open: public_url",
        )


def to_reach(mail: Mail) -> set[str]:
    """The addresses of a mail, and of its pictures, that anybody may try; our own pages are one, their health.

    Not the forms of calendars on the web: they are there for any event, and need not be within this machine's reach.
    """
    found = {link.href for link in mail.outline.links} | {image.src for image in mail.outline.images}
    ours = f"{mail.facts.public_url}/"
    known = (ours, adding.GOOGLE, adding.OUTLOOK)
    elsewhere = {href for href in found if re.match(r"https?://", href) and not href.startswith(known)}
    return {*elsewhere, f"{ours}health"}


def _of_other_events(mail: Mail) -> dict[str, str]:
    """The addresses that are told of some other event only; what lists events may name all of them."""
    event = mail.facts.event
    if event is None:
        return {}
    listed = {event.slug, *(one.slug for one in mail.facts.upcoming)}
    mine = {url for one in mail.facts.constellation.events if one.slug in listed for url in (one.url, one.place.online)}
    mine |= {event.url, event.place.online}
    return {
        url: other.title
        for other in mail.facts.constellation.events
        if other.slug not in listed
        for url in (other.url, other.place.online)
        if url and url not in mine
    }
