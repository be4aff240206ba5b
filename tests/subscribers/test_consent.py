"""Evidence: complete, in order, and never changed."""

import hashlib
from datetime import timedelta

import pytest
from sqlalchemy import delete, update
from sqlalchemy.exc import DBAPIError

from subscribers import consent
from subscribers.tables import consent as consent_table


async def test_a_step_is_kept_with_all_that_proves_it(people, database, now):
    person = await people.pending(
        "ana@example.org", text_version="2021-01", text_shown="Yes, write to me", ip="192.0.2.1"
    )
    await people.confirm(person, now=now + timedelta(hours=1))
    async with database.read() as connection:
        requested, confirmed = await consent.evidence(connection, person)
    assert (requested.action, requested.actor, requested.at) == ("requested", "person", now)
    assert (requested.text_version, requested.text_shown) == ("2021-01", "Yes, write to me")
    assert (requested.source, requested.ip) == ("form", "192.0.2.1")
    assert requested.detail == {"everything": True, "followed": [], "muted": []}
    assert (confirmed.action, confirmed.ip, confirmed.at) == ("confirmed", "192.0.2.7", now + timedelta(hours=1))
    assert (confirmed.text_version, confirmed.text_shown) == ("2021-01", "Yes, write to me")


@pytest.mark.parametrize("change", [update(consent_table).values(ip="203.0.113.1"), delete(consent_table)])
async def test_evidence_is_neither_changed_nor_deleted_while_its_subscriber_is_there(people, database, change):
    await people.active("ana@example.org")
    with pytest.raises(DBAPIError, match="append-only"):
        async with database.begin() as connection:
            await connection.execute(change)


async def test_an_action_there_is_not_is_refused(people, database, now):
    person = await people.pending("ana@example.org")
    async with database.begin() as connection:
        with pytest.raises(ValueError, match="joined"):
            await consent.record(connection, person, "joined", actor="person", now=now)


async def test_the_text_that_was_shown_is_named_by_its_hash_and_none_has_none(people, database):
    person = await people.active("ana@example.org", text_version="2021-01", text_shown="Yes, write to me.")
    other = await people.active("ben@example.org")
    async with database.read() as connection:
        steps = await consent.evidence(connection, person) + await consent.evidence(connection, other)
    shown = hashlib.sha256(b"Yes, write to me.").hexdigest()
    assert [step.text_hash for step in steps] == [shown, shown, "", ""]


def test_details_are_told_in_words_and_what_is_empty_is_not_told(now):
    detail = {
        "everything": True,
        "followed": [],
        "days": ["2021-02-03", "2021-02-04"],
        "before": {"everything": False, "muted": ["opening", "closing"], "note": ""},
        "note": None,
        "row": 0,
    }
    step = consent.Evidence(now, consent.Action.REQUESTED, consent.Actor.PERSON, "page", "", "", "", detail)
    assert step.details() == [
        "everything: yes",
        "days: 2021-02-03, 2021-02-04",
        "before: everything no; muted opening, closing",
        "row: 0",
    ]


def test_that_a_pause_was_ended_is_told(now):
    step = consent.Evidence(
        now, consent.Action.CHANGED, consent.Actor.PERSON, "page", "", "", "", {"paused_until": None}
    )
    assert step.details() == ["paused_until: no more"]
