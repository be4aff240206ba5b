"""What was typed into the form, and what is not right in it yet, told beside each field in the visitor's language."""

from dataclasses import dataclass
from datetime import datetime

from newsletter.catalogues import N_, Voice
from newsletter.setting_tables import Joining
from newsletter.suggest import nearest
from newsletter.web import mail_domains, zones
from newsletter.web.forms import Form
from newsletter.web.look import Look
from newsletter.web.mail_domains import MailDomains
from subscribers import addresses, audience, names
from subscribers.addresses import AddressError

Errors = dict[str, str]
"""What is wrong, by the name of the field it belongs beside."""


TRAP = "homepage"
"""A field that people do not see; robots fill it in, and are answered like everyone."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What was typed, kept to fill the form in again."""

    email: str = ""
    first_name: str = ""
    last_name: str = ""
    role: str = ""
    timezone: str = ""
    everything: bool = True
    topics: tuple[str, ...] = ()


def of(form: Form) -> Entry:
    """The fields as they were sent."""
    topics = form.many("topics")
    chosen = form.text("scope")
    return Entry(
        email=form.text("email"),
        first_name=form.text("first_name"),
        last_name=form.text("last_name"),
        role=form.text("role"),
        timezone=form.text("timezone") or _guessed_zone(form),
        everything=chosen == "everything" if chosen else not topics or audience.EVERYTHING in topics,
        topics=topics,
    )


def _guessed_zone(form: Form) -> str:
    """The zone of the browser; nobody chose it, so that one we do not know is no mistake to tell of."""
    guess = form.text("browser_timezone")
    return guess if guess in zones.known() else ""


def errors(entry: Entry, look: Look, voice: Voice) -> Errors:
    """Everything that is not right; empty when all of it is."""
    found: Errors = {}
    try:
        addresses.parse(entry.email)
    except AddressError:
        found["email"] = _of_address(entry.email, voice)
    found |= of_names(voice, first_name=entry.first_name, last_name=entry.last_name)
    if look.form.roles and entry.role not in {"", *(role.word for role in look.form.roles)}:
        found["role"] = voice.gettext("Please choose from the list, or nothing.")
    if entry.timezone and entry.timezone not in zones.known():
        found["timezone"] = voice.gettext("Please choose a time zone from the list.")
    if not entry.everything:
        found |= _of_topics(entry.topics, look, voice)
    return found


_NO_NAME = {
    names.Fault.ADDRESS: N_("Only the name here, please: no web or e-mail address."),
    names.Fault.UNSEEN: N_(
        "Something in it cannot be seen, such as a tab or a mark of direction: please type it rather than paste it."
    ),
}


def of_names(voice: Voice, **typed: str) -> Errors:
    """What is no name, by its field: a mail would greet its reader with a link."""
    found = ((field, names.fault(name)) for field, name in typed.items())
    return {field: voice.gettext(_NO_NAME[fault]) for field, fault in found if fault is not None}


async def of_mail(domains: MailDomains, email: str, joining: Joining, voice: Voice, now: datetime) -> Errors:
    """Why an address, which is one, is not asked to confirm; empty where it is."""
    text = await mail_domains.refusal(domains, addresses.parse(email), joining, voice, now)
    return {"email": text} if text else {}


def _of_address(address: str, voice: Voice) -> str:
    """What would make it right, in words that there are in every language."""
    name, at, domain = address.rpartition("@")
    match bool(name), at, bool(domain):
        case _, "", False:
            return voice.gettext("Please fill in your e-mail address.")
        case _, "", _:
            return voice.gettext("There is no @-sign in it yet: an address looks like ana@example.org.")
        case False, _, _:
            return voice.gettext("There must be something before the @-sign.")
        case _, _, False:
            return voice.gettext("There must be something after the @-sign.")
        case _ if "." not in domain:
            return voice.gettext("What follows the @-sign is not complete yet: an address looks like ana@example.org.")
        case _:
            return voice.gettext("Please look for a slip in it: an address looks like ana@example.org.")


def _of_topics(topics: tuple[str, ...], look: Look, voice: Voice) -> Errors:
    slugs = {event.slug for event in look.events}
    unknown = [topic for topic in topics if topic not in slugs]
    if unknown:
        better = nearest(unknown[0], slugs)
        text = voice.gettext("There is no event “%(name)s” any more.", name=unknown[0][:60])
        hint = voice.gettext("Did you mean %(name)s?", name=better) if better else ""
        return {"topics": f"{text} {hint}".rstrip()}
    return {} if topics else {"topics": voice.gettext("Please tick at least one event, or choose everything.")}
