"""What would start by itself is checked first: with an error it waits for staff, who are told once, and then goes."""

import email
import email.policy
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from structlog.testing import capture_logs

from newsletter import assets
from newsletter.campaigns import digests, holding, lifecycle, replanning, store, writing
from newsletter.campaigns.preflight import running
from newsletter.constellation import editing, schedule
from newsletter.constellation.model import Constellation
from newsletter.database import Database
from newsletter.engine import embedded, parts
from newsletter.engine.embedded import Engine
from newsletter.setting_tables import Preflight
from newsletter.settings import Settings
from newsletter.tables import held
from subscribers import consent
from subscribers.tables import choice, subscriber
from tests.servers import web_server

DUE = datetime(2021, 1, 6, 14, tzinfo=UTC)
"""Nine in New York: the opening's save the date."""

SAVE_THE_DATE = "opening/save-the-date"


@dataclass
class Desk:
    """An engine over the sample season, staff's own templates, and what the relay got."""

    engine: Engine
    server: Any
    clock: Any
    templates: Path

    def write(self, kind: str, body: str) -> None:
        """Staff's own text part of a kind of mail."""
        folder = self.templates / "mail" / kind
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "body.mjml").write_text(body, encoding="utf-8")

    def break_(self, kind: str, only: str = "") -> None:
        """A picture that nobody who does not see it is told of; `only` if that holds."""
        body = assets.TEMPLATES / "mail" / kind / "body.mjml"
        good = body.read_text(encoding="utf-8")
        bad = f'{only}<mj-image src="https://example.org/a.png" />{"{% endif %}" if only else ""}'
        self.write(kind, good.replace("{% block body %}", "{% block body %}\n" + bad))

    def mend(self, kind: str) -> None:
        (self.templates / "mail" / kind / "body.mjml").unlink()

    async def at(self, moment: datetime) -> list[tuple[str, str]]:
        """One round at a moment: who got which subject."""
        before = len(self.server.received)
        self.clock.now = moment
        await self.engine.tick()
        mails = [
            email.message_from_bytes(one.data, policy=email.policy.default) for one in self.server.received[before:]
        ]
        return [(mail["To"].addresses[0].username, str(mail["Subject"])) for mail in mails]

    def text(self) -> str:
        """The last mail."""
        data = self.server.received[-1].data
        body = email.message_from_bytes(data, policy=email.policy.default).get_body(("plain",))
        return " ".join(body.get_content().split()) if body is not None else ""

    async def held(self) -> dict[str, holding.Held]:
        async with self.engine.database.read() as connection:
            return await holding.listed(connection)

    async def campaign(self, slug: str) -> store.Campaign:
        async with self.engine.database.read() as connection:
            return await store.find(connection, slug)

    async def state(self, event: str, kind: str) -> str:
        async with self.engine.database.read() as connection:
            plan = await schedule.upcoming(connection, every=True)
        return next(mail.state for mail in plan if (mail.slug, mail.kind) == (event, kind))


@pytest.fixture
async def desk(
    database: Database,
    settings: Settings,
    smtp_server: Any,
    constellation: Constellation,
    add_people: Any,
    clock: Any,
    tmp_path: Path,
) -> AsyncIterator[Desk]:
    clock.now = datetime(2021, 1, 1, 12, tzinfo=UTC)
    (tmp_path / "own").mkdir()
    async with smtp_server() as server:
        settings = settings.model_copy(update={"smtp": server.settings, "templates": tmp_path / "own"})
        async with embedded.opened(settings, database, clock) as engine:
            async with database.begin() as connection:
                await replanning.load(connection, settings, constellation, clock(), actor="ana")
                for number in await add_people(connection, 2, clock()):
                    await consent.record(connection, number, "confirmed", actor="person", now=clock())
            yield Desk(engine, server, clock, tmp_path / "own")


async def test_a_planned_mail_with_an_error_is_held_staff_are_told_once_and_mended_it_goes_by_itself(
    desk: Desk, constellation: Constellation
) -> None:
    desk.break_("save-the-date")
    ((to, subject),) = await desk.at(DUE)
    assert to == constellation.contact.partition("@")[0]
    assert subject == f"Not sent: {SAVE_THE_DATE} (alt-text)"
    assert f"newsletter campaign send {SAVE_THE_DATE} --force REASON" in desk.text()
    assert "was due at Wed 2021-01-06 09:00 EST, and" in desk.text()
    assert "until Wed 2021-01-06 15:00 EST" in desk.text()
    one = (await desk.held())[SAVE_THE_DATE]
    assert (one.held_at, one.due_at, one.rules) == (DUE, DUE, ("alt-text",))
    assert one.said == "held: alt-text"
    assert await desk.at(DUE + timedelta(seconds=1)) == []
    assert await desk.at(DUE + timedelta(minutes=2)) == [], "looked at again, and not told again"
    assert (await desk.held())[SAVE_THE_DATE].looked_at == DUE + timedelta(minutes=2)
    desk.mend("save-the-date")
    assert await desk.at(DUE + timedelta(minutes=2, seconds=30)) == [], "it was looked at a moment ago"
    arrived = await desk.at(DUE + timedelta(minutes=4))
    assert sorted(who for who, _ in arrived) == ["p0", "p1"]
    assert (await desk.held(), await desk.state("opening", "save-the-date")) == ({}, "started")


async def test_a_template_that_does_not_compile_is_held_too(desk: Desk) -> None:
    desk.write("save-the-date", "<mjml><mj-body>{{ evnt.title }}</mj-body></mjml>")
    assert [subject for _, subject in await desk.at(DUE)] == [f"Not sent: {SAVE_THE_DATE} (template)"]
    assert "did you mean event?" in desk.text()


async def test_a_warning_holds_nothing(desk: Desk) -> None:
    body = (assets.TEMPLATES / "mail" / "save-the-date" / "body.mjml").read_text(encoding="utf-8")
    desk.write(
        "save-the-date",
        body.replace("{% block body %}", '{% block body %}<mj-text><a href="http://x.example/">x</a></mj-text>'),
    )
    assert len(await desk.at(DUE)) == 2
    assert await desk.held() == {}


async def test_what_it_links_to_is_asked_for_and_who_does_not_answer_holds_up_nobody(
    desk: Desk, constellation: Constellation, tmp_path: Path
) -> None:
    asking = Preflight(network=True, patience=timedelta(seconds=60), spamassassin=False)
    words = "---\nsubject: A word\npreheader: One word before the holidays.\n---\nSee [this]({}) and [that]({}).\n"
    async with web_server() as url:
        ours = {"public_url": f"{url}/200/ours", "preflight": asking}
        settings = desk.engine.settings.model_copy(update=ours)
        starter = replace(desk.engine.starter, settings=settings, paper=parts.stationery(settings), longest=1.0)
        desk.engine = replace(desk.engine, starter=starter)
        async with desk.engine.database.begin() as connection:
            season = replace(constellation, website=f"{url}/200")
            await replanning.load(connection, settings, season, desk.clock(), actor="ana")
            for name, status in (("dead", 404), ("alive", 200)):
                (tmp_path / f"{name}.md").write_text(words.format(f"{url}/{status}", f"{url}/slow"))
                letter = writing.read(tmp_path / f"{name}.md", season, "")
                draft = await writing.draft(connection, letter, now=desk.clock())
                await lifecycle.schedule(connection, draft, desk.clock() + timedelta(hours=1))
        arrived = await desk.at(desk.clock() + timedelta(hours=1))
    told = ("hello", "Not sent: dead (link-unreachable)")
    assert sorted(arrived) == [told, ("p0", "A word"), ("p1", "A word")], "who does not answer in time is no error"
    assert {slug: [fault.text for fault in one.faults] for slug, one in (await desk.held()).items()} == {
        "dead": [f"{url}/404 answers 404"]
    }


async def test_what_is_held_past_its_grace_is_skipped_and_said(desk: Desk) -> None:
    desk.break_("save-the-date")
    await desk.at(DUE)
    desk.mend("save-the-date")
    with capture_logs() as logs:
        assert await desk.at(DUE + schedule.GRACE + timedelta(seconds=1)) == []
    assert [line["reason"] for line in logs if line["event"] == "planned mail skipped"] == [
        "it would come too late: it was held for alt-text"
    ]
    assert (await desk.held(), await desk.state("opening", "save-the-date")) == ({}, "skipped")


async def test_who_lets_it_go_by_hand_ends_the_hold_and_the_plan_sends_it_no_more(desk: Desk) -> None:
    desk.break_("save-the-date")
    await desk.at(DUE)
    async with desk.engine.database.begin() as connection:
        draft = await store.find(connection, SAVE_THE_DATE)
        await lifecycle.start(connection, desk.engine.settings, draft, now=desk.clock())
    assert len(await desk.at(DUE + timedelta(minutes=5))) == 2
    assert await desk.at(DUE + timedelta(minutes=10)) == []
    assert (await desk.held(), await desk.state("opening", "save-the-date")) == ({}, "started")


async def test_what_staff_scheduled_is_held_unless_they_said_that_this_rule_may_be_broken(desk: Desk) -> None:
    desk.break_("thanks")
    async with desk.engine.database.begin() as connection:
        for name, forgiven in (("one", ()), ("two", ("alt-text",)), ("three", ("size",))):
            draft = await store.draft(connection, "opening", "thanks", now=desk.clock(), suffix=name)
            await lifecycle.schedule(connection, draft, DUE - timedelta(days=1), forgiven=forgiven)
    arrived = await desk.at(DUE - timedelta(days=1))
    assert len([subject for _, subject in arrived if subject.startswith("Thank you")]) == 2
    assert set(await desk.held()) == {"opening/thanks-one", "opening/thanks-three"}
    with capture_logs() as logs:
        await desk.at(DUE - timedelta(days=1) + schedule.GRACE)
    assert {line["campaign"] for line in logs if line["event"] == "scheduled campaign skipped"} == {
        "opening/thanks-one",
        "opening/thanks-three",
    }
    assert (await desk.campaign("opening/thanks-one")).status == "cancelled"


async def test_a_digest_is_held_and_goes_when_it_is_mended(desk: Desk) -> None:
    async with desk.engine.database.begin() as connection:
        await connection.execute(update(subscriber).values(rhythm="weekly"))
    monday = datetime(2021, 1, 4, 14, tzinfo=UTC)
    desk.write("digest", "<mjml><mj-body>{{ evnt }}</mj-body></mjml>")
    assert [subject for _, subject in await desk.at(monday)] == ["Not sent: digest/2021-01-04 (template)"]
    assert await desk.at(monday + timedelta(minutes=2)) == []
    async with desk.engine.database.read() as connection:
        assert await digests.next_due(connection, desk.clock()) == monday
    desk.mend("digest")
    arrived = await desk.at(monday + timedelta(minutes=4))
    assert [subject.split(":")[0] for _, subject in arrived] == ["Your week"] * 2
    assert await desk.held() == {}


async def test_a_digest_is_looked_at_with_the_items_that_somebody_gets(desk: Desk) -> None:
    async with desk.engine.database.begin() as connection:
        await connection.execute(update(subscriber).values(rhythm="weekly"))
        first = select(subscriber.c.id).where(subscriber.c.address == "p0@example.org").scalar_subquery()
        await connection.execute(update(choice).where(choice.c.subscriber_id == first).values(topic="equity-lab"))
    desk.break_("digest", only="{% if items|length == 1 %}")
    monday = datetime(2021, 2, 22, 14, tzinfo=UTC)
    assert [subject for _, subject in await desk.at(monday)] == ["Not sent: digest/2021-02-22 (alt-text)"]
    async with desk.engine.database.read() as connection:
        draft, engine = await store.find(connection, "digest/2021-02-22"), desk.engine
        seen = await running.gather(connection, engine.settings, engine.starter.paper, draft, monday)
    assert [(mail.reader, mail.people) for mail in running.mails(seen)] == [("en, of equity-lab only", 1), ("en", 1)]
    (fault,) = [one for one in (await running.check(seen, engine.settings, [])).findings if one.rule == "alt-text"]
    assert fault.readers == ("en, of equity-lab only",)
    desk.mend("digest")
    assert len(await desk.at(monday + timedelta(minutes=2))) == 2


async def test_a_digest_that_is_held_past_its_grace_is_skipped_and_the_next_tells_what_is_of_use(desk: Desk) -> None:
    async with desk.engine.database.begin() as connection:
        await connection.execute(update(subscriber).values(rhythm="weekly"))
    monday = datetime(2021, 1, 4, 14, tzinfo=UTC)
    week = timedelta(weeks=1)
    assert len(await desk.at(monday)) == 2
    await desk.at(monday + week)
    desk.write("digest", "<mjml><mj-body>{{ evnt }}</mj-body></mjml>")
    assert len(await desk.at(monday + 2 * week)) == 1
    with capture_logs() as logs:
        assert await desk.at(monday + 2 * week + timedelta(hours=7)) == []
    assert [line["campaign"] for line in logs if line["event"] == "digest skipped"] == ["digest/2021-01-18"]
    assert (await desk.campaign("digest/2021-01-18")).status == "cancelled"
    desk.mend("digest")
    assert await desk.at(datetime(2021, 1, 20, 14, tzinfo=UTC)) == [], "the invitation is for who wants each mail"
    arrived = await desk.at(monday + 3 * week)
    assert [subject.split(":")[0] for _, subject in arrived] == ["Your week"] * 2
    assert "Opening: what is assessment for" in desk.text()


async def test_a_digest_that_is_held_goes_as_things_stand_when_staff_force_it(desk: Desk) -> None:
    async with desk.engine.database.begin() as connection:
        await connection.execute(update(subscriber).values(rhythm="weekly"))
    monday = datetime(2021, 1, 4, 14, tzinfo=UTC)
    desk.break_("digest")
    await desk.at(monday)
    async with desk.engine.database.begin() as connection:
        draft = await store.find(connection, "digest/2021-01-04")
        assert await digests.start(connection, desk.engine.settings, draft, now=desk.clock()) == 2
    assert len(await desk.at(monday + timedelta(minutes=2))) == 2
    assert await desk.at(monday + timedelta(minutes=4)) == []


async def test_an_event_that_moves_or_is_called_off_while_its_mail_is_held_frees_it(
    desk: Desk, constellation: Constellation, tmp_path: Path
) -> None:
    desk.break_("save-the-date")
    await desk.at(DUE)
    file = tmp_path / "constellation.toml"
    file.write_text((assets.TEMPLATES / "init" / "constellation.toml").read_text(encoding="utf-8"), encoding="utf-8")
    off = editing.change(file, "opening", {"cancelled": True}).constellation
    async with desk.engine.database.begin() as connection:
        await replanning.load(connection, desk.engine.settings, off, desk.clock(), actor="ana")
    assert await desk.held() == {}
    assert await desk.at(DUE + timedelta(minutes=5)) == []


async def test_staff_are_told_when_the_relay_is_back(desk: Desk) -> None:
    desk.break_("save-the-date")
    refused = desk.server.answers
    desk.server.answers = lambda verb, argument: "451 later" if verb == "RCPT" else None
    assert await desk.at(DUE) == []
    desk.server.answers = refused
    assert await desk.at(DUE + timedelta(minutes=5)) == []
    assert len(await desk.at(DUE + timedelta(minutes=11))) == 1
    async with desk.engine.database.read() as connection:
        assert await connection.scalar(select(held.c.told_at)) is not None
