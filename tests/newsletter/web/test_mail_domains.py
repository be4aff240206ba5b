"""Addresses that are not asked to confirm, by a real name server on the loopback; one that is down stops nobody."""

import socket
from datetime import timedelta

import pytest

from newsletter.web.mail_domains import MailDomains
from subscribers.links import Purpose
from tests.conftest import make_settings
from tests.servers import dns_server

RECORDS = {
    "mail.net MX": "10 mx.mail.net.",
    "null.net MX": "0 .",
    "bare.net A": "192.0.2.9",
    "six.net AAAA": "2001:db8::9",
    "text.net TXT": "hello",
    "broken.net MX": "SERVFAIL",
}


@pytest.mark.parametrize(
    ("domain", "takes"),
    [
        ("mail.net", True),
        ("null.net", False),
        ("bare.net", True),
        ("six.net", True),
        ("text.net", False),
        ("nowhere.net", False),
        ("broken.net", True),
        ("anything.unvouched", True),
        ("example.org", True),
        ("school.example", True),
    ],
)
async def test_a_domain_takes_mail_unless_the_dns_says_that_it_does_not(now, domain: str, takes: bool) -> None:
    with dns_server(RECORDS) as port:
        assert await MailDomains(f"127.0.0.1:{port}").takes_mail(domain, now) is takes


async def test_a_dns_that_does_not_answer_is_asked_once_in_half_a_minute_and_stops_nobody(now) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        domains = MailDomains(f"127.0.0.1:{silent.getsockname()[1]}")
        assert await domains.takes_mail("nowhere.net", now)
        silent.setblocking(False)
        while True:  # what it was asked until here
            try:
                silent.recv(4096)
            except BlockingIOError:
                break
        assert await domains.takes_mail("elsewhere.net", now + timedelta(seconds=29))
        with pytest.raises(BlockingIOError):
            silent.recv(4096)


async def test_an_answer_is_kept_for_a_while(now) -> None:
    records = {"nowhere.net TXT": "nothing"}
    with dns_server(records) as port:
        domains = MailDomains(f"127.0.0.1:{port}")
        assert not await domains.takes_mail("nowhere.net", now)
        records["nowhere.net MX"] = "10 mx.mail.net."
        assert not await domains.takes_mail("nowhere.net", now + timedelta(minutes=9))
        assert await domains.takes_mail("nowhere.net", now + timedelta(minutes=11))


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("ana@nowhere.net", "No mail can be sent to nowhere.net."),
        ("Postmaster+x@mail.net", "not one person"),
        ("ana@x.throwaway.net", "Addresses at x.throwaway.net are not taken here."),
        ("ana@mail.net", ""),
    ],
)
async def test_the_form_says_so_beside_the_address(serve, database_url, loaded, desk, address: str, told: str) -> None:
    with dns_server(RECORDS) as port:
        own = {"check_domains": True, "name_server": f"127.0.0.1:{port}", "refused_domains": ["throwaway.net"]}
        visitor = await serve(make_settings(database_url, joining=own))
        answer = await visitor.post("/join", json={"email": address})
    if told:
        assert answer.status_code == 422
        assert told in answer.json()["errors"]["email"]
        assert await desk.person(address) is None
    else:
        assert answer.status_code == 202


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("ana@nowhere.net", "No mail can be sent to nowhere.net."),
        ("Postmaster+x@mail.net", "not one person"),
        ("ana@x.throwaway.net", "Addresses at x.throwaway.net are not taken here."),
        ("ana@mail.net", ""),
    ],
)
async def test_a_change_of_address_says_the_same(serve, database_url, desk, member, address: str, told: str) -> None:
    ana = await member()
    link = f"/account/{desk.link(Purpose.ACCOUNT, ana.id)}"
    before = await desk.mails()
    with dns_server(RECORDS) as port:
        own = {"check_domains": True, "name_server": f"127.0.0.1:{port}", "refused_domains": ["throwaway.net"]}
        visitor = await serve(make_settings(database_url, joining=own))
        answer = await visitor.post(link, data={"part": "address", "email": address})
    asked = (ana.id, "move")
    if told:
        assert answer.status_code == 422
        assert told in answer.text
        assert f'value="{address}"' in answer.text
        assert await desk.mails() == before
    else:
        assert answer.status_code == 303
        assert await desk.mails() == [*before, asked]


async def test_a_name_server_that_is_down_holds_up_no_change_of_address(serve, database_url, desk, member) -> None:
    ana = await member()
    own = {"check_domains": True, "name_server": "127.0.0.1:1"}
    visitor = await serve(make_settings(database_url, joining=own))
    link = f"/account/{desk.link(Purpose.ACCOUNT, ana.id)}"
    answer = await visitor.post(link, data={"part": "address", "email": "ana@nowhere.net"})
    assert answer.status_code == 303
    assert (ana.id, "move") in await desk.mails()
