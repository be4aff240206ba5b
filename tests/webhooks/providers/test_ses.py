import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from webhooks import endpoint, fetching
from webhooks.errors import NotAuthentic, NotConfigured, Unavailable
from webhooks.events import BounceClass, Kind, Reason
from webhooks.providers.ses import Ses
from webhooks.rehearsals import HEADER, NO_TOKEN, NOBODY, Rehearsals

BLOCK, HARD, SOFT = BounceClass.BLOCK, BounceClass.HARD, BounceClass.SOFT
HOST = "https://sns.eu-west-1.amazonaws.com"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:news-feedback"

EVENTS = [
    ("bounce-permanent", Kind.BOUNCED, HARD, Reason.NO_SUCH_USER),
    ("bounce-published", Kind.BOUNCED, HARD, Reason.NO_SUCH_USER),
    ("bounce-permanent-bare", Kind.BOUNCED, HARD, Reason.NO_SUCH_USER),
    ("bounce-permanent-blocked", Kind.BOUNCED, BLOCK, Reason.REPUTATION),
    ("bounce-suppressed", Kind.BOUNCED, HARD, Reason.SUPPRESSED),
    ("bounce-transient", Kind.BOUNCED, SOFT, Reason.UNKNOWN),
    ("bounce-mailbox-full", Kind.BOUNCED, SOFT, Reason.MAILBOX_FULL),
    ("bounce-content", Kind.BOUNCED, BLOCK, Reason.CONTENT),
    ("bounce-undetermined", Kind.BOUNCED, SOFT, Reason.UNKNOWN),
    ("complaint", Kind.COMPLAINED, None, Reason.UNKNOWN),
    ("complaint-untyped", Kind.COMPLAINED, None, Reason.UNKNOWN),
    ("complaint-not-spam", Kind.OTHER, None, Reason.UNKNOWN),
    ("delivery", Kind.DELIVERED, None, Reason.UNKNOWN),
    ("delivery-delay", Kind.DEFERRED, SOFT, Reason.MAILBOX_FULL),
    ("reject", Kind.BOUNCED, BLOCK, Reason.VIRUS),
    ("send", Kind.OTHER, None, Reason.UNKNOWN),
    ("open", Kind.OTHER, None, Reason.UNKNOWN),
    ("click", Kind.OTHER, None, Reason.UNKNOWN),
    ("rendering-failure", Kind.OTHER, None, Reason.UNKNOWN),
    ("subscription-all", Kind.UNSUBSCRIBED, None, Reason.UNKNOWN),
    ("subscription-topic", Kind.OTHER, None, Reason.UNKNOWN),
]


def notification(body, now, sns, **changes):
    return json.dumps(sns.message(now, body.decode(), **changes)).encode()


def receive(ses, message, now):
    return endpoint.receive(ses.provider, {}, json.dumps(message).encode(), now=now)


@pytest.mark.parametrize(("name", "kind", "bounce", "reason"), EVENTS)
def test_each_event_is_read(name, kind, bounce, reason, payload, ses, sns, now, token):
    body = notification(payload(f"ses/{name}.json"), now, sns)
    (event,) = endpoint.receive(ses.provider, {}, body, now=now)
    assert (event.kind, event.bounce, event.reason) == (kind, bounce, reason)
    assert (event.provider, event.address, event.token) == ("ses", "ana@school.example", token)
    assert datetime(2021, 3, 1, 9, 15, tzinfo=UTC) <= event.at <= datetime(2021, 3, 1, 9, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "subtype", "what", "bounce", "reason"),
    [
        ("Permanent", "General", Kind.BOUNCED, HARD, Reason.NO_SUCH_USER),
        ("Permanent", "NoEmail", Kind.BOUNCED, HARD, Reason.NO_SUCH_USER),
        ("Permanent", "Suppressed", Kind.BOUNCED, HARD, Reason.SUPPRESSED),
        ("Permanent", "OnAccountSuppressionList", Kind.BOUNCED, HARD, Reason.SUPPRESSED),
        ("Permanent", "OnTenantSuppressionList", Kind.BOUNCED, HARD, Reason.SUPPRESSED),
        ("Permanent", "EmailValidationSuppressed", Kind.BOUNCED, SOFT, Reason.SUPPRESSED),
        ("Permanent", "UnsubscribedRecipient", Kind.UNSUBSCRIBED, None, Reason.UNKNOWN),
        ("Transient", "General", Kind.BOUNCED, SOFT, Reason.UNKNOWN),
        ("Transient", "MailboxFull", Kind.BOUNCED, SOFT, Reason.MAILBOX_FULL),
        ("Transient", "MessageTooLarge", Kind.BOUNCED, BLOCK, Reason.TOO_BIG),
        ("Transient", "CustomTimeoutExceeded", Kind.BOUNCED, SOFT, Reason.EXPIRED),
        ("Transient", "ContentRejected", Kind.BOUNCED, BLOCK, Reason.CONTENT),
        ("Transient", "AttachmentRejected", Kind.BOUNCED, BLOCK, Reason.CONTENT),
        ("Undetermined", "Undetermined", Kind.BOUNCED, SOFT, Reason.UNKNOWN),
    ],
)
def test_each_type_of_bounce_means_what_amazon_says_of_it(kind, subtype, what, bounce, reason, payload, ses, sns, now):
    document = json.loads(payload("ses/bounce-permanent-bare.json"))
    document["bounce"] |= {"bounceType": kind, "bounceSubType": subtype}
    (event,) = endpoint.receive(ses.provider, {}, notification(json.dumps(document).encode(), now, sns), now=now)
    assert (event.kind, event.bounce, event.reason) == (what, bounce, reason)


def test_each_bounced_recipient_is_an_event_of_its_own(payload, ses, sns, now):
    events = endpoint.receive(ses.provider, {}, notification(payload("ses/bounce-two.json"), now, sns), now=now)
    assert [event.address for event in events] == ["ana@school.example", "bo@school.example"]
    assert [event.id for event in events] == [f"165545c9-2a5c-472c-8df2-7ff2be2b3b1b-{n}" for n in (0, 1)]


@pytest.mark.parametrize("version", ["1", "2"])
def test_both_versions_of_the_signature_are_believed(version, ses, sns, now):
    receive(ses, sns.message(now, "{}", SignatureVersion=version, Subject="Amazon SES"), now)


def test_the_certificate_is_fetched_once(ses, sns, now):
    receive(ses, sns.message(now, "{}"), now)
    receive(ses, sns.message(now, "{}"), now)
    assert sns.fetched == [f"{HOST}/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"]


@pytest.mark.parametrize(
    "topic",
    [
        "arn:aws:sns:eu-west-1:999999999999:news-feedback",
        "arn:aws:sns:eu-west-1:123456789012:news-feedback2",
        TOPIC.upper(),
        "",
    ],
)
@pytest.mark.parametrize("kind", ["Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"])
def test_a_true_signature_on_another_topic_is_refused_before_anything_is_fetched(topic, kind, ses, sns, now):
    message = sns.message(now, "{}", TopicArn=topic, Type=kind, SubscribeURL=f"{HOST}/?Action=ConfirmSubscription&x=1")
    with pytest.raises(NotAuthentic, match="our topic"):
        receive(ses, message, now)
    assert sns.fetched == []


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-0123456789abcdef.pem",
        "https://evil.example/sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.com:443/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.com@evil.example/SimpleNotificationService-0123456789abcdef.pem",
        "https://user@sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem#x",
        "https://sns.eu-west-1.amazonaws.com/../SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-xyz.pem",
        "https://sns.eu-west-1.amazonaws.com/",
        "https://s3.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://snsXeu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.cоm/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.com\n/SimpleNotificationService-0123456789abcdef.pem",
        "file:///etc/passwd",
        "https://[::1/",
        "",
    ],
)
def test_a_certificate_from_anywhere_else_is_never_fetched(url, ses, sns, now):
    with pytest.raises(NotAuthentic):
        receive(ses, sns.message(now, "{}", SigningCertURL=url), now)
    assert sns.fetched == []


@pytest.mark.parametrize("name", ["Message", "MessageId", "Timestamp", "Type", "Subject"])
def test_every_signed_field_is_covered(name, ses, sns, now):
    message = sns.message(now, "{}", Subject="x")
    changed = {"Timestamp": (now - timedelta(minutes=1)).isoformat(), "Type": "UnsubscribeConfirmation"}
    with pytest.raises(NotAuthentic):
        receive(ses, {**message, name: changed.get(name, message[name] + "x")}, now)


@pytest.mark.parametrize(
    "changes", [{"SignatureVersion": "3"}, {"Type": "Other"}, {"Signature": "AAAA"}, {"Signature": "*"}]
)
def test_versions_types_and_signatures_that_are_not_documented_are_refused(changes, ses, sns, now):
    with pytest.raises(NotAuthentic):
        receive(ses, {**sns.message(now, "{}"), **changes}, now)


@pytest.mark.parametrize("minutes", [59, -59])
def test_sns_may_repeat_a_message_for_an_hour(minutes, ses, sns, now):
    assert receive(ses, sns.message(now + timedelta(minutes=minutes), "{}"), now) == []


def test_a_certificate_out_of_its_time_is_refused(ses, sns, now):
    later = now + timedelta(days=31)
    with pytest.raises(NotAuthentic, match="not valid now"):
        receive(ses, sns.message(later, "{}"), later)


def test_a_certificate_that_is_none_asks_for_another_try(ses, sns, now):
    sns.certificate = b"<html>Service Unavailable</html>"
    with pytest.raises(Unavailable):
        receive(ses, sns.message(now, "{}"), now)
    assert Unavailable.status == 503


@pytest.mark.parametrize(
    "arn", ["", "news-feedback", "arn:aws:sqs:eu-west-1:123456789012:q", TOPIC + "\nx", "arn:aws:sns:evil.example/:1:x"]
)
def test_without_a_topic_nothing_is_believed(arn, ses, sns, now):
    with pytest.raises(NotConfigured, match="ses_topic_arn"):
        endpoint.receive(replace(ses.provider, topic_arn=arn), {}, json.dumps(sns.message(now, "{}")).encode(), now=now)


def test_a_subscription_to_our_topic_is_confirmed_once_it_is_proven(ses, sns, now):
    url = f"{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37"
    message = sns.message(
        now, "You have chosen to subscribe", Type="SubscriptionConfirmation", SubscribeURL=url, Token="2336412f37"
    )
    body = json.dumps(message).encode()
    assert endpoint.receive(ses.provider, {}, body, now=now) == []
    assert url not in sns.fetched
    assert endpoint.answer(ses.provider, body) == b""
    assert sns.fetched[-1] == url


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/?Action=ConfirmSubscription&Token=x",
        f"{HOST}/?Action=DeleteTopic&Token=x",
        f"{HOST}/other?Action=ConfirmSubscription&Token=x",
        "https://sns.eu-west-1.amazonaws.com.evil.example/?Action=ConfirmSubscription&Token=x",
        "http://169.254.169.254/?Action=ConfirmSubscription&Token=x",
    ],
)
def test_a_confirmation_is_fetched_from_sns_only(url, ses, sns, now):
    message = sns.message(now, "x", Type="SubscriptionConfirmation", SubscribeURL=url, Token="x")
    body = json.dumps(message).encode()
    endpoint.receive(ses.provider, {}, body, now=now)
    with pytest.raises(NotAuthentic):
        endpoint.answer(ses.provider, body)
    assert url not in sns.fetched


@pytest.mark.parametrize(
    "text", ["hello", "[]", "7", '{"notificationType": "AmazonSnsSubscriptionSucceeded"}', '{"mail": 7}']
)
def test_other_words_on_the_topic_are_no_events(text, ses, sns, now):
    assert receive(ses, sns.message(now, text), now) == []


def test_china_has_its_own_host(ses, sns, now):
    arn = "arn:aws-cn:sns:cn-north-1:123456789012:news"
    url = "https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-0123456789abcdef.pem"
    message = sns.message(now, "{}", TopicArn=arn, SigningCertURL=url)
    assert receive(replace(ses, provider=replace(ses.provider, topic_arn=arn)), message, now) == []


def test_the_topics_of_the_american_government_are_at_the_host_of_their_region(ses, sns, now):
    arn = "arn:aws-us-gov:sns:us-gov-west-1:123456789012:news"
    url = "https://sns.us-gov-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"
    message = sns.message(now, "{}", TopicArn=arn, SigningCertURL=url)
    assert receive(replace(ses, provider=replace(ses.provider, topic_arn=arn)), message, now) == []
    assert sns.fetched == [url]


def test_a_certificate_with_another_kind_of_key_is_refused(ses, sns, now):
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateBuilder(
        x509.Name([]), x509.Name([]), key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1)
    )
    sns.certificate = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    with pytest.raises(NotAuthentic, match="RSA"):
        receive(ses, sns.message(now, "{}"), now)


@pytest.fixture
def stand_in(ses, sns, payload, token):
    """What comes of a message about nobody, with a header by which the key of `sns` stands in for that of Amazon."""

    def receive(now, **changes):
        rehearsals = Rehearsals(["k" * 40])
        text = payload("ses/bounce-permanent.json").decode()
        message = sns.message(now, text.replace("ana@school.example", NOBODY).replace(token, NO_TOKEN), **changes)
        header = rehearsals.vouch(ses.stranger, ses.public, now=now)
        return rehearsals.receive(ses.stranger, header, json.dumps(message).encode(), now=now)

    return receive


def test_a_message_about_nobody_is_taken_from_a_certificate_that_stands_in(stand_in, now):
    assert [event.address for event in stand_in(now)] == [NOBODY]


@pytest.mark.parametrize(
    "changes",
    [
        {"TopicArn": f"{TOPIC}2"},
        {"SigningCertURL": "https://evil.example/SimpleNotificationService-0123456789abcdef.pem"},
        {"SigningCertURL": "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"},
        {"SigningCertURL": ""},
        {"SignatureVersion": "3"},
        {"Timestamp": "2021-03-01T10:59:00.000Z"},
        {"Type": "UnsubscribeConfirmation", "SubscribeURL": f"{HOST}/?Action=ConfirmSubscription&x=1", "Token": "x"},
        {"Type": "SubscriptionConfirmation", "SubscribeURL": f"{HOST}/?Action=ConfirmSubscription&x=1", "Token": "x"},
    ],
)
def test_a_certificate_that_stands_in_is_held_to_all_that_amazon_s_is_and_confirms_nothing(
    changes, stand_in, ses, sns, now
):
    with pytest.raises(NotAuthentic):
        stand_in(now, **changes)
    assert sns.fetched == []


def test_a_certificate_that_stood_in_is_fetched_from_nowhere_and_believed_no_more(ses, sns, now):
    rehearsals = Rehearsals(["k" * 40])
    headers, body = rehearsals.sample(ses.provider, now=now)
    assert rehearsals.receive(ses.provider, headers, body, now=now)
    assert sns.fetched == []
    del headers[HEADER]
    with pytest.raises(NotAuthentic, match="does not match"):
        endpoint.receive(ses.provider, headers, body, now=now)
    assert sns.fetched == [json.loads(body)["SigningCertURL"]]


def test_a_sample_signed_long_ago_is_refused_however_new_its_header(ses, now):
    rehearsals = Rehearsals(["k" * 40])
    headers, body, public = ses.provider.rehearse(NOBODY, NO_TOKEN, now=now - timedelta(minutes=61))
    headers |= rehearsals.vouch(ses.provider, public, now=now)
    with pytest.raises(NotAuthentic, match="last hour"):
        rehearsals.receive(ses.provider, headers, body, now=now)


def answering(handler):
    return httpx2.MockTransport(handler)


@pytest.mark.parametrize(
    "response",
    [
        httpx2.Response(302, headers={"location": "http://169.254.169.254/"}),
        httpx2.Response(500),
        httpx2.Response(200, content=b"x" * (fetching.MOST_BYTES + 1)),
    ],
    ids=["redirect", "error", "huge"],
)
def test_a_fetch_follows_nothing_and_takes_little(response):
    asked = []

    def handler(request):
        asked.append(str(request.url))
        return response

    with pytest.raises(Unavailable):
        fetching.get(f"{HOST}/x.pem", transport=answering(handler))
    assert asked == [f"{HOST}/x.pem"]


def test_a_fetch_that_meets_no_server_asks_for_another_try():
    def handler(request):
        raise httpx2.ConnectTimeout("too slow")

    with pytest.raises(Unavailable, match="ConnectTimeout"):
        fetching.get(f"{HOST}/x.pem", transport=answering(handler))


def test_a_fetch_gives_what_was_served():
    assert (
        fetching.get(f"{HOST}/x.pem", transport=answering(lambda request: httpx2.Response(200, content=b"x"))) == b"x"
    )


def test_what_is_fetched_is_fetched_by_the_one_client_unless_told_otherwise():
    assert Ses(TOPIC).fetch is fetching.get
