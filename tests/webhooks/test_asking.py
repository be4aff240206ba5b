"""Asking a provider's API: what it may not make us do, and how long we are patient."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import pytest

from tests.provider_api import Asked, ProviderApi, Reply
from webhooks import asking
from webhooks.asking import Access, Api
from webhooks.errors import NotConfigured, Unavailable

KEY = "key-that-is-secret"


def now() -> datetime:
    return datetime(2021, 1, 15, 12, 0, tzinfo=UTC)


@pytest.fixture
async def api(provider_api: ProviderApi) -> AsyncIterator[Api]:
    access = Access(provider_api.url, "webhooks.some_api_key", asking.bearer(KEY))
    async with asking.opened(access, now, most_pages=5) as opened:
        yield opened


def answering(*replies: Reply) -> Callable[[Asked], Reply]:
    """Each of these in turn, the last for ever."""
    waiting = list(replies)
    return lambda _: waiting.pop(0) if len(waiting) > 1 else waiting[0]


async def test_the_key_is_sent_and_json_comes_back(api: Api, provider_api: ProviderApi) -> None:
    provider_api.answer = answering(Reply({"found": 1}))
    assert await api.get("/list?limit=1") == {"found": 1}
    asked = provider_api.asked[0]
    assert (asked.method, asked.target) == ("GET", "/list?limit=1")
    assert asked.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("status", [401, 403])
async def test_a_key_that_is_not_taken_is_one_line_that_names_the_setting(
    api: Api, provider_api: ProviderApi, status: int
) -> None:
    provider_api.answer = answering(Reply({"message": KEY}, status))
    with pytest.raises(NotConfigured) as error:
        await api.get("/list")
    assert "look at webhooks.some_api_key" in str(error.value)
    assert KEY not in str(error.value)
    assert len(provider_api.asked) == 1, "a wrong key is not tried again"


@pytest.mark.parametrize("key", ["SG.secret ", "SG.secret\n", "SG.se\ncret", "SG.secret–2", "ключ", "SG.secret\t"])
async def test_a_key_that_no_header_can_carry_is_one_line_that_names_the_setting_and_not_the_key(
    provider_api: ProviderApi, key: str
) -> None:
    access = Access(provider_api.url, "webhooks.some_api_key", asking.bearer(key))
    async with asking.opened(access, now) as api:
        with pytest.raises(NotConfigured) as error:
            await api.get("/list")
    assert str(error.value).startswith("webhooks.some_api_key: no key has a space at its end")
    assert "secret" not in str(error.value)
    assert provider_api.asked == []


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_what_passes_is_tried_again(api: Api, provider_api: ProviderApi, status: int) -> None:
    provider_api.answer = answering(Reply(b"", status, {"Retry-After": "0"}), Reply([]))
    assert await api.get("/list") == []
    assert len(provider_api.asked) == 2


async def test_what_does_not_pass_is_given_up_and_said(api: Api, provider_api: ProviderApi) -> None:
    provider_api.answer = answering(Reply(b"", 500, {"Retry-After": "0"}))
    with pytest.raises(Unavailable, match="answered 500; try again later"):
        await api.get("/list")
    assert len(provider_api.asked) == 3


async def test_nobody_waits_for_an_hour_because_a_host_says_so(api: Api, provider_api: ProviderApi) -> None:
    provider_api.answer = answering(Reply(b"", 429, {"Retry-After": "3600"}))
    with pytest.raises(Unavailable, match="left alone for 3,600 seconds"):
        await api.get("/list")
    assert len(provider_api.asked) == 1


@pytest.mark.parametrize(
    "body",
    [b"<html>Welcome</html>", b"", b"\xff\xfe", b'{"a": NaN}', b"[" * 100_000],
    ids=["html", "nothing", "not utf-8", "nan", "deep"],
)
async def test_what_is_no_json_is_one_line(api: Api, provider_api: ProviderApi, body: bytes) -> None:
    provider_api.answer = answering(Reply(body))
    with pytest.raises(Unavailable, match="answered what is no JSON"):
        await api.get("/list")


async def test_a_redirect_is_not_followed(api: Api, provider_api: ProviderApi) -> None:
    provider_api.answer = answering(Reply(b"", 302, {"Location": "/elsewhere"}))
    with pytest.raises(Unavailable, match="302, as if its interface were elsewhere"):
        await api.get("/list")
    assert [one.target for one in provider_api.asked] == ["/list"]


async def test_an_answer_without_end_is_not_kept(
    api: Api, provider_api: ProviderApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "MOST_BYTES", 1000)
    provider_api.answer = answering(Reply(b"x" * 1001))
    with pytest.raises(Unavailable, match="more than 1,000 bytes"):
        await api.get("/list")


async def test_a_host_that_is_not_there_is_one_line() -> None:
    async with asking.opened(Access("http://127.0.0.1:1", "x", asking.bearer(KEY)), now) as api:
        with pytest.raises(Unavailable, match=r"127\.0\.0\.1: ") as error:
            await api.get("/list")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/v3/list",
        "//evil.example/v3/list",
        "http://127.0.0.1:1/list",
        "http://someone@127.0.0.1/list",
        "https://127.0.0.1/list",
    ],
)
async def test_a_next_page_at_another_host_is_not_asked_for(api: Api, provider_api: ProviderApi, target: str) -> None:
    provider_api.answer = answering(Reply({"next": target}))
    with pytest.raises(Unavailable, match="at another host"):
        async for _ in api.pages("/list", lambda page, _: page["next"]):
            pass
    assert len(provider_api.asked) == 1


async def test_a_page_that_comes_again_ends_the_walk(api: Api, provider_api: ProviderApi) -> None:
    provider_api.answer = answering(Reply({}))
    with pytest.raises(Unavailable, match="the same page again and again"):
        async for _ in api.pages("/list?page=1", lambda _page, _number: "/list?page=1"):
            pass
    assert len(provider_api.asked) == 1


async def test_pages_without_end_end(api: Api, provider_api: ProviderApi) -> None:
    provider_api.answer = answering(Reply({}))
    with pytest.raises(Unavailable, match="more than 5 pages"):
        async for _ in api.pages("/list?page=0", lambda _, number: f"/list?page={number}"):
            pass
    assert len(provider_api.asked) == 5


async def test_deleting_what_is_not_there_is_no_error(api: Api, provider_api: ProviderApi) -> None:
    provider_api.answer = answering(Reply({"message": "no such address"}, 404))
    assert await api.delete("/list/ana") is None
    provider_api.answer = answering(Reply(b"", 204))
    assert await api.delete("/list/ana") == b""
