"""The unconfirmed: reminded once, by a real mail, and forgotten a month later with all that was theirs."""

import email
import email.policy
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import func, insert, select

from newsletter import arrivals
from newsletter.cli import person_added
from newsletter.cli.people_import import ByMail
from newsletter.constellation import store
from newsletter.constellation.model import Constellation
from newsletter.database import Database
from newsletter.delivery import asked, transactional
from newsletter.engine import embedded
from newsletter.settings import Settings
from newsletter.tables import arrival, slowed
from newsletter.tables import asked as places
from newsletter.tables import transactional as mails
from subscribers import choices, consent, importing, preferences, refusing, signup, suppression
from subscribers.addresses import parse
from subscribers.suppression import Reason
from subscribers.tables import choice, subscriber
from subscribers.tables import consent as evidence
from tests import hashes

HASH_KEY = "h" * 40

Ask = Callable[..., Awaitable[int]]


@pytest.fixture
async def ask(database: Database, constellation: Constellation, clock: Any) -> Ask:
    """Somebody asks to join by the form."""
    async with database.begin() as connection:
        await store.load(connection, constellation, clock())

    async def ask(address: str = "ana@example.org") -> int:
        async with database.begin() as connection:
            request = signup.Request(parse(address), "form", first_name="Ana")
            due = await signup.join(connection, request, hash_key=HASH_KEY, now=clock())
            await transactional.answer(connection, due, now=clock(), most_a_day=3, hash_key=HASH_KEY)
            found = select(subscriber.c.id).where(subscriber.c.address == address)
            return int(await connection.scalar(found) or 0)

    return ask


@pytest.fixture
async def engine(database: Database, settings: Settings, smtp_server: Any, clock: Any) -> Any:
    """An engine over a real mail server; what arrived is `engine.received`."""
    async with (
        smtp_server() as server,
        embedded.opened(settings.model_copy(update={"smtp": server.settings}), database, clock) as opened,
    ):

        class Watched:
            tick = opened.tick

            @property
            def subjects(self) -> list[str]:
                parsed = [email.message_from_bytes(one.data, policy=email.policy.default) for one in server.received]
                return [str(one["Subject"]) for one in parsed]

            @property
            def recipients(self) -> list[str]:
                return [one.rcpt_to for one in server.received]

            @property
            def texts(self) -> list[str]:
                parsed = [email.message_from_bytes(one.data, policy=email.policy.default) for one in server.received]
                return [" ".join(one.get_body(("plain",)).get_content().split()) for one in parsed]

            @property
            def text(self) -> str:
                last = email.message_from_bytes(server.received[-1].data, policy=email.policy.default)
                return last.get_body(("plain",)).get_content()

        yield Watched()


async def count(database: Database, table: Any) -> int:
    async with database.read() as connection:
        return await connection.scalar(select(func.count()).select_from(table)) or 0


async def test_whoever_has_not_confirmed_is_reminded_once_after_two_days(engine, ask, clock) -> None:
    await ask()
    await engine.tick()
    clock.forward(days=1, hours=23)
    await engine.tick()
    assert len(engine.subjects) == 1
    clock.forward(hours=1)
    await engine.tick()
    assert len(engine.subjects) == 2
    assert engine.subjects[1].startswith("Still interested?")
    assert re.search(r"https://news\.example\.org/confirm/\S+", engine.text)
    assert re.search(r"https://news\.example\.org/refuse/[0-9a-f]{32}\.\S+", engine.text)
    for _ in range(6):
        clock.forward(days=1)
        await engine.tick()
    assert len(engine.subjects) == 2


async def test_nobody_is_reminded_who_has_confirmed_refused_or_cannot_be_reached(
    engine, ask, database, clock, settings
) -> None:
    confirmed, refused, bounced = [await ask(f"{name}@example.org") for name in ("in", "refused", "bounced")]
    await engine.tick()
    async with database.begin() as connection:
        assert await signup.confirm(connection, confirmed, ip="", now=clock())
        theirs = {number: await _hash(connection, number) for number in (refused, bounced)}
        await refusing.refuse(connection, theirs[refused], ip="", now=clock())
        await suppression.suppress(connection, theirs[bounced], Reason.HARD_BOUNCE, at=clock())
    clock.forward(days=3)
    await engine.tick()
    assert len(engine.subjects) == 3


async def _hash(connection: Any, number: int) -> str:
    return str(await connection.scalar(select(subscriber.c.hash).where(subscriber.c.id == number)))


async def test_who_was_asked_often_enough_today_is_reminded_later_and_holds_up_nobody(
    engine, ask, database, clock
) -> None:
    await ask("ana+news@example.org")
    await ask("ben@example.org")
    await engine.tick()
    clock.forward(days=1, hours=12)
    async with database.begin() as connection:  # as strangers have her asked under other spellings
        for _ in range(3):
            assert await asked.take(connection, hashes.of("ana@example.org"), now=clock(), most_a_day=3)
    clock.forward(hours=12)
    await engine.tick()
    assert engine.recipients[2:] == ["ben@example.org"]
    clock.forward(hours=12)
    await engine.tick()
    assert engine.recipients[3:] == ["ana+news@example.org"]
    clock.forward(days=2)
    await engine.tick()
    assert len(engine.recipients) == 4
    assert await count(database, places) == 0


async def test_whoever_asks_again_is_reminded_two_days_after_that(engine, ask, clock) -> None:
    await ask()
    await engine.tick()
    clock.forward(days=1)
    await ask()
    await engine.tick()
    clock.forward(days=1)
    await engine.tick()
    assert len(engine.subjects) == 2
    clock.forward(days=1)
    await engine.tick()
    assert len(engine.subjects) == 3


async def test_whoever_asks_again_after_our_reminder_is_promised_no_other(engine, ask, clock) -> None:
    await ask()
    await engine.tick()
    assert "we remind you once" in engine.text
    clock.forward(days=2)
    await engine.tick()
    await ask()
    await engine.tick()
    assert engine.subjects[2].startswith("Please confirm")
    assert "remind" not in engine.text
    assert "without your yes we send nothing more" in " ".join(engine.text.split())


async def test_the_mails_to_one_person_say_what_is_true_of_them(engine, database, ask, clock) -> None:
    ana = await ask()
    async with database.begin() as connection:
        await choices.replace(connection, ana, choices.of_topics(["opening"]))
        await signup.confirm(connection, ana, ip="", now=clock())
        await transactional.enqueue(connection, ana, transactional.Kind.WELCOME, now=clock(), most_a_day=3)
        await transactional.enqueue(connection, ana, transactional.Kind.LINK, now=clock(), most_a_day=3)
    await engine.tick()
    assert "about what you chose" in engine.texts[1]
    assert "take a pause, or leave" in engine.texts[2]
    async with database.begin() as connection:
        await preferences.leave(connection, ana, source="page", now=clock())
        await transactional.enqueue(connection, ana, transactional.Kind.LINK, now=clock(), most_a_day=3)
    await engine.tick()
    assert "take a pause" not in engine.texts[-1]
    assert "You have left" in engine.texts[-1]
    assert re.search(r"https://news\.example\.org/account/\S+", engine.texts[-1])


async def test_whoever_was_imported_is_not_reminded_of_what_they_never_asked_for(engine, database, ask, clock) -> None:
    number = await ask()
    async with database.begin() as connection:
        imported = await connection.scalar(
            insert(subscriber)
            .values(
                address="bo@example.org", normal="bo@example.org", hash="b" * 32, status="pending", joined_at=clock()
            )
            .returning(subscriber.c.id)
        )
        await consent.record(connection, imported, consent.Action.IMPORTED, actor=consent.Actor.STAFF, now=clock())
        await transactional.ask(connection, [imported], now=clock())
    assert number
    await engine.tick()
    clock.forward(days=3)
    await engine.tick()
    assert [subject.partition(" ")[0] for subject in engine.subjects].count("Still") == 1


async def test_a_month_later_nothing_is_left_of_who_never_confirmed(engine, database, ask, clock) -> None:
    await ask()
    await engine.tick()
    clock.forward(days=29)
    await engine.tick()
    assert await count(database, subscriber) == 1
    clock.forward(days=1)
    await engine.tick()
    for table in (subscriber, choice, evidence, mails):
        assert await count(database, table) == 0, table.name


async def test_our_reminder_puts_nothing_off(engine, database, ask, clock) -> None:
    await ask()
    await engine.tick()
    for days in (2, 27):
        clock.forward(days=days)
        await engine.tick()
        assert await count(database, subscriber) == 1
    assert len(engine.subjects) == 2
    clock.forward(days=1)
    await engine.tick()
    assert await count(database, subscriber) == 0


async def test_nobody_is_forgotten_while_the_link_of_their_reminder_works(
    database, settings, smtp_server, ask, clock
) -> None:
    changed = settings.joining.model_copy(update={"forget_after": timedelta(days=3)})
    async with smtp_server() as server:
        own = settings.model_copy(update={"smtp": server.settings, "joining": changed})
        async with embedded.opened(own, database, clock) as engine:
            await ask()
            for days, people in ((0, 1), (2, 1), (6, 1), (2, 0)):
                clock.forward(days=days)
                await engine.tick()
                assert await count(database, subscriber) == people
            assert len(server.received) == 2


async def test_whoever_was_asked_after_an_import_and_forgotten_is_not_asked_by_the_next(
    engine, database, ask, clock, settings, tmp_path
) -> None:
    async def bring(text: str, **options: Any) -> importing.Report:
        file = tmp_path / "people.csv"
        file.write_text(f"email,consented_at\n{text}\n")
        return await importing.run(
            file, database=database, hash_key=HASH_KEY, now=clock(), asking=ByMail(clock()), **options
        )

    assert (await bring("bo@example.org,\ncy@example.org,")).asked == 2
    await engine.tick()
    assert len(engine.subjects) == 2
    clock.forward(days=31)
    await engine.tick()
    assert await count(database, subscriber) == 0
    for options in ({"dry_run": True}, {}, {}):
        report = await bring("bo@example.org,\ndi@example.org,", **options)
        assert (report.asked, report.unanswered) == (int(report.counts.pending == 2), 1)
    await engine.tick()
    assert len(engine.subjects) == 3
    settings = settings.model_copy(
        update={"secrets": settings.secrets.model_copy(update={"hash_key": SecretStr(HASH_KEY)})}
    )
    request = signup.Request(parse("cy@example.org"), source="command line")
    assert await person_added.run(settings, request, None, None, ask=True) == (None, False)
    assert (await bring("bo@example.org,2021-01-01")).counts.promoted == 1
    await ask("cy@example.org")  # who asks by themselves gets their mail
    await engine.tick()
    assert len(engine.subjects) == 4


async def test_whoever_gives_a_sign_or_is_in_is_not_forgotten(engine, database, ask, clock) -> None:
    member, left, waiting = [await ask(f"{name}@example.org") for name in ("in", "left", "waiting")]
    await engine.tick()
    async with database.begin() as connection:
        for number in (member, left):
            assert await signup.confirm(connection, number, ip="", now=clock())
        assert await preferences.leave(connection, left, source="page", now=clock())
    clock.forward(days=20)
    await ask("waiting@example.org")
    clock.forward(days=20)
    await engine.tick()
    assert await count(database, subscriber) == 3
    clock.forward(days=10)
    await engine.tick()
    assert await count(database, subscriber) == 2
    assert waiting


async def test_what_a_process_answered_and_did_not_come_to_is_carried_out_once(engine, ask, database, clock) -> None:
    await ask("known@example.org")
    await engine.tick()
    async with database.begin() as connection:
        wanted = signup.Request(parse("ana@example.org"), "form", topics=("opening",), fields={"role": "teacher"})
        await arrivals.keep(connection, wanted, now=clock())
        await arrivals.keep(connection, parse("known@example.org"), now=clock())
    await engine.tick()
    await engine.tick()
    assert len(engine.subjects) == 3
    assert await count(database, arrival) == 0
    async with database.read() as connection:
        person = (await connection.execute(select(subscriber).where(subscriber.c.address == "ana@example.org"))).one()
        assert (person.status, person.fields) == ("pending", {"role": "teacher"})
        assert (await preferences.read(connection, person.id)).followed == {"opening"}


@pytest.mark.parametrize("after", [timedelta(0), timedelta(hours=12)])
async def test_a_mail_promises_what_is_set_a_reminder_that_comes_and_hours_that_a_link_works(
    database, settings, smtp_server, ask, clock, after
) -> None:
    brief = settings.joining.model_copy(update={"confirm_within": timedelta(hours=12), "remind_after": after})
    async with smtp_server() as server:
        own = settings.model_copy(update={"smtp": server.settings, "joining": brief})
        async with embedded.opened(own, database, clock) as engine:
            await ask()
            await engine.tick()
            clock.forward(hours=13)
            await engine.tick()
    (mail,) = server.received
    said = " ".join(
        email.message_from_bytes(mail.data, policy=email.policy.default).get_body(("plain",)).get_content().split()
    )
    assert (
        "The link works for 12 hours. If you would rather not, do nothing: without your yes we send nothing more."
        in said
    )


async def test_both_can_be_set(database, settings, smtp_server, ask, clock) -> None:
    changed = settings.joining.model_copy(update={"remind_after": timedelta(0), "forget_after": timedelta(days=3)})
    async with smtp_server() as server:
        own = settings.model_copy(update={"smtp": server.settings, "joining": changed})
        async with embedded.opened(own, database, clock) as engine:
            await ask()
            await engine.tick()
            clock.forward(days=2, hours=12)
            await engine.tick()
            assert len(server.received) == 1
            assert await count(database, subscriber) == 1
            clock.forward(hours=13)
            await engine.tick()
    assert await count(database, subscriber) == 0


async def test_it_is_forgotten_that_receivers_asked_for_less_once_they_have_long_recovered(
    engine, database, clock
) -> None:
    async with database.begin() as connection:
        await connection.execute(
            insert(slowed),
            [
                {"to": to, "per_second": 1.0, "at": clock() - timedelta(days=days), "reply": "421 slow down"}
                for to, days in (("gmail", 2), ("yahoo", 0))
            ],
        )
    await engine.tick()
    async with database.read() as connection:
        assert list(await connection.scalars(select(slowed.c.to))) == ["yahoo"]
