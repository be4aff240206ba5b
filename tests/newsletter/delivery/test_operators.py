"""Companies' domains count with the family whose operator takes their mail, by a real name server on the loopback."""

import socket
from typing import Any

import pytest

from newsletter.delivery.operators import Operators
from newsletter.setting_tables import Delivery, Pace
from newsletter.settings import Settings
from tests.conftest import make_settings
from tests.servers import dns_server

RECORDS = {
    "at-google.net MX": "1 aspmx.l.google.com.",
    "at-microsoft.net MX": "0 at-microsoft-net.mail.protection.outlook.com.",
    "at-yahoo.net MX": "5 mx-biz.mail.am0.yahoodns.net.",
    "by-itself.net MX": "10 mail.by-itself.net.",
    "sounds-like.net MX": "10 mail.notgoogle.com.",
    "null.net MX": "0 .",
    "text.net TXT": "hello",
    "broken.net MX": "SERVFAIL",
}


def asking(port: int, *to: str, pace_by_mx: bool = True) -> Settings:
    return make_settings(
        "sqlite:///unused.sqlite3",
        joining={"name_server": f"127.0.0.1:{port}"},
        pace=[Pace(to=one, per_second=1) for one in to],
        delivery=Delivery(pace_by_mx=pace_by_mx),
    )


@pytest.mark.parametrize(
    ("domain", "family"),
    [
        ("at-google.net", "gmail"),
        ("at-microsoft.net", "outlook"),
        ("at-yahoo.net", "yahoo"),
        ("by-itself.net", "by-itself.net"),
        ("sounds-like.net", "sounds-like.net"),
        ("null.net", "null.net"),
        ("text.net", "text.net"),
        ("nowhere.net", "nowhere.net"),
        ("broken.net", "broken.net"),
        ("two..dots", "two..dots"),
        ("hotmail.com", "outlook"),
    ],
)
async def test_a_domain_is_of_the_family_that_takes_its_mail(clock: Any, domain: str, family: str) -> None:
    with dns_server(RECORDS) as port:
        operators = Operators(asking(port, "gmail"), clock)
        operators.family(domain, 5)
        await operators.settled()
        assert operators.family(domain, 1) == family


async def test_an_answer_is_kept_for_some_hours_and_then_until_there_is_another(clock: Any) -> None:
    records = {"moves.net MX": "1 aspmx.l.google.com."}
    with dns_server(records) as port:
        operators = Operators(asking(port, "gmail"), clock)
        assert operators.family("moves.net", 5) == "moves.net"
        await operators.settled()
        records["moves.net MX"] = "0 moves-net.mail.protection.outlook.com."
        clock.forward(hours=5)
        assert operators.family("moves.net", 5) == "gmail"
        await operators.settled()
        clock.forward(hours=2)
        assert operators.family("moves.net", 5) == "gmail", "nobody waits for the new answer"
        await operators.settled()
        assert operators.family("moves.net", 5) == "outlook"


async def test_the_dns_is_asked_of_domains_that_many_mails_go_to_where_a_pace_is_a_familys(clock: Any) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.setblocking(False)
        port = listening.getsockname()[1]
        for settings, mails in [
            (asking(port, "gmail"), 4),
            (asking(port, "at-google.net"), 5),
            (asking(port), 5),
            (asking(port, "gmail", pace_by_mx=False), 5),
        ]:
            operators = Operators(settings, clock)
            operators.family("at-google.net", mails)
            await operators.settled()
            with pytest.raises(BlockingIOError):
                listening.recv(4096)


async def test_a_dns_that_does_not_answer_holds_up_nobody_and_is_left_alone_for_a_minute(clock: Any) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.setblocking(False)
        operators = Operators(asking(silent.getsockname()[1], "gmail"), clock)
        assert operators.family("at-google.net", 5) == "at-google.net"
        assert operators.family("at-yahoo.net", 5) == "at-yahoo.net"
        await operators.settled()
        asked = _drained(silent)
        assert asked >= 1
        clock.forward(seconds=59)
        assert operators.family("at-google.net", 5) == "at-google.net"
        await operators.settled()
        assert _drained(silent) == 0
        clock.forward(seconds=2)
        operators.family("at-google.net", 5)
        await operators.settled()
        assert _drained(silent) >= 1


def _drained(listening: socket.socket) -> int:
    """How many questions have arrived."""
    count = 0
    while True:
        try:
            listening.recv(4096)
        except BlockingIOError:
            return count
        count += 1
