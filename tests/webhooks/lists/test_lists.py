"""Each provider's suppression list, as its documentation says that it is answered."""

from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from tests.provider_api import Asked, ProviderApi, Reply
from webhooks import asking, lists
from webhooks.errors import NotConfigured, Unavailable, UnknownProvider
from webhooks.events import BounceClass, Event, Kind, Reason
from webhooks.lists import LISTS, WITHOUT, SuppressionList
from webhooks.providers import PROVIDERS

NOW = datetime(2021, 1, 15, 12, 0, tzinfo=UTC)
KEYS = {
    "brevo_api_key": "xkeysib-1",
    "mailgun_api_key": "key-1",
    "mailgun_domain": "mg.example.org",
    "postmark_server_token": "token-1",
    "postmark_streams": "outbound, broadcast",
    "resend_api_key": "re_1",
    "sendgrid_api_key": "SG.1",
    "ses_access_key": "AKIDEXAMPLE",
    "ses_secret_key": "secret-1",
    "ses_region": "eu-west-1",
    "sparkpost_api_key": "spark-1",
}
HARD, SOFT, COMPLAINED, LEFT, OTHER = "hard", "soft", Kind.COMPLAINED, Kind.UNSUBSCRIBED, Kind.OTHER


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


def path(asked: Asked) -> str:
    return urlsplit(asked.target).path


def query(asked: Asked, name: str) -> str:
    return parse_qs(urlsplit(asked.target).query).get(name, [""])[0]


def ses(asked: Asked) -> Reply:
    pages: dict[str, dict[str, Any]] = {
        "": {
            "NextToken": "a+b/c=",
            "SuppressedDestinationSummaries": [
                {"EmailAddress": "ana@example.org", "LastUpdateTime": 1586812246.125, "Reason": "BOUNCE"}
            ],
        },
        "a+b/c=": {
            "SuppressedDestinationSummaries": [
                {"EmailAddress": "ben@example.org", "LastUpdateTime": 1586812300.0, "Reason": "COMPLAINT"}
            ],
        },
    }
    assert path(asked) == "/v2/email/suppression/addresses"
    return Reply(pages[query(asked, "NextToken")])


def sendgrid(asked: Asked) -> Reply:
    which, offset = path(asked).removeprefix("/v3/suppression/"), int(query(asked, "offset"))
    assert query(asked, "limit") == "500"
    match which, offset:
        case "bounces", 0:
            return Reply(
                [
                    {
                        "created": 1443651125 + number,
                        "email": f"p{number}@example.org",
                        "reason": "550 5.1.1 The email account that you tried to reach does not exist.",
                        "status": "5.1.1",
                    }
                    for number in range(500)
                ]
            )
        case "bounces", 500:
            said = "550 5.7.1 Our system has detected that this message is likely unsolicited mail."
            return Reply([{"created": 1, "email": "last@example.org", "reason": said, "status": "5.7.1"}])
        case "spam_reports", 0:
            return Reply([{"created": 1443651141, "email": "ben@example.org", "ip": "10.63.202.100"}])
        case "invalid_emails", 0:
            reason = "Mail domain mentioned in email address is unknown"
            return Reply([{"created": 1449953655, "email": "cem@example.com", "reason": reason}])
        case "unsubscribes", 0:
            return Reply([{"created": 1443651141, "email": "dora@example.org"}])
    raise AssertionError(asked.target)


def mailgun(asked: Asked) -> Reply:
    here = f"http://{asked.headers['host']}"
    which = path(asked).removeprefix("/v3/mg.example.org/")
    if query(asked, "page") == "next":
        items = []
    elif which == "bounces":
        items = [
            {
                "address": "ana@example.org",
                "code": "550",
                "error": "5.1.1 No such mailbox",
                "created_at": "Fri, 21 Oct 2011 11:02:55 UTC",
            }
        ]
    elif which == "complaints":
        items = [{"address": "ben@example.org", "created_at": "Fri, 21 Oct 2011 11:02:55 GMT"}]
    else:
        items = [{"address": "cem@example.org", "tags": ["*"], "created_at": "Fri, 21 Oct 2011 11:02:55 GMT"}]
    return Reply({"items": items, "paging": {"next": f"{here}/v3/mg.example.org/{which}?page=next&limit=1000"}})


def postmark(asked: Asked) -> Reply:
    entry = {"Origin": "Recipient", "CreatedAt": "2019-12-10T08:58:33-05:00"}
    found = {
        "/message-streams/outbound/suppressions/dump": [
            entry | {"EmailAddress": "ana@example.org", "SuppressionReason": "HardBounce"},
            entry | {"EmailAddress": "ben@example.org", "SuppressionReason": "SpamComplaint"},
        ],
        "/message-streams/broadcast/suppressions/dump": [
            entry | {"EmailAddress": "cem@example.org", "SuppressionReason": "ManualSuppression"},
            entry
            | {"EmailAddress": "dora@example.org", "SuppressionReason": "ManualSuppression", "Origin": "Customer"},
        ],
    }
    return Reply({"Suppressions": found[path(asked)]})


def sparkpost(asked: Asked) -> Reply:
    entry = {
        "type": "non_transactional",
        "created": "2016-05-02T16:29:56+00:00",
        "updated": "2016-05-02T17:20:50+00:00",
    }
    sources = ["Bounce Rule", "Spam Complaint", "List Unsubscribe", "Unsubscribe Link", "Manually Added", "Compliance"]
    assert path(asked) == "/api/v1/suppression-list"
    if query(asked, "cursor") == "initial":
        results = [
            entry
            | {
                "recipient": f"p{number}@example.org",
                "source": source,
                "description": "550: 550 5.1.1 user unknown" if source == "Bounce Rule" else "",
            }
            for number, source in enumerate(sources)
        ]
        links = [{"href": "/api/v1/suppression-list?cursor=WycyMDE2&per_page=10000", "rel": "next"}]
        return Reply({"results": results, "links": links, "total_count": 7})
    results = [entry | {"recipient": "last@example.org", "source": "Bounce Rule"}]
    return Reply({"results": results, "links": [], "total_count": 7})


def brevo(asked: Asked) -> Reply:
    entry = {"senderEmail": "news@example.org", "blockedAt": "2017-05-01T12:30:00Z"}
    codes = ["hardBounce", "contactFlaggedAsSpam", "unsubscribedViaMA", "unsubscribedViaEmail", "unsubscribedViaApi"]
    assert path(asked) == "/v3/smtp/blockedContacts"
    contacts = [
        entry | {"email": f"p{number}@example.org", "reason": {"code": code, "message": f"The reason is {code}"}}
        for number, code in enumerate([*codes, *["adminBlocked"] * 95])
    ]
    if query(asked, "offset") == "100":
        contacts = [entry | {"email": "last@example.org", "reason": {"code": "hardBounce", "message": ""}}]
    return Reply({"count": 101, "contacts": contacts})


def resend(asked: Asked) -> Reply:
    entry = {"object": "suppression", "source_id": None, "created_at": "2020-10-06T23:47:56.678Z"}
    assert path(asked) == "/suppressions"
    if not query(asked, "after"):
        data = [
            entry | {"id": "e169aa45", "email": "ana@example.org", "origin": "bounce"},
            entry | {"id": "520784e2", "email": "ben@example.org", "origin": "manual"},
        ]
        return Reply({"object": "list", "has_more": True, "data": data})
    assert query(asked, "after") == "520784e2"
    data = [entry | {"id": "9", "email": "cem@example.org", "origin": "complaint"}]
    return Reply({"object": "list", "has_more": False, "data": data})


DOCUMENTED: dict[str, tuple[Callable[[Asked], Reply], str, list[tuple[str, str]]]] = {
    "ses": (ses, "AWS4-HMAC-SHA256 ", [("ana@example.org", HARD), ("ben@example.org", COMPLAINED)]),
    "sendgrid": (
        sendgrid,
        "Bearer SG.1",
        [
            *((f"p{number}@example.org", HARD) for number in range(500)),
            ("last@example.org", "block"),
            ("cem@example.com", HARD),
            ("ben@example.org", COMPLAINED),
            ("dora@example.org", LEFT),
        ],
    ),
    "mailgun": (
        mailgun,
        "Basic YXBpOmtleS0x",
        [("ana@example.org", HARD), ("ben@example.org", COMPLAINED), ("cem@example.org", LEFT)],
    ),
    "postmark": (
        postmark,
        "token-1",
        [
            ("ana@example.org", HARD),
            ("ben@example.org", COMPLAINED),
            ("cem@example.org", LEFT),
            ("dora@example.org", OTHER),
        ],
    ),
    "sparkpost": (
        sparkpost,
        "spark-1",
        [
            *zip((f"p{n}@example.org" for n in range(6)), [HARD, COMPLAINED, LEFT, LEFT, OTHER, OTHER], strict=True),
            ("last@example.org", HARD),
        ],
    ),
    "brevo": (
        brevo,
        "xkeysib-1",
        [
            *zip((f"p{n}@example.org" for n in range(5)), [HARD, COMPLAINED, LEFT, LEFT, OTHER], strict=True),
            *((f"p{number}@example.org", OTHER) for number in range(5, 100)),
            ("last@example.org", HARD),
        ],
    ),
    "resend": (
        resend,
        "Bearer re_1",
        [("ana@example.org", HARD), ("ben@example.org", OTHER), ("cem@example.org", COMPLAINED)],
    ),
}
LOGINS = {"brevo": "api-key", "postmark": "x-postmark-server-token"}


@pytest.mark.parametrize("name", sorted(LISTS))
async def test_a_documented_list_is_read_to_its_last_page(provider_api: ProviderApi, name: str) -> None:
    provider_api.answer, key, expected = DOCUMENTED[name]
    found = await everything(listing(name, provider_api))
    assert said(found) == expected
    assert {one.provider for one in found if one} == {f"{name}/list"}
    assert all(one.at < NOW for one in found if one)
    assert all(asked.headers[LOGINS.get(name, "authorization")].startswith(key) for asked in provider_api.asked)


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
