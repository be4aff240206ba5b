"""Limits that hold for every process: buckets, warm-ups, quiet hours, and receivers who ask for less."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from newsletter import families
from newsletter.database import Database
from newsletter.delivery import allowance, rates, slowing
from newsletter.delivery.hours import QuietHours
from newsletter.setting_tables import Delivery, Smtp


@pytest.mark.parametrize(
    ("domain", "family"),
    [
        ("gmail.com", "gmail"),
        ("googlemail.com", "gmail"),
        ("hotmail.co.uk", "outlook"),
        ("live.fr", "outlook"),
        ("yahoo.co.jp", "yahoo"),
        ("aol.com", "yahoo"),
        ("school.example", "school.example"),
        ("notgmail.com", "notgmail.com"),
        ("gmail.com.example", "gmail.com.example"),
    ],
)
def test_domains_of_one_operator_are_one_family_and_others_stand_alone(domain: str, family: str) -> None:
    assert families.of(domain) == family


async def drawn(database: Database, wanted: int, per_second: float, now: datetime) -> int:
    async with database.begin() as connection:
        bucket = await rates.open_bucket(connection, "to gmail", per_second, now)
        mails = min(wanted, bucket.left)
        await rates.draw(connection, bucket, mails)
        return mails


async def test_a_bucket_never_gives_more_than_its_pace_however_many_draw_from_it(
    database: Database, clock: Any
) -> None:
    total = 0
    for _ in range(20):
        total += sum(await asyncio.gather(*(drawn(database, 7, 4, clock()) for _ in range(3))))
        clock.forward(seconds=0.5)
    assert total == 5 * 4 + 38, "what five seconds hold, and what half a second adds each time after the first"


async def test_a_slow_pace_gives_one_mail_at_a_time(database: Database, clock: Any) -> None:
    assert await drawn(database, 5, 1 / 60, clock()) == 1
    clock.forward(seconds=59)
    assert await drawn(database, 5, 1 / 60, clock()) == 0
    clock.forward(seconds=1)
    assert await drawn(database, 5, 1 / 60, clock()) == 1


async def given_to(
    database: Database, smtp: Smtp, most: int, now: datetime, *, urgent: bool = False
) -> tuple[int, datetime]:
    async with database.begin() as connection:
        allowed = await allowance.look(connection, "backup", smtp, {}, most, now, urgent=urgent)
        await allowance.spend(connection, allowed, allowed.left, now)
        return allowed.left, allowed.again_at


async def test_a_warm_up_allows_more_each_day_and_everything_after_its_last(database: Database, clock: Any) -> None:
    smtp = Smtp(warm_up=(20, 50), warm_up_from=date(2021, 1, 15))
    tomorrow = datetime(2021, 1, 16, tzinfo=UTC)
    assert (await given_to(database, smtp, 15, clock()))[0] == 15
    assert (await given_to(database, smtp, 15, clock()))[0] == 3
    assert await given_to(database, smtp, 15, clock()) == (0, tomorrow)
    assert (await given_to(database, smtp, 15, clock(), urgent=True))[0] == 2
    assert await given_to(database, smtp, 15, clock(), urgent=True) == (0, tomorrow)
    clock.forward(days=1)
    assert (await given_to(database, smtp, 60, clock()))[0] == 45
    clock.forward(days=1)
    assert (await given_to(database, smtp, 600, clock()))[0] == 600


async def test_a_relay_gets_as_many_a_second_as_it_takes(database: Database, clock: Any) -> None:
    smtp = Smtp(per_second=10)
    assert (await given_to(database, smtp, 150, clock()))[0] == 40
    left, again_at = await given_to(database, smtp, 150, clock())
    assert (left, again_at) == (0, clock() + timedelta(seconds=1))
    assert (await given_to(database, smtp, 150, clock(), urgent=True))[0] == 10
    assert await given_to(database, smtp, 150, clock(), urgent=True) == (0, clock() + timedelta(seconds=1))


async def test_a_relay_that_is_slow_is_shared_by_campaigns_and_what_is_urgent(database: Database, clock: Any) -> None:
    smtp = Smtp(per_second=0.1)
    given = []
    for _ in range(4):
        given.append((await given_to(database, smtp, 150, clock()))[0])
        given.append((await given_to(database, smtp, 150, clock(), urgent=True))[0])
        clock.forward(seconds=20)
    assert given == [1, 1] * 4


NIGHT = QuietHours.read("21:00-08:00")
NOON = QuietHours.read("12:00-13:30")


@pytest.mark.parametrize(
    ("quiet", "zone", "now", "over"),
    [
        (NIGHT, "UTC", "2021-03-01T22:00", "2021-03-02T08:00"),
        (NIGHT, "UTC", "2021-03-01T07:59", "2021-03-01T08:00"),
        (NIGHT, "UTC", "2021-03-01T08:00", None),
        (NIGHT, "America/New_York", "2021-03-01T03:00", "2021-03-01T13:00"),
        (NIGHT, "America/New_York", "2021-03-14T04:00", "2021-03-14T12:00"),
        (NIGHT, "Asia/Tokyo", "2021-03-01T03:00", None),
        (NOON, "UTC", "2021-03-01T12:00", "2021-03-01T13:30"),
        (NOON, "UTC", "2021-03-01T13:30", None),
    ],
)
def test_quiet_ends_at_its_hour_by_the_receivers_own_clock(
    quiet: QuietHours, zone: str, now: str, over: str | None
) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    expected = None if over is None else datetime.fromisoformat(over).replace(tzinfo=UTC)
    assert quiet.over_at(ZoneInfo(zone), moment) == expected


@given(
    st.sampled_from(["21:00-08:00", "22:00-02:30", "23:30-01:30", "00:30-02:00"]),
    st.integers(0, 365 * 24 * 60),
    st.sampled_from(["UTC", "America/New_York", "Europe/Madrid", "Pacific/Auckland", "Asia/Kolkata"]),
)
@example("22:00-02:30", 436_365, "Europe/Madrid")  # 02:45 shown for the first time, as the clock goes back at 03:00
@example("22:00-02:30", 436_395, "Europe/Madrid")  # 02:15 shown for the second time
@example("23:30-01:30", 446_775, "America/New_York")  # 01:15, the same
def test_when_quiet_is_over_it_is_not_quiet(hours: str, minutes: int, zone: str) -> None:
    quiet = QuietHours.read(hours)
    assert quiet is not None
    now = datetime(2021, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    over = quiet.over_at(ZoneInfo(zone), now)
    if over is not None:
        assert over > now
        assert quiet.over_at(ZoneInfo(zone), over) is None


@pytest.mark.parametrize(
    ("reply", "asks"),
    [
        ("421 4.7.28 unusual rate of unsolicited mail", True),
        ("450 4.7.1 greylisted", True),
        ("451 try later", True),
        ("454 4.7.0 too many connections", True),
        ("452 4.2.2 mailbox full", False),
        ("450 4.2.1 mailbox busy", False),
        ("454 4.3.0 TLS not available", False),
    ],
)
def test_only_what_speaks_of_how_much_we_send_asks_for_less(reply: str, asks: bool) -> None:
    assert slowing.asks_for_less(reply) is asks


async def test_receivers_who_ask_for_less_get_half_each_time_and_recover_by_and_by(
    database: Database, clock: Any
) -> None:
    policy = Delivery(slowed_per_second=8, slowed_for=timedelta(minutes=10))
    asked = [("gmail", "421 4.7.28 slow down")] * 3

    async def note(replies: list[tuple[str, str]]) -> list[float]:
        async with database.begin() as connection:
            return [one.per_second for one in await slowing.note(connection, replies, {"aol.com": 2}, policy, clock())]

    async def pace() -> dict[str, float]:
        async with database.read() as connection:
            return {to: one.per_second for to, one in (await slowing.current(connection, policy, clock())).items()}

    assert await note(asked[:2]) == [], "two of a window are no sign"
    assert await note(asked) == [8.0]
    assert await note(asked) == [], "replies to what was under way already"
    clock.forward(seconds=30)
    assert await note([*asked, *[("aol.com", "451 busy")] * 3]) == [1.0, 4.0]
    clock.forward(minutes=11)
    assert await pace() == {"gmail": 8.0, "aol.com": 2.0}
    clock.forward(minutes=40)
    assert await pace() == {"aol.com": 32.0}, "gmail is as fast as ever"
    async with database.begin() as connection:
        clock.forward(days=1)
        await slowing.forget(connection, policy, clock())
    assert await pace() == {}
