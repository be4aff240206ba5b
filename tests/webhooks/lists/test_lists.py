"""Each provider's suppression list, as its documentation says that it is answered."""

import json
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import pytest

from tests.provider_api import Asked, ProviderApi, Reply
from tests.webhooks.lists.documented import DOCUMENTED, HARD, KEYS, LOGINS, mailersend
from webhooks import asking, lists
from webhooks.errors import NotConfigured, Unavailable, UnknownProvider
from webhooks.events import BounceClass, Event, Reason
from webhooks.lists import LISTS, WITHOUT, SuppressionList
from webhooks.providers import PROVIDERS

NOW = datetime(2021, 1, 15, 12, 0, tzinfo=UTC)


def listing(name: str, api: ProviderApi) -> SuppressionList:
    return lists.build(name, KEYS | {f"{name}_api": api.url})


async def everything(one: SuppressionList) -> list[Event | None]:
    async with asking.opened(one.access(), lambda: NOW) as api:
        return [event async for event in one.entries(api, NOW)]


async def removed(one: SuppressionList, address: str = "ana+news@example.org") -> bool:
    async with asking.opened(one.access(), lambda: NOW) as api:
        return await one.remove(api, address)


def said(events: list[Event | None]) -> list[tuple[str, str]]:
    """Whom each entry names, and what it means."""
    return [(one.address, one.bounce or one.kind) if one else ("", "unreadable") for one in events]


@pytest.mark.parametrize("name", sorted(LISTS))
async def test_a_documented_list_is_read_to_its_last_page(provider_api: ProviderApi, name: str) -> None:
    provider_api.answer, key, expected = DOCUMENTED[name]
    found = await everything(listing(name, provider_api))
    assert said(found) == expected
    assert {one.provider for one in found if one} == {f"{name}/list"}
    assert all(one.at < NOW for one in found if one)
    for asked in provider_api.asked:
        login = asked.headers.get(LOGINS.get(name, "authorization"))
        assert login.startswith(key) if login else json.loads(asked.body)["key"] == key


@pytest.mark.parametrize("name", sorted(LISTS))
async def test_the_same_entry_has_the_same_id_and_no_two_have_one(provider_api: ProviderApi, name: str) -> None:
    provider_api.answer = DOCUMENTED[name][0]
    first, second = [await everything(listing(name, provider_api)) for _ in range(2)]
    assert first == second
    assert len({one.id for one in first if one}) == len(first)


@pytest.mark.parametrize("name", sorted(LISTS))
@pytest.mark.parametrize("body", [[], {}, "words", 7, None, {"Suppressions": 1}, [1], {"items": [None]}])
async def test_json_of_another_shape_names_nobody(provider_api: ProviderApi, name: str, body: Any) -> None:
    provider_api.answer = lambda _: Reply(body)
    assert await everything(listing(name, provider_api)) == []


async def test_an_entry_without_address_or_date_is_unreadable_and_hides_no_other(provider_api: ProviderApi) -> None:
    whole = {"EmailAddress": "ana@example.org", "LastUpdateTime": 1586812246, "Reason": "BOUNCE"}
    entries = [whole | {"LastUpdateTime": "soon"}, whole | {"EmailAddress": "nobody"}, {}, whole]
    provider_api.answer = lambda _: Reply({"SuppressedDestinationSummaries": entries})
    assert said(await everything(listing("ses", provider_api))) == [("", "unreadable")] * 3 + [
        ("ana@example.org", HARD)
    ]


async def test_a_date_to_come_is_taken_for_now(provider_api: ProviderApi) -> None:
    entry = {"EmailAddress": "ana@example.org", "LastUpdateTime": 4102444800, "Reason": "BOUNCE"}
    provider_api.answer = lambda _: Reply({"SuppressedDestinationSummaries": [entry]})
    (found,) = await everything(listing("ses", provider_api))
    assert found is not None
    assert (found.at, found.bounce, found.reason) == (NOW, BounceClass.HARD, Reason.NO_SUCH_USER)


async def test_a_next_page_that_mailgun_names_elsewhere_is_refused(provider_api: ProviderApi) -> None:
    items = [{"address": "ana@example.org", "created_at": "Fri, 21 Oct 2011 11:02:55 UTC"}]
    provider_api.answer = lambda _: Reply({"items": items, "paging": {"next": "https://evil.example/next"}})
    with pytest.raises(Unavailable, match=r"evil\.example: it is not asked for"):
        await everything(listing("mailgun", provider_api))


@pytest.mark.parametrize("name", sorted(LISTS))
async def test_a_key_that_is_not_taken_is_said_with_its_setting(provider_api: ProviderApi, name: str) -> None:
    provider_api.answer = lambda _: Reply({"message": "unauthorised"}, 401)
    with pytest.raises(NotConfigured, match=f"look at webhooks.{name}_"):
        await everything(listing(name, provider_api))


DELETED = {
    "brevo": ["/v3/smtp/blockedContacts/ana+news@example.org"],
    "mailgun": ["/v3/mg.example.org/bounces/ana+news@example.org"],
    "resend": ["/suppressions/ana+news@example.org"],
    "sendgrid": [
        "/v3/suppression/bounces/ana+news@example.org",
        "/v3/suppression/invalid_emails/ana+news@example.org",
    ],
    "ses": ["/v2/email/suppression/addresses/ana+news@example.org"],
    "sparkpost": ["/api/v1/suppression-list/ana+news@example.org"],
}


@pytest.mark.parametrize("name", sorted(DELETED))
async def test_an_address_is_taken_off_and_one_that_was_not_there_is_no_error(
    provider_api: ProviderApi, name: str
) -> None:
    provider_api.answer = lambda _: Reply(b"", 204)
    assert await removed(listing(name, provider_api))
    assert [(one.method, unquote(one.target)) for one in provider_api.asked] == [("DELETE", p) for p in DELETED[name]]
    assert all("%2B" in one.target and "%40" in one.target for one in provider_api.asked)
    provider_api.answer = lambda _: Reply({"message": "not found"}, 404)
    assert not await removed(listing(name, provider_api))


async def test_postmark_takes_off_whom_it_holds_and_says_whom_it_keeps(provider_api: ProviderApi) -> None:
    held = {"Suppressions": [{"EmailAddress": "ana+news@example.org", "SuppressionReason": "HardBounce"}]}
    status = {"Status": "Deleted", "Message": None}

    def answer(asked: Asked) -> Reply:
        if asked.method == "POST":
            return Reply({"Suppressions": [{"EmailAddress": "ana+news@example.org"} | status]})
        return Reply(held if "/outbound/" in asked.target else {"Suppressions": []})

    provider_api.answer = answer
    assert await removed(listing("postmark", provider_api))
    posted = [one for one in provider_api.asked if one.method == "POST"]
    assert [one.target for one in posted] == ["/message-streams/outbound/suppressions/delete"]
    assert posted[0].body == b'{"Suppressions": [{"EmailAddress": "ana+news@example.org"}]}'
    status |= {"Status": "Failed", "Message": "You do not have the required authority."}
    with pytest.raises(Unavailable, match=r"keeps ana\+news@example\.org: You do not have"):
        await removed(listing("postmark", provider_api))


async def test_mailersend_takes_off_by_the_ids_of_an_address_on_every_page(provider_api: ProviderApi) -> None:
    provider_api.answer = lambda asked: Reply(b"", 200) if asked.method == "DELETE" else mailersend(asked)
    assert await removed(listing("mailersend", provider_api), "Last@example.org")
    (deleted,) = [one for one in provider_api.asked if one.method == "DELETE"]
    assert (deleted.target, deleted.body) == ("/v1/suppressions/hard-bounces", b'{"ids": ["id-last"]}')
    assert not await removed(listing("mailersend", provider_api), "ben@example.org"), "a complaint stays"
    assert [one.method for one in provider_api.asked].count("DELETE") == 1


async def test_mailtrap_takes_off_each_bounce_of_an_address_and_no_complaint(provider_api: ProviderApi) -> None:
    held = [
        {"id": "1", "type": "hard bounce", "email": "Ana+News@example.org", "sending_stream": "bulk"},
        {"id": "2", "type": "hard bounce", "email": "ana+news@example.org", "sending_stream": "transactional"},
        {"id": "3", "type": "spam complaint", "email": "ana+news@example.org"},
        {"id": "4", "type": "hard bounce", "email": "ben@example.org"},
    ]
    provider_api.answer = lambda asked: Reply({}) if asked.method == "DELETE" else Reply(held)
    assert await removed(listing("mailtrap", provider_api))
    assert [(one.method, one.target) for one in provider_api.asked] == [
        ("GET", "/api/accounts/3229/suppressions?email=ana%2Bnews%40example.org"),
        ("DELETE", "/api/accounts/3229/suppressions/1"),
        ("DELETE", "/api/accounts/3229/suppressions/2"),
    ]
    held.clear()
    assert not await removed(listing("mailtrap", provider_api))


async def test_mandrill_takes_off_each_bounce_of_an_address_and_says_whom_it_keeps(provider_api: ProviderApi) -> None:
    held = [
        {"email": "ana+news@example.org", "reason": "hard-bounce", "subaccount": "festival"},
        {"email": "ana+news@example.org", "reason": "soft-bounce"},
        {"email": "ana+news@example.org", "reason": "unsub"},
    ]
    deleted = {"deleted": True}

    def answer(asked: Asked) -> Reply:
        return Reply(deleted if asked.target == "/api/1.0/rejects/delete.json" else held)

    provider_api.answer = answer
    assert await removed(listing("mandrill", provider_api))
    asked = {"key": "md-1", "email": "ana+news@example.org"}
    assert [json.loads(one.body) for one in provider_api.asked] == [asked, asked | {"subaccount": "festival"}, asked]
    deleted["deleted"] = False
    with pytest.raises(Unavailable, match=r"keeps ana\+news@example\.org"):
        await removed(listing("mandrill", provider_api))
    held.clear()
    assert not await removed(listing("mandrill", provider_api))


async def test_resend_says_by_words_that_a_key_is_not_taken(provider_api: ProviderApi) -> None:
    said = {"statusCode": 400, "message": "API key is invalid", "name": "validation_error"}
    provider_api.answer = lambda _: Reply(said, 400)
    with pytest.raises(NotConfigured, match=r"does not take the key \(400\): look at webhooks\.resend_api_key"):
        await everything(listing("resend", provider_api))


async def test_mandrill_says_by_words_that_a_key_is_not_taken(provider_api: ProviderApi) -> None:
    said = {"status": "error", "code": -1, "name": "Invalid_Key", "message": "Invalid API key"}
    provider_api.answer = lambda _: Reply(said, 500)
    with pytest.raises(NotConfigured, match=r"does not take the key \(500\): look at webhooks\.mandrill_api_key"):
        await everything(listing("mandrill", provider_api))
    assert len(provider_api.asked) == 1, "a wrong key is not tried again"


@pytest.mark.parametrize("name", sorted(LISTS))
def test_without_its_key_a_list_says_which_setting_lacks(name: str) -> None:
    with pytest.raises(NotConfigured, match=f"no API key is set for this provider: set webhooks.{name}_"):
        lists.build(name, {}).access()
    assert lists.configured({key: value for key, value in KEYS.items() if key.startswith(name)})


def test_no_secret_stands_in_a_repr() -> None:
    shown = repr([lists.build(name, {key: f"hidden-{key}" for key in KEYS}) for name in LISTS])
    assert "hidden-ses_secret_key" not in shown
    assert not [key for key in KEYS if key.endswith(("_api_key", "_token")) and f"hidden-{key}" in shown]


def test_of_every_provider_it_is_known_whether_its_list_can_be_read() -> None:
    assert LISTS.keys() | WITHOUT.keys() == PROVIDERS.keys()
    assert not LISTS.keys() & WITHOUT.keys()
    for name in WITHOUT:
        with pytest.raises(NotConfigured):
            lists.build(name, KEYS)
    with pytest.raises(UnknownProvider, match="there is no provider sendgird"):
        lists.build("sendgird", KEYS)


@pytest.mark.parametrize("name", sorted(LISTS))
def test_every_key_that_the_guide_names_is_a_field(name: str) -> None:
    assert {key.field for key in LISTS[name].keys} | {"api"} == {one.name for one in fields(LISTS[name])}  # type: ignore[arg-type] # all are dataclasses
