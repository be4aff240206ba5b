"""Amazon SES, whose events come through SNS, signed with RSA by a certificate that SNS names.

A valid signature proves that Amazon wrote the message, not that it is about our mail: anyone may create a topic and
subscribe us to it. So the topic that is configured is compared before anything else is done, and the host that
certificates and confirmations are fetched from follows from it.

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from webhooks import fetching, payload, sns, tokens
from webhooks.errors import MalformedReport, NotAuthentic, NotConfigured, Unavailable
from webhooks.events import Event, Kind, Reason, derived_id
from webhooks.payload import Fields
from webhooks.providers import meaning
from webhooks.providers.guide import Guide, Key
from webhooks.providers.meaning import Meaning

TOLERANCE = timedelta(hours=1)
"""SNS repeats a message for up to an hour with the time it was first published at."""

# SignatureVersion 1 is SHA1 by Amazon's definition; forging it needs a second preimage, not a collision.
HASHES: dict[str, hashes.HashAlgorithm] = {"1": hashes.SHA1(), "2": hashes.SHA256()}  # noqa: S303

PERMANENT = {
    "Suppressed": meaning.hard(Reason.SUPPRESSED),
    "OnAccountSuppressionList": meaning.hard(Reason.SUPPRESSED),
    "OnTenantSuppressionList": meaning.hard(Reason.SUPPRESSED),
    "EmailValidationSuppressed": meaning.SUPPRESSED,
    "UnsubscribedRecipient": meaning.UNSUBSCRIBED,
}
"""Any other is an address that a receiver has refused for good; validating addresses only guesses that it would."""
TRANSIENT = {
    "MailboxFull": meaning.soft(Reason.MAILBOX_FULL),
    "MessageTooLarge": meaning.block(Reason.TOO_BIG),
    "CustomTimeoutExceeded": meaning.soft(Reason.EXPIRED),
    "ContentRejected": meaning.block(Reason.CONTENT),
    "AttachmentRejected": meaning.block(Reason.CONTENT),
}
DELAYS = {
    "MailboxFull": Reason.MAILBOX_FULL,
    "InternalFailure": Reason.SYSTEM,
    "RecipientServerError": Reason.SYSTEM,
    "SpamDetected": Reason.CONTENT,
    "TransientCommunicationFailure": Reason.NETWORK,
    "IPFailure": Reason.REPUTATION,
}

_CERTIFICATE = r"/SimpleNotificationService-[0-9a-f]{16,64}\.pem"
_CONFIRM = r"/\?Action=ConfirmSubscription&[!-\"$-~]+"
_KEPT = 8


@dataclass(frozen=True, slots=True)
class Ses:
    """The ARN of the one topic whose messages are ours, `arn:aws:sns:REGION:ACCOUNT:NAME`."""

    name: ClassVar[str] = "ses"
    blocking: ClassVar[bool] = True
    guide: ClassVar[Guide] = Guide(
        where="SES → the identity → Notifications: the topic; SNS → Topics → that topic → Create subscription: HTTPS",
        tick=("Bounce feedback", "Complaint feedback", "Delivery feedback", "and: Include original headers"),
        keys=(Key("topic_arn", "the topic's page: ARN, arn:aws:sns:REGION:ACCOUNT:NAME"),),
        notes=(
            "Set the topic and let us run before you make the subscription: we confirm it, and that of no other topic.",
            "Turn raw message delivery off: what is delivered raw is not signed.",
        ),
        trial="send a mail through it to bounce@simulator.amazonses.com",
    )
    topic_arn: str = ""
    fetch: Callable[[str], bytes] = field(default=fetching.get, repr=False)
    certificates: dict[str, x509.Certificate] = field(default_factory=dict, repr=False, compare=False)

    def verify(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> None:
        """Check topic, then age, then signature. Raises NotConfigured, NotAuthentic, MalformedReport or Unavailable."""
        if sns.host(self.topic_arn) is None:
            raise NotConfigured("no topic is set for this provider: set webhooks.ses_topic_arn to arn:aws:sns:…")
        message = _message(body)
        if message.text("TopicArn") != self.topic_arn:
            raise NotAuthentic("the message is not from our topic")
        published = payload.instant(message.data.get("Timestamp"))
        if published is None or abs(now - published) > TOLERANCE:
            raise NotAuthentic("the message was not published within the last hour")
        names, algorithm = sns.SIGNED.get(message.text("Type")), HASHES.get(message.text("SignatureVersion"))
        if names is None or algorithm is None:
            raise NotAuthentic("the message is of a type or a signature version that SNS does not document")
        self._check(message, names, algorithm, now)

    def parse(self, body: bytes, *, now: datetime) -> list[Event]:
        """The events of each recipient; none for confirmations. Raises MalformedReport."""
        message = _message(body)
        if message.text("Type") != "Notification":
            return []
        return list(_events(_inner(message), message.text("MessageId"), now))

    def answer(self, body: bytes) -> bytes:
        """Confirm the subscription that was just proven to be to our topic; nothing for anything else."""
        message = _message(body)
        if message.text("Type") == "SubscriptionConfirmation" and message.text("TopicArn") == self.topic_arn:
            self.fetch(self._ours(message.data.get("SubscribeURL"), _CONFIRM))
        return b""

    def rehearse(self, address: str, token: str, *, now: datetime) -> tuple[dict[str, str], bytes, str]:
        """A hard bounce on our topic, signed by a key made for it; and that key's certificate, as PEM."""
        key = rsa.generate_private_key(65537, 2048)
        message = {
            "Type": "Notification",
            "MessageId": derived_id("sample", address, now),
            "TopicArn": self.topic_arn,
            "Message": json.dumps(_bounced(address, token, now)),
            "Timestamp": f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%S.000Z}",
            "SignatureVersion": "2",
            "SigningCertURL": f"{sns.host(self.topic_arn)}/SimpleNotificationService-{'0' * 32}.pem",
        }
        signature = key.sign(sns.signed(message, sns.NOTIFICATION), padding.PKCS1v15(), HASHES["2"])
        body = json.dumps({**message, "Signature": base64.b64encode(signature).decode()}).encode()
        headers = {"Content-Type": "text/plain; charset=UTF-8", "x-amz-sns-topic-arn": self.topic_arn}
        return headers, body, _certificate_of(key, now)

    def believing(self, public: str) -> "Ses":
        """This topic, whose messages that certificate proves and no other; nothing is fetched, nor kept for later."""
        return replace(self, fetch=lambda _: public.encode(), certificates={})

    def _check(self, message: Fields, names: tuple[str, ...], algorithm: hashes.HashAlgorithm, now: datetime) -> None:
        url = self._ours(message.data.get("SigningCertURL"), _CERTIFICATE)
        key = self._certificate(url, now).public_key()
        try:
            signature = base64.b64decode(message.text("Signature"), validate=True)
            if not isinstance(key, rsa.RSAPublicKey):
                raise NotAuthentic("the certificate holds no RSA key")
            key.verify(signature, sns.signed(message.data, names), padding.PKCS1v15(), algorithm)
        except (InvalidSignature, binascii.Error, ValueError) as error:
            raise NotAuthentic("the signature does not match the message") from error

    def _ours(self, url: object, rest: str) -> str:
        """The URL, when it is of the SNS of our topic's own region and nothing else. Raises NotAuthentic."""
        host = sns.host(self.topic_arn)
        if not (host and isinstance(url, str) and re.fullmatch(rf"{re.escape(host)}{rest}", url, re.ASCII)):
            raise NotAuthentic("the message names a URL that is not of SNS in our region")
        return url

    def _certificate(self, url: str, now: datetime) -> x509.Certificate:
        found = self.certificates.get(url)
        if found is None:
            try:
                found = x509.load_pem_x509_certificate(self.fetch(url))
            except ValueError as error:
                raise Unavailable("what SNS gave as its certificate is none") from error
            if len(self.certificates) >= _KEPT:
                self.certificates.clear()
            self.certificates[url] = found
        if not found.not_valid_before_utc <= now <= found.not_valid_after_utc:
            raise NotAuthentic("the certificate of the signature is not valid now")
        return found


def _certificate_of(key: rsa.RSAPrivateKey, now: datetime) -> str:
    """Signed by the key itself, good for as long as SNS may repeat what it signs."""
    nobody, number = x509.Name([]), x509.random_serial_number()
    builder = x509.CertificateBuilder(nobody, nobody, key.public_key(), number, now - TOLERANCE, now + TOLERANCE)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def _bounced(address: str, token: str, now: datetime) -> dict[str, object]:
    said = "smtp; 550 5.1.1 User unknown"
    one = {"emailAddress": address, "action": "failed", "status": "5.1.1", "diagnosticCode": said}
    return {
        "notificationType": "Bounce",
        "bounce": {
            "bounceType": "Permanent",
            "bounceSubType": "General",
            "bouncedRecipients": [one],
            "timestamp": now.isoformat(),
        },
        "mail": {
            "timestamp": now.isoformat(),
            "destination": [address],
            "headers": [{"name": "Message-ID", "value": f"<{token}@sample.example>"}],
        },
    }


def _message(body: bytes) -> Fields:
    document = payload.load(body)
    if not isinstance(document, dict):
        raise MalformedReport("the body must be an SNS message")
    return Fields(document)


def mailed(text: str, *, now: datetime) -> list[Event]:
    """The events of what SNS mails: a notification, bare or in the message of SNS; none where that is not all."""
    try:
        document = _message(text.encode("utf-8", "surrogatepass"))
    except MalformedReport:
        return []
    is_wrapped = document.text("Type") == "Notification"
    return list(_events(_inner(document) if is_wrapped else document, document.text("MessageId"), now))


def _inner(message: Fields) -> Fields:
    """What was published to the topic; nothing where that is no JSON, since SNS and people may publish plain words."""
    text = message.data.get("Message")
    try:
        return Fields.of(payload.load(text.encode("utf-8", "surrogatepass")) if isinstance(text, str) else None)
    except MalformedReport:
        return Fields({})


def _events(report: Fields, identifier: str, now: datetime) -> Iterator[Event]:
    """Notifications say notificationType, event publishing says eventType; the rest is the same."""
    kind = report.text("notificationType", "eventType")
    mail = report.child("mail")
    for index, (address, means, detail, at) in enumerate(_concerned(kind, report, mail, now)):
        yield Event(
            provider=Ses.name,
            id=f"{identifier}-{index}",
            kind=means.kind,
            address=address,
            at=at,
            token=_token(mail),
            bounce=means.bounce,
            reason=means.reason,
            status=means.status,
            detail=means.told(detail, kind),
        )


def _concerned(kind: str, report: Fields, mail: Fields, now: datetime) -> Iterator[tuple[str, Meaning, str, datetime]]:
    """Each recipient with what happened, what was said, and when."""
    match kind:
        case "Bounce":
            bounce = report.child("bounce")
            for one in bounce.children("bouncedRecipients"):
                said = one.text("diagnosticCode")
                means = _bounce(bounce).refined(said, one.text("status"))
                yield one.text("emailAddress"), means, said, bounce.at("timestamp", now=now)
        case "Complaint":
            complaint = report.child("complaint")
            means = meaning.COMPLAINED if _is_abuse(complaint) else meaning.OTHER
            for one in complaint.children("complainedRecipients"):
                said = complaint.text("complaintFeedbackType", "complaintSubType")
                yield one.text("emailAddress"), means, said, complaint.at("timestamp", now=now)
        case "DeliveryDelay":
            delay = report.child("deliveryDelay")
            reason = DELAYS.get(delay.text("delayType"), Reason.UNKNOWN)
            for one in delay.children("delayedRecipients"):
                means = Meaning(Kind.DEFERRED, meaning.DEFERRED.bounce, reason)
                said = one.text("diagnosticCode")
                yield (
                    one.text("emailAddress"),
                    means.refined(said, one.text("status")),
                    said,
                    delay.at("timestamp", now=now),
                )
        case "Subscription":
            subscription = report.child("subscription")
            has_left = subscription.child("newTopicPreferences").true("unsubscribeAll")
            means = meaning.UNSUBSCRIBED if has_left else meaning.OTHER
            for address in mail.texts("destination"):
                yield address, means, subscription.text("source"), subscription.at("timestamp", now=now)
        case _:
            detail = report.child(kind.lower().removeprefix("rendering "))
            yield from _plain(kind, detail, mail, now)


def _plain(kind: str, detail: Fields, mail: Fields, now: datetime) -> Iterator[tuple[str, Meaning, str, datetime]]:
    means = {"Delivery": meaning.DELIVERED, "Reject": meaning.block(Reason.VIRUS)}.get(kind, meaning.OTHER)
    for address in detail.texts("recipients") or mail.texts("destination"):
        said = detail.text("smtpResponse", "reason", "errorMessage")
        at = (detail if "timestamp" in detail.data else mail).at("timestamp", now=now)
        yield address, means, said, at


def _bounce(bounce: Fields) -> Meaning:
    subtype = bounce.text("bounceSubType")
    if bounce.text("bounceType") == "Permanent":
        return PERMANENT.get(subtype, meaning.hard())
    return TRANSIENT.get(subtype, meaning.soft())


def _is_abuse(complaint: Fields) -> bool:
    """Some mailbox providers tell no type; those that tell another than abuse mean no complaint (RFC 5965 7.3)."""
    return complaint.text("complaintFeedbackType") in ("", "abuse")


def _token(mail: Fields) -> str | None:
    tags = mail.child("tags").texts("token")
    names = ("CFBL-Feedback-ID", "Message-ID", "List-Unsubscribe")
    headers = [mail.header(name) for name in names]
    return tokens.first(*tags, *headers, mail.child("commonHeaders").text("messageId"), mail.text("source"))
