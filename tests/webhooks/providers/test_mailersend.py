from datetime import UTC, datetime

import pytest

from webhooks.events import BounceClass, Kind, Reason
from webhooks.providers.mailersend import MailerSend

HARD, SOFT = BounceClass.HARD, BounceClass.SOFT

EVENTS = [
    ("hard-bounced", Kind.BOUNCED, HARD, Reason.NO_SUCH_USER),
    ("soft-bounced", Kind.BOUNCED, SOFT, Reason.MAILBOX_FULL),
    ("deferred", Kind.DEFERRED, SOFT, Reason.UNKNOWN),
    ("spam-complaints", Kind.COMPLAINED, None, Reason.UNKNOWN),
    ("unsubscribed", Kind.UNSUBSCRIBED, None, Reason.UNKNOWN),
    ("suppressed", Kind.BOUNCED, SOFT, Reason.SUPPRESSED),
    ("delivered", Kind.DELIVERED, None, Reason.UNKNOWN),
    ("sent", Kind.OTHER, None, Reason.UNKNOWN),
    ("opened", Kind.OTHER, None, Reason.UNKNOWN),
    ("clicked", Kind.OTHER, None, Reason.UNKNOWN),
    ("clicked-unique", Kind.OTHER, None, Reason.UNKNOWN),
    ("opened-unique", Kind.OTHER, None, Reason.UNKNOWN),
    ("survey-opened", Kind.OTHER, None, Reason.UNKNOWN),
    ("survey-submitted", Kind.OTHER, None, Reason.UNKNOWN),
    ("first-hard-bounced", Kind.BOUNCED, HARD, Reason.NO_SUCH_DOMAIN),
    ("first-spam-complaint", Kind.COMPLAINED, None, Reason.UNKNOWN),
]


@pytest.mark.parametrize(("name", "kind", "bounce", "reason"), EVENTS)
def test_each_event_is_read(name, kind, bounce, reason, payload, now, token):
    (event,) = MailerSend().parse(payload(f"mailersend/{name}.json"), now=now)
    assert (event.kind, event.bounce, event.reason) == (kind, bounce, reason)
    assert (event.provider, event.address, event.token) == ("mailersend", "ana@school.example", token)
    assert event.at.replace(microsecond=0) == datetime(2021, 3, 1, 9, 15, 30, tzinfo=UTC)


def test_the_test_it_posts_holds_no_events(payload, now):
    assert MailerSend().parse(payload("mailersend/test.json"), now=now) == []
