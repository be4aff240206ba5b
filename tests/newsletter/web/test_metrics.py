"""What Prometheus scrapes: right whichever process is asked, and told to nobody else."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import insert

from newsletter.campaigns import lifecycle, store
from newsletter.database import Database
from newsletter.delivery import ledger, transactional
from newsletter.delivery.ledger import Settlement, State
from newsletter.delivery.transactional import Kind
from newsletter.settings import Settings
from newsletter.tables import slowed, worker
from subscribers.audience import About
from tests.conftest import make_settings

NAME = re.compile(r"newsletter_[a-z_]+")
LABEL = re.compile(r"\{\{(\w+)\}\}|by \((\w+)\)|\{(\w+)=")
"""As a legend, an aggregation and a selector have them."""

PULSE = {
    "settled": {"sent": 40, "refused": 2},
    "campaigns": {"1": 12.5},
    "domains": {"example.org": {"sent": 9}},
    "relays": [{"name": "relay.example.org:587", "busy": 3, "trouble": "451 too many", "limit": "is given 5 a second"}],
    "mailboxes": [{"name": "/var/mail", "since": "2021-01-15T12:00:00+00:00", "reason": "it is not there"}],
}


def read(text: str) -> dict[tuple[str, ...], float]:
    """Each sample by its name and its labels' values, the labels in the order of their names."""
    samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return {(one.name, *(value for _, value in sorted(one.labels.items()))): one.value for one in samples}


@pytest.fixture
async def busy(database: Database, settings: Settings, loaded: Any, clock: Any, add_people: Any) -> str:
    """The name of a campaign that a worker sends, while another is dead and a relay and receivers asked for less."""
    async with database.begin() as connection:
        numbers = await add_people(connection, 5, clock())
        draft = await store.draft(connection, "opening", "invitation", now=clock())
        await lifecycle.start(connection, settings, draft, now=clock())
        hold = await ledger.take(connection, "a:1", clock(), on_uncertain="resend")
        assert hold is not None
        await ledger.claim(connection, hold, after_id=0, limit=2, about=About(None), now=clock())
        await ledger.settle(connection, hold, [Settlement(numbers[0], State.SENT)], clock())
        at = {"engine": "embedded", "started_at": clock(), "pulse": PULSE}
        await connection.execute(insert(worker).values(name="a:1", seen_at=clock(), **at))
        slow = [{"to": to, "per_second": 2.5, "at": clock(), "reply": "450 4.7.1"} for to in ("gmail", "relay smtp")]
        await connection.execute(insert(slowed), slow)
        await transactional.enqueue(connection, numbers[0], Kind.LINK, now=clock(), most_a_day=1)
        await connection.execute(insert(worker).values(name="dead:2", seen_at=clock() - timedelta(hours=1), **at))
        return draft.slug


async def test_the_metrics_say_how_the_campaigns_people_and_workers_are(
    settings: Settings, serve: Any, busy: str
) -> None:
    client = await serve(settings, host="127.0.0.1")
    response = await client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    told = read(response.text)
    assert told["newsletter_subscribers", "active"] == 5
    assert told["newsletter_campaigns", "sending"] == 1
    assert [told["newsletter_deliveries", busy, state] for state in ("queued", "sending", "sent")] == [3, 1, 1]
    assert told["newsletter_campaign_mails_per_second", busy] == 12.5
    assert (told["newsletter_shards_open", busy], told["newsletter_shards_held", busy]) == (1, 1)
    assert told[("newsletter_workers",)] == 1
    assert told["newsletter_worker_settled_total", "sent", "a:1"] == 40
    assert told["newsletter_relay_in_trouble", "relay.example.org:587"] == 1
    assert told[("newsletter_mailboxes_unread",)] == 1
    assert told["newsletter_relay_at_limit", "relay.example.org:587"] == 1
    assert {key[1:]: value for key, value in told.items() if key[0] == "newsletter_slowed_mails_per_second"} == {
        ("gmail",): 2.5
    }
    assert told["newsletter_domain_lately", "example.org", "sent"] == 9
    assert "p0@" not in response.text


async def test_what_waits_too_long_shows(
    database: Database, settings: Settings, serve: Any, loaded: Any, clock: Any, add_people: Any
) -> None:
    async with database.begin() as connection:
        await add_people(connection, 1, clock())
        draft = await store.draft(connection, "opening", "invitation", now=clock())
        await lifecycle.start(connection, settings, draft, now=clock())
    clock.forward(timedelta(seconds=90))
    client = await serve(settings, host="127.0.0.1")
    assert read((await client.get("/metrics")).text)["newsletter_shard_wait_seconds",] == 90


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("host", "token", "headers", "status"),
    [
        ("127.0.0.1", "", {}, 200),
        ("::1", "", {}, 200),
        ("192.0.2.1", "", {}, 403),
        ("127.0.0.1", "", {"X-Forwarded-For": "127.0.0.1"}, 403),
        ("127.0.0.1", "", {"Via": "1.1 proxy"}, 403),
        ("192.0.2.1", "", {"Authorization": "Bearer "}, 403),
        ("192.0.2.1", "t" * 20, {"Authorization": f"Bearer {'t' * 20}"}, 200),
        ("192.0.2.1", "t" * 20, {"Authorization": "Bearer other"}, 403),
        ("127.0.0.1", "t" * 20, {}, 403),
    ],
)
async def test_only_this_machine_may_ask_or_who_has_the_token(
    database_url: str, serve: Any, loaded: Any, host: str, token: str, headers: dict[str, str], status: int
) -> None:
    client = await serve(make_settings(database_url, web={"metrics_token": token}), host=host)
    assert (await client.get("/metrics", headers=headers)).status_code == status


async def test_the_dashboard_asks_only_for_metrics_and_labels_that_there_are(
    settings: Settings, serve: Any, busy: str
) -> None:
    board = json.loads((Path(__file__).parents[3] / "deploy" / "grafana.json").read_text())
    client = await serve(settings, host="127.0.0.1")
    families = text_string_to_metric_families((await client.get("/metrics")).text)
    told = {sample.name: set(sample.labels) for family in families for sample in family.samples}
    targets = [target for panel in board["panels"] for target in panel["targets"]]
    for target in targets:
        names = NAME.findall(target["expr"])
        assert names, target
        assert set(names) <= set(told), target
        labels = set(LABEL.findall(target["expr"] + target.get("legendFormat", "")))
        assert {label for found in labels for label in found if label} <= told[names[0]], target
    assert len(targets) > 15
