"""Reports by HTTP: believed when they prove themselves, stored before they are acknowledged, once."""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import SecretStr
from sqlalchemy import Engine, event, select
from structlog.testing import capture_logs

from newsletter.feedback import kept
from newsletter.tables import inbox
from subscribers.links import DeliveryRef
from webhooks import providers, signatures
from webhooks.errors import Unavailable
from webhooks.events import Event, Kind
from webhooks.rehearsals import HEADER, NO_TOKEN, NOBODY, Rehearsals


@pytest.fixture
def report(settings, clock):
    """A correctly signed report of a hard bounce, by the provider's name."""

    def sign(name: str) -> tuple[dict[str, str], bytes]:
        provider = providers.build(name, settings.webhooks.in_clear())
        return provider.sample("ana@example.org", "a" * 40, now=clock())

    return sign


async def stored(desk) -> list[tuple[str, str]]:
    async with desk.database.read() as connection:
        rows = await connection.execute(select(inbox.c.provider, inbox.c.event))
        return [(row.provider, row.event["address"]) for row in rows]


@pytest.mark.parametrize("name", ["generic", "postmark"])
async def test_a_true_report_is_stored_once_however_often_it_comes(client, desk, report, name: str) -> None:
    headers, body = report(name)
    for _ in range(2):
        assert (await client.post(f"/webhooks/{name}", content=body, headers=headers)).status_code == 200
    assert await stored(desk) == [(name, "ana@example.org")]


@pytest.mark.parametrize("name", ["generic", "postmark"])
async def test_a_report_that_proves_nothing_is_refused_and_changes_nothing(client, desk, report, name: str) -> None:
    _, body = report(name)
    response = await client.post(f"/webhooks/{name}", content=body, headers={"Authorization": "Basic eDp5"})
    assert response.status_code in (400, 401)
    assert response.json()["error"]
    assert await stored(desk) == []


async def test_a_report_that_is_refused_is_one_line_in_the_log_and_an_unknown_name_is_none(client, report) -> None:
    _, body = report("postmark")
    with capture_logs() as lines:
        for name in ("postmark", "nobody"):
            await client.post(f"/webhooks/{name}", content=body, headers={"Authorization": "Basic eDp5"})
    assert [(line["event"], line["provider"], line["status"]) for line in lines] == [
        ("report refused", "postmark", 401)
    ]


async def test_a_body_that_was_altered_on_its_way_is_refused(client, desk, report) -> None:
    headers, body = report("generic")
    changed = body.replace(b"ana@", b"eve@")
    assert (await client.post("/webhooks/generic", content=changed, headers=headers)).status_code == 401
    assert await stored(desk) == []


async def test_a_provider_whose_key_is_not_set_is_refused(serve, settings, loaded, report, desk) -> None:
    empty = settings.webhooks.model_copy(update={"postmark_username": "", "postmark_password": ""})
    headers, body = report("postmark")
    client = await serve(settings.model_copy(update={"webhooks": empty}))
    assert (await client.post("/webhooks/postmark", content=body, headers=headers)).status_code == 403
    assert await stored(desk) == []


async def test_a_true_report_that_cannot_be_read_is_400(client, desk, settings, report) -> None:
    headers, _ = report("postmark")
    for body in (b"", b"[", b"[]", b"\xff", b"[" * 100_000):
        assert (await client.post("/webhooks/postmark", content=body, headers=headers)).status_code == 400
    assert await stored(desk) == []


async def test_a_report_with_a_nul_in_it_is_stored_like_any_other(client, desk, report) -> None:
    headers, body = report("postmark")
    document = json.loads(body) | {"Details": "550 \x00 no"}
    assert (await client.post("/webhooks/postmark", json=document, headers=headers)).status_code == 200
    assert len(await stored(desk)) == 1


async def test_an_unknown_provider_is_404(client) -> None:
    assert (await client.post("/webhooks/nobody", content=b"{}")).status_code == 404


async def test_what_is_truly_theirs_and_cannot_be_read_is_kept_for_people_and_nothing_else_is(
    desk, client, clock
) -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"events": "of a shape that nobody documented"}'
    signed = signatures.sign_standard_webhooks(body, secret, identifier="msg_1", now=clock())
    for headers in (signed, signed, {}, {**signed, "webhook-id": "msg_2"}):
        answer = await client.post("/webhooks/generic", content=body, headers=headers)
        assert answer.status_code == (400 if headers is signed else 401)
    assert (await client.post("/webhooks/mailgun", content=b"{")).status_code == 403
    async with desk.database.read() as connection:
        (one,) = await kept.waiting(connection)
        assert (one.kind, one.sender) == ("other", "a report of generic")
        assert one.subject == 'the body must be {"events": [ … ]}'
        assert await kept.raw(connection, one.id) == body
    async with desk.database.begin() as connection:
        await kept.dismiss(connection, one.id, clock())
        assert await kept.waiting(connection) == []


async def test_a_report_of_more_than_five_megabytes_is_413_and_stands_in_the_log(client, report) -> None:
    headers, _ = report("postmark")
    with capture_logs() as lines:
        for name in ("postmark", "nobody"):
            response = await client.post(f"/webhooks/{name}", content=b" " * (5 * 1024 * 1024 + 1), headers=headers)
            assert response.status_code == 413
    assert [(line["event"], line["provider"], line["status"]) for line in lines] == [
        ("report refused", "postmark", 413)
    ]


async def test_a_report_larger_than_a_page_may_be_is_read(client, report) -> None:
    headers, body = report("postmark")
    padded = body + b" " * (200 * 1024)
    assert (await client.post("/webhooks/postmark", content=padded, headers=headers)).status_code == 200


async def test_mandrill_asks_with_head_whether_anybody_listens(client) -> None:
    assert (await client.head("/webhooks/mandrill")).status_code == 200
    assert (await client.head("/webhooks/nobody")).status_code == 404
    assert (await client.get("/webhooks/mandrill")).status_code == 405


async def test_azure_asks_with_options_whether_its_events_are_wanted(serve, settings, loaded) -> None:
    keys = settings.webhooks.model_copy(update={"azure_secret": SecretStr("let-me-in")})
    client = await serve(settings.model_copy(update={"webhooks": keys}))
    asked = {"WebHook-Request-Origin": "eventgrid.azure.net", "WebHook-Request-Rate": "120"}
    answer = await client.options("/webhooks/azure", headers=asked)
    assert (answer.status_code, answer.content) == (200, b"")
    told = {name: answer.headers[name] for name in ("WebHook-Allowed-Origin", "WebHook-Allowed-Rate", "Allow")}
    assert told == {"WebHook-Allowed-Origin": "eventgrid.azure.net", "WebHook-Allowed-Rate": "*", "Allow": "POST"}
    for name, headers in (
        ("azure", {}),
        ("azure", {"WebHook-Request-Origin": "eventgrid.azure.net.example.org"}),
        ("azure", {"WebHook-Request-Origin": "example.org"}),
        ("postmark", asked),
        ("nobody", asked),
    ):
        refused = await client.options(f"/webhooks/{name}", headers=headers)
        assert (refused.status_code, refused.headers.get("WebHook-Allowed-Origin")) == (405, None), (name, headers)


async def test_a_report_is_posted_and_nothing_else(client) -> None:
    for name in providers.PROVIDERS:
        for method in ("GET", "PUT", "PATCH", "DELETE", "OPTIONS"):
            response = await client.request(method, f"/webhooks/{name}", content=b"{}")
            assert (name, method, response.status_code) == (name, method, 405)


@dataclass(frozen=True)
class Handshake:
    """A provider that reports one event, and whose answer asks a network that is down."""

    name: ClassVar[str] = "handshake"
    blocking: ClassVar[bool] = True

    def verify(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> None:
        """Believe it."""

    def parse(self, body: bytes, *, now: datetime) -> list[Event]:
        return [Event(self.name, "1", Kind.OTHER, "ana@example.org", now)]

    def answer(self, body: bytes) -> bytes:
        raise Unavailable("the network is down")


async def test_what_a_report_says_is_stored_before_its_answer_is_tried(
    serve, settings, desk, loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(providers.PROVIDERS, "handshake", Handshake)
    client = await serve(settings)
    for _ in range(2):
        assert (await client.post("/webhooks/handshake", content=b"{}")).status_code == 503
    assert await stored(desk) == [("handshake", "ana@example.org")]


def public(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return base64.b64encode(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


@pytest.fixture(scope="module")
def keys_of_theirs() -> dict[str, str]:
    """What is set of each provider whose private key it alone has."""
    return {
        "ses_topic_arn": "arn:aws:sns:eu-west-1:123456789012:news",
        "sendgrid_public_key": public(ec.generate_private_key(ec.SECP256R1())),
        "postal_public_key": public(rsa.generate_private_key(65537, 2048)),
    }


@pytest.fixture
def with_theirs(settings, keys_of_theirs):
    """Settings that know these providers."""
    return settings.model_copy(update={"webhooks": settings.webhooks.model_copy(update=keys_of_theirs)})


@pytest.fixture
def rehearsals(settings) -> Rehearsals:
    """The hand that `newsletter webhooks test` writes."""
    return Rehearsals([key.get_secret_value() for key in settings.secrets.signing_keys])


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """Whatever any database is asked meanwhile."""
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield asked
    event.remove(Engine, "before_cursor_execute", note)


THEIRS = ["postal", "sendgrid", "ses"]


@pytest.mark.parametrize("name", THEIRS)
async def test_a_sample_by_a_key_that_stands_in_is_stored_once_while_its_test_lasts(
    serve, with_theirs, loaded, desk, rehearsals, clock, name: str
) -> None:
    client = await serve(with_theirs)
    provider = providers.build(name, with_theirs.webhooks.in_clear())
    headers, body = rehearsals.sample(provider, now=clock())
    late_headers, late_body = rehearsals.sample(provider, now=clock())
    answers = [await client.post(f"/webhooks/{name}", content=body, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 401]
    assert await stored(desk) == [(name, NOBODY)]
    assert desk.links.read_delivery_token(NO_TOKEN) is None
    clock.forward(timedelta(minutes=2))
    assert (await client.post(f"/webhooks/{name}", content=late_body, headers=late_headers)).status_code == 401
    assert len(await stored(desk)) == 1


@pytest.mark.parametrize("name", THEIRS)
async def test_a_sample_that_names_a_mail_of_ours_or_somebody_is_refused_and_changes_nothing(
    serve, with_theirs, loaded, desk, rehearsals, clock, name: str
) -> None:
    client = await serve(with_theirs)
    provider = providers.build(name, with_theirs.webhooks.in_clear())
    genuine = desk.links.delivery_token(DeliveryRef("campaign", 1, 1))
    for address, token in ((NOBODY, genuine), ("ana@example.org", NO_TOKEN), ("ana@example.org", genuine)):
        headers, body, key = provider.rehearse(address, token, now=clock())
        headers |= rehearsals.vouch(provider, key, now=clock())
        assert (await client.post(f"/webhooks/{name}", content=body, headers=headers)).status_code == 401
    assert await stored(desk) == []


@pytest.mark.parametrize("name", THEIRS)
async def test_a_stranger_s_key_costs_the_database_nothing(
    serve, with_theirs, loaded, rehearsals, clock, statements: list[str], name: str
) -> None:
    client = await serve(with_theirs)
    provider = providers.build(name, with_theirs.webhooks.in_clear())
    of_a_stranger, body = Rehearsals(["s" * 40]).sample(provider, now=clock())
    statements.clear()
    for header in (of_a_stranger[HEADER], "", "x.y.z"):
        answer = await client.post(f"/webhooks/{name}", content=body, headers=of_a_stranger | {HEADER: header})
        assert answer.status_code == 401
    assert statements == []
    headers, body = rehearsals.sample(provider, now=clock())
    assert (await client.post(f"/webhooks/{name}", content=body, headers=headers)).status_code == 200
    assert statements
