"""What is to be known of Amazon SNS before any key: its topics, the one host that is a topic's, and what is signed.

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

import re
from collections.abc import Mapping

NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
SIGNED = {
    "Notification": NOTIFICATION,
    "SubscriptionConfirmation": CONFIRMATION,
    "UnsubscribeConfirmation": CONFIRMATION,
}
"""The fields that are signed, in this order, by the type of the message."""

_ARN = re.compile(r"arn:aws(?:-us-gov|(-cn))?:sns:([a-z]{2}(?:-[a-z]+)+-\d):\d{12}:[A-Za-z0-9_-]{1,256}(?:\.fifo)?")


def host(topic: str) -> str | None:
    """Where the SNS of a topic's own region is, `https://sns.REGION.amazonaws.com`; None where `topic` is no ARN."""
    arn = _ARN.fullmatch(topic)
    return f"https://sns.{arn[2]}.amazonaws.com{'.cn' if arn[1] else ''}" if arn else None


def signed(message: Mapping[str, object], names: tuple[str, ...]) -> bytes:
    """The bytes that are signed: each field that is there, its name and its text on a line of their own."""
    values = [(name, message[name]) for name in names if isinstance(message.get(name), str)]
    return "".join(f"{name}\n{value}\n" for name, value in values).encode("utf-8", "surrogatepass")
