"""What people do with the mails they get: most read, some leave, choose, complain, or turn out not to be there."""

import random
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, time, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from newsletter.demo import letters, postmasters
from newsletter.demo.browser import Browser
from newsletter.demo.clock import Agenda
from newsletter.demo.diary import Deed
from newsletter.demo.errors import DemoError
from newsletter.demo.outbox import Mail
from newsletter.demo.postmasters import Provider
from newsletter.demo.stage import Stage
from newsletter.demo.tempers import Habit

_SCANNED_MAILS = 1
_SCANNED_AFTER = timedelta(minutes=1)
_AWAY = timedelta(days=20)

Return = Callable[[str], Awaitable[None]]
"""Joins again under an address."""


class Readers:
    """Everybody who gets mailings."""

    def __init__(self, stage: Stage, agenda: Agenda, come_back: Return) -> None:
        hook = stage.settings.webhooks
        self._stage = stage
        self._agenda = agenda
        self._come_back = come_back
        self._browser = Browser(stage.client)
        self._provider = Provider(stage.client, hook.postmark_username, hook.postmark_password.get_secret_value())
        self._read: Counter[str] = Counter()
        self._habits: dict[Habit, Callable[[Mail], Awaitable[None]]] = {
            Habit.ONE_CLICK: self._press_unsubscribe,
            Habit.PAGE: self._leave_by_page,
            Habit.CHOOSE: self._choose,
            Habit.MUTE: self._mute,
            Habit.PAUSE: self._pause,
            Habit.WEEKLY: self._choose_weekly,
            Habit.COMPLAIN: self._complain,
            Habit.BOUNCE_BY_WEBHOOK: self._bounce_by_webhook,
            Habit.BOUNCE_BY_MAIL: self._bounce_by_mail,
        }

    def notice(self, mail: Mail) -> None:
        """A mailing's mail has arrived: its reader may make up their mind to do something about it."""
        temper = self._stage.tempers.of(mail.recipient)
        self._read[mail.recipient] += 1
        # From the mailing's own moment on, not from the arrival's: how long a deferred mail waits is left to chance.
        begins = max(mail.at.replace(second=0, microsecond=0), mail.dated)
        if temper.is_behind_scanner and self._read[mail.recipient] <= _SCANNED_MAILS:
            self._agenda.at(begins + _SCANNED_AFTER, partial(self._scan, mail))
        if temper.habit in self._habits and self._read[mail.recipient] == temper.after:
            self._agenda.at(mail.dated + temper.delay, partial(self._act, temper.habit, mail))

    async def _act(self, habit: Habit, mail: Mail) -> None:
        if not self._stage.diary.is_gone(mail.recipient):
            await self._habits[habit](mail)

    def _dice(self, purpose: str, mail: Mail) -> random.Random:
        return self._stage.tempers.dice(purpose, mail.recipient)

    async def _scan(self, mail: Mail) -> None:
        """What gateways do: open every link before a person sees the mail. It must change nothing."""
        for url in dict.fromkeys([*letters.links(mail), letters.one_click(mail)]):
            if url.startswith(self._stage.settings.public_url):
                await self._stage.client.head(url)
                await self._stage.client.get(url)
        self._note(mail, Deed.LOOKED, "scanner")

    async def _press_unsubscribe(self, mail: Mail) -> None:
        """The mail program's own button posts by itself, as a form or in parts; some send it twice."""
        url = letters.one_click(mail)
        dice = self._dice("one click", mail)
        as_parts = dice.random() < 0.5
        for _ in range(2 if dice.random() < 0.2 else 1):
            if as_parts:
                answer = await self._stage.client.post(url, files={"List-Unsubscribe": (None, "One-Click")})
            else:
                answer = await self._stage.client.post(url, data={"List-Unsubscribe": "One-Click"})
            if answer.status_code != 200:
                raise DemoError(f"{url} answered {answer.status_code} to one click; RFC 8058 wants a 2xx")
        how = "one click, multipart" if as_parts else "one click, urlencoded"
        self._note(mail, Deed.LEFT, how)
        if self._stage.tempers.of(mail.recipient).comes_back:
            self._agenda.at(self._stage.clock() + _AWAY, partial(self._come_back, mail.recipient))

    async def _leave_by_page(self, mail: Mail) -> None:
        """The link at the foot of the mail, in its HTML or its plain text, and the button behind it."""
        in_html = self._dice("page", mail).random() < 0.7
        page = await self._browser.open(letters.link(mail, "unsubscribe", in_html=in_html))
        await self._browser.press(page, *page.button("Leave"))
        self._note(mail, Deed.LEFT, "page")

    async def _choose(self, mail: Mail) -> None:
        """Tick what is wanted and nothing else."""
        page = await self._browser.open(letters.link(mail, "preferences"))
        if not page.has(value="choices"):
            return  # the last event is over: there is nothing left to choose
        form, button = page.button(value="choices")
        offered = frozenset(form.choices["events"])
        dice = self._dice("choose", mail)
        ticked = frozenset(dice.sample(sorted(offered), k=dice.randint(1, min(3, len(offered)))))
        await self._browser.press(page, form, button, {"scope": ["some"], "events": sorted(ticked)})
        self._note(mail, Deed.CHOSE, "page", topics=ticked, offered=offered)

    async def _choose_weekly(self, mail: Mail) -> None:
        """One mail a week in place of each."""
        page = await self._browser.open(letters.link(mail, "preferences"))
        form, button = page.button(value="rhythm")
        await self._browser.press(page, form, button, {"rhythm": ["weekly"]})
        self._note(mail, Deed.WEEKLY, "page")

    async def _mute(self, mail: Mail) -> None:
        """Want nothing more of the event that the mail is about."""
        page = await self._browser.open(letters.link(mail, "unsubscribe"))
        await self._browser.press(page, *page.button(value="mute"))
        self._note(mail, Deed.MUTED, "page", topics=frozenset({mail.mailing.removesuffix(f"-{mail.kind}")}))

    async def _pause(self, mail: Mail) -> None:
        """Nothing at all until a day, which begins by the reader's own clock."""
        page = await self._browser.open(letters.link(mail, "preferences"))
        zone = ZoneInfo(page.value("timezone") or self._stage.timetable.zone.key)
        day = self._stage.clock().astimezone(zone).date() + timedelta(days=self._dice("pause", mail).randint(7, 40))
        form, button = page.button("Pause until")
        await self._browser.press(page, form, button, {"until": [day.isoformat()]})
        self._note(mail, Deed.PAUSED, "page", until=datetime.combine(day, time(), zone))

    async def _complain(self, mail: Mail) -> None:
        await self._provider.complained(mail, self._stage.clock())
        self._note(mail, Deed.COMPLAINED, "webhook")

    async def _bounce_by_webhook(self, mail: Mail) -> None:
        await self._provider.bounced(mail, self._stage.clock())
        self._note(mail, Deed.BOUNCED, "webhook")

    async def _bounce_by_mail(self, mail: Mail) -> None:
        postmasters.send_back(mail, self._stage.clock(), self._stage.folder.bounces)
        self._note(mail, Deed.BOUNCED, "mail")

    def _note(
        self,
        mail: Mail,
        deed: Deed,
        how: str,
        *,
        topics: frozenset[str] = frozenset(),
        offered: frozenset[str] = frozenset(),
        until: datetime | None = None,
    ) -> None:
        diary = self._stage.diary
        diary.note(mail.recipient, deed, how, mailing=mail.mailing, topics=topics, offered=offered, until=until)
