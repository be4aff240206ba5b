"""For every provider: how it signs, so that one list of security cases can be held against all of them."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import urlencode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from webhooks import signatures
from webhooks.providers import PROVIDERS, Provider, build

Posted = tuple[dict[str, str], bytes]

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
STRANGE_SECRET = "whsec_" + base64.b64encode(b"somebody else's key").decode()
TOPIC = "arn:aws:sns:eu-west-1:123456789012:news-feedback"
HOST = "https://sns.eu-west-1.amazonaws.com"
CERTIFICATE_URL = f"{HOST}/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"
MANDRILL_URL = "https://news.example.org/webhooks/mandrill"


@dataclass(frozen=True)
class Party:
    """A provider as we have configured it, and as it signs: `post(body, at)` gives headers and body on the wire.

    `stranger` is the same, configured with another key than it signs with; `public` is of the key that it signs with,
    where that is its own.
    """

    provider: Provider
    stranger: Provider
    post: Callable[[bytes, datetime], Posted]
    body: bytes
    batch: Callable[[int], bytes] | None = None
    public: str = ""


BODY_IS_NOT_SIGNED = {"azure", "brevo", "mailgun", "mailjet", "postmark", "sparkpost"}
"""They prove who they are by a secret beside the body: whoever adds one here has read that in its documentation."""

TIME_IS_NOT_SIGNED = BODY_IS_NOT_SIGNED - {"mailgun"} | {"forwardemail", "mailersend", "mailtrap", "mandrill", "postal"}
"""A report of theirs that is posted again is known by its id alone."""

ONE_EVENT_A_REPORT = {"forwardemail", "mailersend", "mailgun", "postal", "postmark", "resend", "ses"}
KINDS_STAND_IN = {
    "azure": "eventType",
    "brevo": "event",
    "generic": "type",
    "mailersend": "type",
    "mailgun": "event",
    "mailjet": "event",
    "mailtrap": "event",
    "mandrill": "event",
    "postal": "event",
    "postmark": "RecordType",
    "resend": "type",
    "sendgrid": "event",
    "ses": "notificationType",
    "sparkpost": "type",
}
"""What names the kind of an event. Forward Email tells of bounces alone, and names none."""

ONLY_THEY_SIGN = {"postal", "sendgrid", "ses"}


@pytest.fixture(params=sorted(PROVIDERS.keys() - BODY_IS_NOT_SIGNED))
def signing(request: pytest.FixtureRequest) -> Party:
    """Every provider that signs the body."""
    return request.getfixturevalue(request.param)


@pytest.fixture(params=sorted(PROVIDERS.keys() - TIME_IS_NOT_SIGNED))
def dating(request: pytest.FixtureRequest) -> Party:
    """Every provider that signs the time."""
    return request.getfixturevalue(request.param)


@pytest.fixture(params=sorted(PROVIDERS.keys() - ONE_EVENT_A_REPORT))
def batching(request: pytest.FixtureRequest) -> Party:
    """Every provider that sends many events at once."""
    return request.getfixturevalue(request.param)


@pytest.fixture(params=sorted(PROVIDERS.keys() - ONLY_THEY_SIGN))
def sharing(request: pytest.FixtureRequest) -> Party:
    """Every provider whose key we have, and so can sign by."""
    return request.getfixturevalue(request.param)


@pytest.fixture(params=sorted(ONLY_THEY_SIGN))
def rehearsing(request: pytest.FixtureRequest) -> Party:
    """Every provider for whose key another stands in when it is tried out."""
    return request.getfixturevalue(request.param)


@pytest.fixture(params=sorted(PROVIDERS.keys() - {"forwardemail"}))
def naming(request: pytest.FixtureRequest) -> tuple[Party, str]:
    """Every provider that names the kinds of its events, and where."""
    return request.getfixturevalue(request.param), KINDS_STAND_IN[request.param]


@pytest.fixture(params=sorted(PROVIDERS))
def party(request: pytest.FixtureRequest) -> Party:
    """Every provider there is; one without a fixture of its own name fails here."""
    return request.getfixturevalue(request.param)


def provider(name: str, **keys: str) -> Provider:
    return build(name, {f"{name}_{key}": value for key, value in keys.items()})


def listed(event: dict[str, object]) -> Callable[[int], bytes]:
    return lambda count: json.dumps([event] * count).encode()


@pytest.fixture
def generic(payload) -> Party:
    return Party(
        provider("generic", secret=SECRET),
        provider("generic", secret=STRANGE_SECRET),
        lambda body, at: (signatures.sign_standard_webhooks(body, SECRET, identifier="msg_1", now=at), body),
        payload("generic/batch.json"),
        lambda count: json.dumps({"events": [{"id": str(n), "email": "a@b.example"} for n in range(count)]}).encode(),
    )


@pytest.fixture
def resend(payload) -> Party:
    def post(body: bytes, at: datetime) -> Posted:
        signed = signatures.sign_standard_webhooks(body, SECRET, identifier="msg_1", now=at)
        return {name.replace("webhook", "svix"): value for name, value in signed.items()}, body

    return Party(
        provider("resend", secret=SECRET),
        provider("resend", secret=STRANGE_SECRET),
        post,
        payload("resend/bounced.json"),
    )


def by_password(name: str, body: bytes, batch: Callable[[int], bytes] | None = None) -> Party:
    return Party(
        provider(name, username=name, password="let-me-in"),
        provider(name, username=name, password="other"),
        lambda body, at: (signatures.basic_header(name, "let-me-in"), body),
        body,
        batch,
    )


@pytest.fixture
def postmark(payload) -> Party:
    return by_password("postmark", payload("postmark/hard-bounce.json"))


@pytest.fixture
def mailjet(payload) -> Party:
    return by_password("mailjet", payload("mailjet/bounce-hard.json"), listed({"event": "sent"}))


@pytest.fixture
def sparkpost(payload) -> Party:
    batch = listed({"msys": {"message_event": {"type": "delivery"}}})
    return by_password("sparkpost", payload("sparkpost/bounce-10.json"), batch)


@pytest.fixture
def brevo(payload) -> Party:
    return by_password("brevo", payload("brevo/hard-bounce.json"), listed({"event": "delivered"}))


@pytest.fixture
def azure(payload) -> Party:
    return Party(
        provider("azure", secret="let-me-in"),
        provider("azure", secret="other"),
        lambda body, at: ({"X-Webhook-Secret": "let-me-in"}, body),
        payload("azure/bounced.json"),
        listed({"id": "1"}),
    )


def by_hmac(name: str, field: str, header: str, body: bytes, batch: Callable[[int], bytes] | None = None) -> Party:
    return Party(
        provider(name, **{field: "s1gning-secret"}),
        provider(name, **{field: "another"}),
        lambda body, at: ({header: hmac.new(b"s1gning-secret", body, hashlib.sha256).hexdigest()}, body),
        body,
        batch,
    )


@pytest.fixture
def mailersend(payload) -> Party:
    return by_hmac("mailersend", "secret", "Signature", payload("mailersend/hard-bounced.json"))


@pytest.fixture
def forwardemail(payload) -> Party:
    return by_hmac("forwardemail", "key", "X-Webhook-Signature", payload("forwardemail/recipient.json"))


@pytest.fixture
def mailtrap(payload) -> Party:
    def batch(count: int) -> bytes:
        return json.dumps({"events": [{"event": "open"}] * count}).encode()

    return by_hmac("mailtrap", "secret", "Mailtrap-Signature", payload("mailtrap/bounce.json"), batch)


@pytest.fixture
def mailgun(payload) -> Party:
    """Its signature stands in the body: whatever is no JSON object cannot carry one."""

    def post(body: bytes, at: datetime) -> Posted:
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            return {}, body
        if not isinstance(document, dict):
            return {}, body
        timestamp, token = str(int(at.timestamp())), "651869375b9df3c98fc15c4889b102119add1235c38fc92824"
        digest = hmac.new(b"s1gning-key", f"{timestamp}{token}".encode(), hashlib.sha256).hexdigest()
        return {}, json.dumps(
            {**document, "signature": {"timestamp": timestamp, "token": token, "signature": digest}}
        ).encode()

    return Party(
        provider("mailgun", signing_key="s1gning-key"),
        provider("mailgun", signing_key="another"),
        post,
        payload("mailgun/failed-permanent.json"),
    )


@pytest.fixture
def mandrill(payload) -> Party:
    def post(body: bytes, at: datetime) -> Posted:
        try:
            text = body.decode()
        except UnicodeDecodeError:
            return {"X-Mandrill-Signature": "x"}, body
        digest = hmac.new(b"k3y", f"{MANDRILL_URL}mandrill_events{text}".encode(), hashlib.sha1).digest()
        headers = {"X-Mandrill-Signature": base64.b64encode(digest).decode()}
        return headers, urlencode({"mandrill_events": text}).encode()

    return Party(
        provider("mandrill", key="k3y", url=MANDRILL_URL),
        provider("mandrill", key="another", url=MANDRILL_URL),
        post,
        payload("mandrill/hard-bounce.json"),
        listed({"event": "send"}),
    )


def public(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    encoding, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return base64.b64encode(key.public_key().public_bytes(encoding, form)).decode()


@pytest.fixture(scope="session")
def rsa_keys() -> tuple[rsa.RSAPrivateKey, rsa.RSAPrivateKey]:
    return rsa.generate_private_key(65537, 2048), rsa.generate_private_key(65537, 2048)


@pytest.fixture
def sendgrid(payload) -> Party:
    key = ec.generate_private_key(ec.SECP256R1())

    def post(body: bytes, at: datetime) -> Posted:
        timestamp = str(int(at.timestamp()))
        signature = key.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        return {
            "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
            "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
        }, body

    return Party(
        provider("sendgrid", public_key=public(key)),
        provider("sendgrid", public_key=public(ec.generate_private_key(ec.SECP256R1()))),
        post,
        payload("sendgrid/bounce.json"),
        listed({"event": "open"}),
        public(key),
    )


@pytest.fixture
def postal(payload, rsa_keys) -> Party:
    ours, other = rsa_keys

    def post(body: bytes, at: datetime) -> Posted:
        signature = ours.sign(body, padding.PKCS1v15(), hashes.SHA256())
        return {"X-Postal-Signature-256": base64.b64encode(signature).decode()}, body

    return Party(
        provider("postal", public_key=public(ours)),
        provider("postal", public_key=public(other)),
        post,
        payload("postal/failed.json"),
        public=public(ours),
    )


class Sns:
    """Amazon's side: signs messages, and serves its certificate to whoever asks. It keeps what was fetched."""

    def __init__(self, key: rsa.RSAPrivateKey, now: datetime) -> None:
        self.key = key
        self.fetched: list[str] = []
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(now - timedelta(days=30))
            .not_valid_after(now + timedelta(days=30))
            .sign(key, hashes.SHA256())
        )
        self.certificate = certificate.public_bytes(serialization.Encoding.PEM)

    def fetch(self, url: str) -> bytes:
        self.fetched.append(url)
        return self.certificate

    def message(self, at: datetime, text: str, **changes: str) -> dict[str, str]:
        """A signed message; `changes` are made before it is signed."""
        fields = {
            "Type": "Notification",
            "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b",
            "TopicArn": TOPIC,
            "Message": text,
            "Timestamp": at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "SignatureVersion": "2",
            "SigningCertURL": CERTIFICATE_URL,
            **changes,
        }
        names = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
        signed = "".join(f"{name}\n{fields[name]}\n" for name in names if name in fields).encode()
        algorithm = hashes.SHA1() if fields["SignatureVersion"] == "1" else hashes.SHA256()
        signature = self.key.sign(signed, padding.PKCS1v15(), algorithm)
        return {**fields, "Signature": base64.b64encode(signature).decode()}


@pytest.fixture
def sns(rsa_keys, now) -> Sns:
    return Sns(rsa_keys[0], now)


@pytest.fixture
def ses(payload, sns, rsa_keys, now) -> Party:
    """What is signed is a text inside the message: bytes that are no text are posted as they are."""
    from webhooks.providers.ses import Ses

    def post(body: bytes, at: datetime) -> Posted:
        try:
            text = body.decode()
        except UnicodeDecodeError:
            return {}, body
        if not text.startswith("{\n"):  # plain words on a topic are no error: what is tested here is the message itself
            return {}, body
        return {"x-amz-sns-topic-arn": TOPIC}, json.dumps(sns.message(at, text)).encode()

    ours = Ses(TOPIC, sns.fetch)
    stranger = replace(ours, fetch=Sns(rsa_keys[1], now).fetch, certificates={})
    return Party(ours, stranger, post, payload("ses/bounce-permanent.json"), public=sns.certificate.decode())
