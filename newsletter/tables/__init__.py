"""The tables of events, campaigns, deliveries and feedback; they join the one MetaData of `subscribers.tables`."""

from newsletter.tables.campaigns import audience, campaign, held, medium
from newsletter.tables.feedback import inbox, kept_mail, list_reading
from newsletter.tables.outgoing import endpoint, endpoint_event, outgoing
from newsletter.tables.requests import arrival, request_count, spent_challenge
from newsletter.tables.seasons import constellation, event, plan
from newsletter.tables.sending import (
    WAITING,
    asked,
    bucket,
    delivery,
    domain_pause,
    refusing_relay,
    relay_day,
    shard,
    slowed,
    transactional,
    turn,
    unanswered,
    unmade_mail,
    worker,
)
from newsletter.tables.staff import audit
from subscribers.tables import metadata

__all__ = [
    "WAITING",
    "arrival",
    "asked",
    "audience",
    "audit",
    "bucket",
    "campaign",
    "constellation",
    "delivery",
    "domain_pause",
    "endpoint",
    "endpoint_event",
    "event",
    "held",
    "inbox",
    "kept_mail",
    "list_reading",
    "medium",
    "metadata",
    "outgoing",
    "plan",
    "refusing_relay",
    "relay_day",
    "request_count",
    "shard",
    "slowed",
    "spent_challenge",
    "transactional",
    "turn",
    "unanswered",
    "unmade_mail",
    "worker",
]
