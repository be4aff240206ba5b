"""Nobody's inner network is reached through us: by address, by name, or by what a name means a moment later."""

import asyncio
import ipaddress
import socket
from typing import Any

import httpx2
import pytest

from webhooks import destinations, fetching
from webhooks.destinations import NoDestination
from webhooks.errors import Unavailable


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "10.0.0.7",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "255.255.255.255",
        "224.0.0.1",
        "192.0.2.1",
        "192.0.0.192",
        "168.63.129.16",
        "::1",
        "::",
        "fe80::1",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "2002:5db8:d70e::1",
        "2001:db8::1",
        "3fff::1",
        "fec0::1",
        "::127.0.0.1",
        "::ffff:0:10.0.0.7",
        "64:ff9b:1::10.0.0.7",
        "5f00::1",
        "2001:470:1::5efe:10.0.0.7",
        "2001:470:1::200:5efe:192.168.1.1",
    ],
)
def test_an_address_that_is_not_of_the_public_internet_is_none(address: str) -> None:
    assert not destinations.is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:4700::1111", "::ffff:93.184.215.14", "64:ff9b::5db8:d70e"])
def test_an_address_of_the_public_internet_is_one(address: str) -> None:
    assert destinations.is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.8.8.8",
        "10.0.0.7",
        "172.31.255.1",
        "192.168.1.1",
        "100.64.0.1",
        "[::1]",
        "[fd12:3456::1]",
        "[::ffff:10.0.0.1]",
        "[64:ff9b::10.0.0.1]",
        "93.184.215.14",
    ],
)
async def test_private_networks_and_this_machine_are_reached_where_that_is_allowed(host: str) -> None:
    found = await destinations.resolve(f"http://{host}/hook", allow_private=True)
    assert ipaddress.ip_address(found.address) == ipaddress.ip_address(host.strip("[]"))


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "169.254.0.7",
        "2852039166",
        "[::ffff:169.254.169.254]",
        "[64:ff9b::a9fe:a9fe]",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "[fd12:3456::5efe:169.254.169.254]",
        "[fd20:ce::254]",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "224.0.0.1",
        "255.255.255.255",
        "[ff02::1]",
        "0.0.0.0",
        "[::]",
        "[fec0::1]",
    ],
)
async def test_no_other_address_is_reached_where_private_networks_are_allowed(host: str) -> None:
    with pytest.raises(NoDestination, match="is not on the public internet, nor in a private network"):
        await destinations.resolve(f"http://{host}/hook", allow_private=True)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/hook",
        "ftp://example.org/",
        "file:///etc/passwd",
        "example.org/hook",
        "https://",
        "https://ana:secret@example.org/",
        "https://example.org/#part",
        "https://example.org/a b",
        "https://example.org:0/",
        "https://example.org:99999/",
        "https://[::1",
        "https://exämple.org/",
        "https://example.org/\r\nX: y",
    ],
)
def test_a_url_that_is_not_fit_to_be_posted_to_is_one_clear_line(url: str) -> None:
    with pytest.raises(NoDestination) as error:
        destinations.check(url, allow_private=False)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1", "127.1", "169.254.169.254", "[::ffff:7f00:1]"]
)
async def test_however_this_machine_is_spelt_it_is_not_reached(host: str) -> None:
    with pytest.raises(NoDestination):
        await destinations.resolve(f"https://{host}/hook", allow_private=False)


def answering(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """A name server that answers these, one after the other, and then the last again and again; what it was asked."""
    asked: list[str] = []

    async def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        found = answers[min(len(asked), len(answers)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    return asked


async def test_a_name_that_leads_to_a_private_address_beside_a_public_one_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answering(monkeypatch, ["93.184.215.14", "10.0.0.7"])
    with pytest.raises(NoDestination, match=r"hook\.example\.org leads to 10\.0\.0\.7"):
        await destinations.resolve("https://hook.example.org/", allow_private=False)


async def test_a_name_that_means_another_address_a_moment_later_is_reached_where_it_was_looked_at(
    monkeypatch: pytest.MonkeyPatch, http_server: Any
) -> None:
    async with http_server() as server:
        asked = answering(monkeypatch, ["127.0.0.1"], ["169.254.169.254"])
        answer = await fetching.post(f"http://hook.example.org:{server.port}/x", {}, b"{}", allow_private=True)
        assert (answer.status, answer.text) == (200, "heard")
        assert asked == ["hook.example.org"], "it was looked up once"
        (posted,) = server.received
        assert posted.headers["host"] == f"hook.example.org:{server.port}"


async def test_what_an_endpoint_answers_is_kept_as_people_can_read_it(http_server: Any) -> None:
    async with http_server() as server:
        server.answer = "500 \r\nRetry-After: Fri, 31 Dec 2021 23:59:59 GMT"
        answer = await fetching.post(server.url, {}, b"{}", allow_private=True)
        assert (str(answer), answer.retry_after) == ("500 heard", None)


async def test_an_endpoint_that_is_not_there_is_one_clear_line(unused_tcp_port: int) -> None:
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1") as error:
        await fetching.post(f"http://127.0.0.1:{unused_tcp_port}/", {}, b"{}", allow_private=True)
    assert "\n" not in str(error.value)


async def test_an_endpoint_that_never_answers_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "ANSWER_WITHIN", 0.05)
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(Unavailable, match="did not answer within"),
    ):
        await fetching.post(f"http://127.0.0.1:{silent.getsockname()[1]}/", {}, b"{}", allow_private=True)


async def test_an_endpoint_may_think_for_longer_than_a_client_usually_waits() -> None:
    async def think(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        await asyncio.sleep(httpx2.AsyncClient().timeout.read + 0.2)  # what is tried: nothing waits for it
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(think, "127.0.0.1", 0) as slow:
        url = f"http://127.0.0.1:{slow.sockets[0].getsockname()[1]}/"
        answer = await fetching.post(url, {}, b"{}", allow_private=True)
    assert answer.status == 200


async def test_a_name_server_that_never_answers_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    async def getaddrinfo(*_: Any, **__: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(fetching, "ANSWER_WITHIN", 0.05)
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    with pytest.raises(Unavailable, match=r"hook\.example\.org did not answer within"):
        async with asyncio.timeout(5):
            await fetching.post("https://hook.example.org/", {}, b"{}", allow_private=False)


def test_http_is_refused_by_that_name() -> None:
    with pytest.raises(NoDestination, match=r"^http://example\.org/hook: by HTTPS only, as in https://"):
        destinations.check("http://example.org/hook", allow_private=False)
