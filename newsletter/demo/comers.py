"""Readers who are asked whether they come: some say so on the page behind their mail, and some think better of it."""

from collections.abc import Iterator
from functools import partial

from newsletter.demo import letters
from newsletter.demo.browser import Browser, Page
from newsletter.demo.clock import Agenda
from newsletter.demo.diary import Deed
from newsletter.demo.errors import DemoError
from newsletter.demo.outbox import Mail
from newsletter.demo.stage import Stage
from newsletter.demo.timetable import Gathering

_TOLD = {
    "You are coming": "going",
    "You may be coming": "maybe",
    "You are not coming": "not",
    "You are on the waiting list": "waiting",
}
"""How a page says what an answer came to."""


class Comers:
    """Everybody who is asked; each once for an event, by the first mail that asks them."""

    def __init__(self, stage: Stage, agenda: Agenda) -> None:
        self._stage = stage
        self._agenda = agenda
        self._browser = Browser(stage.client)
        self._asking = [one for one in stage.timetable.gatherings if one.places is not None]
        self._digests = {one.name for one in stage.timetable.mailings if one.gathers}
        self._asked: set[tuple[str, str]] = set()

    def notice(self, mail: Mail) -> None:
        """A mailing's mail has arrived; if it asks, its reader makes up their mind."""
        for gathering in self._asks(mail):
            person = (mail.recipient, gathering.slug)
            if person in self._asked:
                continue
            self._asked.add(person)
            reply = self._stage.tempers.reply(mail.recipient)
            says_at = mail.dated + reply.delay
            if reply.wish:
                self._agenda.at(says_at, partial(self._say, mail, gathering, reply.wish))
            if reply.wish == "going" and reply.is_taken_back:
                self._agenda.at(says_at + reply.taken_back_after, partial(self._say, mail, gathering, "not"))

    def _asks(self, mail: Mail) -> Iterator[Gathering]:
        for gathering in self._asking:
            is_invitation = mail.mailing == f"{gathering.slug}-invitation"
            if is_invitation or (mail.mailing in self._digests and gathering.title in letters.text(mail)):
                yield gathering

    async def _say(self, mail: Mail, gathering: Gathering, wish: str) -> None:
        """Follow the mail's link and press the button. From a digest, it leads to the page of all they chose."""
        if self._stage.diary.is_gone(mail.recipient):
            return
        own = mail.mailing not in self._digests
        url = letters.link(mail, "rsvp") if own else letters.link(mail, "preferences", ending="#rsvp")
        page = await self._browser.open(f"{url.partition('?')[0]}?answer={wish}" if own else url)
        told = await self._press(page, gathering.slug, wish)
        self._stage.diary.note(
            mail.recipient, Deed.ANSWERED, told, mailing=mail.mailing, topics=frozenset({gathering.slug})
        )

    async def _press(self, page: Page, slug: str, wish: str) -> str:
        for form in page.forms:
            button = next((one for one in form.buttons if one.value == wish), None)
            if button is None or dict(form.fields).get("event", slug) != slug:
                continue
            shown = await self._browser.press(page, form, button)
            for words, told in _TOLD.items():
                if words in shown.text:
                    return told
            raise DemoError(f"{shown.url} ({shown.status}) does not say what became of “{wish}”: {shown.text[:200]}")
        raise DemoError(f"{page.url} ({page.status}) does not ask who comes to {slug}: {page.text[:200]}")
