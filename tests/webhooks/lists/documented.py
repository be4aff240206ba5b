"""What each provider's API answers, as documented: by the name of its list, and what the entries mean."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.provider_api import Asked, Reply
from webhooks.events import Kind

KEYS = {
    "brevo_api_key": "xkeysib-1",
    "mailersend_api_token": "mlsn.1",
    "mailgun_api_key": "key-1",
    "mailgun_domain": "mg.example.org",
    "mailtrap_api_token": "trap-1",
    "mailtrap_account": "3229",
    "mandrill_api_key": "md-1",
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


def mailersend(asked: Asked) -> Reply:
    which = path(asked).removeprefix("/v1/suppressions/")
    page, here = query(asked, "page"), f"http://{asked.headers['host']}{path(asked)}"
    assert query(asked, "limit") == "100"

    def row(name: str, **more: str) -> dict[str, Any]:
        domain = {"id": "65qngkdovk8lwr12", "name": "example.org", "created_at": "2020-04-01T12:33:41.000000Z"}
        recipient = {
            "id": f"recipient-{name}",
            "email": f"{name}@example.org",
            "created_at": "2020-04-04T09:30:24.000000Z",
            "updated_at": "2020-04-04T09:31:29.000000Z",
            "deleted_at": "",
            "domain": domain,
        }
        return {"id": f"id-{name}", "created_at": "2020-04-04T09:31:29.000000Z", "recipient": recipient, **more}

    rows = {
        "hard-bounces": {
            "1": [row("ana", reason="The email account that you tried to reach does not exist.")],
            "2": [
                row("last", reason="550 5.7.1 Our system has detected that this message is likely unsolicited mail.")
            ],
        },
        "spam-complaints": {"1": [row("ben")]},
        "unsubscribes": {"1": [row("cem", reason="NO_LONGER_WANT", readable_reason="I no longer want these emails")]},
    }[which]
    following = f"{here}?page=2" if "2" in rows and page == "1" else None
    links = {"first": f"{here}?page=1", "last": None, "prev": None, "next": following}
    return Reply({"data": rows[page], "links": links, "meta": {"current_page": int(page), "per_page": 100}})


def mailtrap(asked: Asked) -> Reply:
    assert path(asked) == "/api/accounts/3229/suppressions"

    def row(name: str, kind: str, **more: str) -> dict[str, Any]:
        return {
            "id": f"id of {name}",
            "type": kind,
            "created_at": "2020-12-26T09:40:44.161Z",
            "email": f"{name}@example.org",
            "sending_stream": "bulk",
            "domain_name": "example.org",
            "message_bounce_category": None,
            "message_category": "Welcome email",
            "message_client_ip": "123.123.123.123",
            "message_created_at": "2020-12-26T07:10:00.889Z",
            "message_outgoing_ip": "1.1.1.1",
            "message_recipient_mx_name": "Other Providers",
            "message_sender_email": "hello@example.org",
            "message_subject": "Welcome!",
        } | more

    if query(asked, "last_id") == "id of p996":
        return Reply([row("last", "hard bounce")])
    assert not query(asked, "last_id")
    first = [row("ben", "spam complaint"), row("cem", "unsubscription"), row("dora", "manual import")]
    said = "550 5.1.1 The email account that you tried to reach does not exist."
    return Reply([*first, *(row(f"p{n}", "hard bounce", message_esp_response=said) for n in range(997))])


def mandrill(asked: Asked) -> Reply:
    assert (asked.method, asked.target) == ("POST", "/api/1.0/rejects/list.json")
    assert json.loads(asked.body) == {"key": "md-1"}
    entry = {
        "created_at": "2013-01-01 15:30:27",
        "last_event_at": "2013-01-02 15:30:27",
        "expires_at": "2013-01-08 15:30:49",
        "expired": False,
        "sender": {"address": "news@example.org", "sent": 42, "hard_bounces": 42},
        "subaccount": "festival",
    }
    return Reply(
        [
            entry | {"email": "ana@example.org", "reason": "hard-bounce", "detail": "550 mailbox does not exist"},
            entry | {"email": "ben@example.org", "reason": "spam", "detail": ""},
            entry | {"email": "cem@example.org", "reason": "unsub", "detail": ""},
            entry | {"email": "dora@example.org", "reason": "soft-bounce", "detail": "550 5.1.1 no such user"},
            entry | {"email": "emil@example.org", "reason": "custom", "detail": "asked by phone"},
        ]
    )


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
    "mailersend": (
        mailersend,
        "Bearer mlsn.1",
        [
            ("ana@example.org", HARD),
            ("last@example.org", "block"),
            ("ben@example.org", COMPLAINED),
            ("cem@example.org", LEFT),
        ],
    ),
    "mailtrap": (
        mailtrap,
        "Bearer trap-1",
        [
            ("ben@example.org", COMPLAINED),
            ("cem@example.org", LEFT),
            ("dora@example.org", OTHER),
            *((f"p{number}@example.org", HARD) for number in range(997)),
            ("last@example.org", HARD),
        ],
    ),
    "mandrill": (
        mandrill,
        "md-1",
        [
            ("ana@example.org", HARD),
            ("ben@example.org", COMPLAINED),
            ("cem@example.org", LEFT),
            ("dora@example.org", SOFT),
            ("emil@example.org", OTHER),
        ],
    ),
    "resend": (
        resend,
        "Bearer re_1",
        [("ana@example.org", HARD), ("ben@example.org", OTHER), ("cem@example.org", COMPLAINED)],
    ),
}
LOGINS = {"brevo": "api-key", "postmark": "x-postmark-server-token"}
