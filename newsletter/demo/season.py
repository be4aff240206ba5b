"""The season itself: the clock goes from one thing that is due to the next, and everybody does what they do."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from newsletter.campaigns import digests
from newsletter.constellation import schedule
from newsletter.delivery import ledger, transactional
from newsletter.demo import roster, visitors
from newsletter.demo.clock import ENDS, Agenda
from newsletter.demo.comers import Comers
from newsletter.demo.diary import Deed
from newsletter.demo.readers import Readers
from newsletter.demo.roster import Listed
from newsletter.demo.stage import Stage
from newsletter.demo.visitors import Visitors

_MINUTE = timedelta(minutes=1)
_IMPATIENCE = timedelta(seconds=30)

Watch = Callable[[datetime], None]
"""Is told each time the clock has moved and all that was due then is done."""


def enter(stage: Stage) -> Sequence[Listed]:
    """Note in the diary who came by the import, as the demo itself reads the spreadsheet."""
    listed = roster.read(stage.folder.people)
    for one in listed:
        deed = Deed.AGREED if one.has_agreed else Deed.LISTED
        stage.diary.note(one.address, deed, "import", topics=one.topics)
    return listed


async def play(stage: Stage, listed: Sequence[Listed], watch: Watch) -> None:
    """Play it to its end. Raises DemoError when somebody meets a page that does not work."""
    agenda = Agenda()
    joining = Visitors(stage, agenda)
    reading = Readers(stage, agenda, joining.come_back)
    coming = Comers(stage, agenda)
    joining.expect(visitors.invent(stage, listed))
    while (moment := await _next(stage, agenda)) is not None and moment <= ENDS:
        stage.clock.forward_to(moment)
        for action in agenda.take_due(stage.clock()):
            await action()
        await stage.engine.tick()
        for mail in stage.outbox.take_arrived():
            if mail.mailing:
                reading.notice(mail)
                coming.notice(mail)
            else:
                joining.notice(mail)
        watch(stage.clock())


async def _next(stage: Stage, agenda: Agenda) -> datetime | None:
    """The next moment at which anything is due, for people or for the service.

    What the service tries again is gathered to the full minute: nobody minds, and mails that were put off together
    go together.
    """
    async with stage.database.read() as connection:
        planned = [await schedule.next_due(connection), await digests.next_due(connection, stage.clock())]
        again = [await ledger.next_due(connection), await transactional.next_due(connection)]
    moments = [_full_minute(moment) for moment in again if moment is not None]
    moments += [moment for moment in (*planned, agenda.next_at) if moment is not None]
    if not moments:
        return None
    soonest = min(moments)
    return soonest if soonest > stage.clock() else stage.clock() + _IMPATIENCE


def _full_minute(moment: datetime) -> datetime:
    floor = moment.replace(second=0, microsecond=0)
    return floor if floor == moment else floor + _MINUTE
