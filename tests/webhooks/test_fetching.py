"""One place speaks HTTP to others, and no test of ours leaves this machine by it."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from webhooks import fetching
from webhooks.errors import Unavailable
from webhooks.providers import PROVIDERS
from webhooks.providers.ses import Ses

ROOT = Path(fetching.__file__).parents[1]


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def test_http_is_spoken_to_others_from_one_place_only() -> None:
    clients = {"httpx2", "httpx", "requests", "urllib3", "aiohttp"}
    packages = [path for name in ("webhooks", "subscribers") for path in (ROOT / name).rglob("*.py")]
    assert [path for path in packages if clients & set(imports(path))] == [Path(fetching.__file__)]


def test_of_all_providers_one_alone_fetches_and_by_that_client() -> None:
    assert [name for name, provider in PROVIDERS.items() if provider.blocking] == ["ses"]
    assert Ses().fetch is fetching.get


@pytest.fixture(scope="module")
def reached() -> Iterator[list[object]]:
    """The addresses that sockets of this process connect to while these tests run."""
    seen: list[object] = []
    listening = True

    def hear(event: str, arguments: tuple[object, ...]) -> None:
        if listening and event == "socket.connect":
            seen.append(arguments[1])

    sys.addaudithook(hear)
    yield seen
    listening = False


async def test_what_the_client_connects_to_is_seen_and_is_the_loopback(
    reached: list[tuple[str, int]], http_server
) -> None:
    reached.clear()
    async with http_server() as server:
        await fetching.post(server.url, {}, b"{}", allow_private=True)
    with pytest.raises(Unavailable):
        fetching.get("http://127.0.0.1:1/x.pem")
    assert [host for host, _ in reached] == ["127.0.0.1", "127.0.0.1"]
