"""Suppressions as files: what goes out comes in again, by hash or by address, and undoes nothing newer."""

import csv
import io
from datetime import timedelta

import pytest

from subscribers import consent, suppression, suppression_lists
from subscribers.importing import ImportFailed
from subscribers.suppression import Reason

ANA, BEN, CEM = "ana@example.org", "ben@example.org", "cem@example.org"


class Lists:
    """Lists that are taken in and given out."""

    def __init__(self, people, folder, hash_key):
        self.people, self.path, self.key = people, folder / "gone.csv", hash_key

    async def take(self, text, **options):
        self.path.write_text(text)
        self.rejected = []
        begin = self.people.database.read if options.get("dry_run") else self.people.database.begin
        return await suppression_lists.take(
            self.path,
            **{
                "begin": begin,
                "hash_key": self.key,
                "now": self.people.now,
                "rejected": self.rejected.append,
                **options,
            },
        )

    async def given(self, *, with_addresses=False):
        file = io.StringIO()
        write = suppression_lists.comma_separated(file, with_addresses=with_addresses)
        async with self.people.database.read() as connection:
            async for row in suppression_lists.everything(connection, key=self.key):
                write(row)
        return file.getvalue()


@pytest.fixture
def lists(people, tmp_path, hash_key):
    return Lists(people, tmp_path, hash_key)


async def test_what_goes_out_comes_in_again_and_a_second_time_changes_nothing(lists, people):
    for address, reason in zip((ANA, BEN, CEM), (Reason.ERASED, Reason.REFUSED, Reason.HARD_BOUNCE), strict=True):
        await people.suppress(address, reason)
    text = await lists.given()
    assert "example.org" not in text
    async with people.database.begin() as connection:
        await connection.execute(suppression_lists.table.delete())
    report = await lists.take(text)
    assert report.suppressed == {Reason.ERASED: 1, Reason.REFUSED: 1, Reason.HARD_BOUNCE: 1}
    assert await lists.given() != text  # where they came from is this file now
    again = await lists.take(text)
    assert (again.suppressed.total(), again.known, again.refused.total()) == (0, 3, 0)
    assert [await people.suppression(one) for one in (ANA, BEN, CEM)] == [
        Reason.ERASED, Reason.REFUSED, Reason.HARD_BOUNCE,
    ]  # fmt: skip


async def test_addresses_alone_are_enough_and_without_a_reason_it_is_staffs_decision(lists, people):
    ana = await people.active(ANA)
    report = await lists.take(f"{ANA}\nBEN@example.org\nBen <{BEN}>\n")
    assert (report.suppressed, report.known) == ({Reason.STAFF: 2}, 1)
    assert await people.suppression(BEN) is Reason.STAFF
    assert await people.mailable() == set()
    async with people.database.read() as connection:
        step = (await consent.evidence(connection, ana))[-1]
    assert (step.action, step.actor, step.detail) == ("suppressed", "staff", {"reason": "staff", "file": "gone.csv"})


async def test_addresses_go_out_only_where_that_is_asked_and_only_of_people_who_are_here(lists, people):
    await people.active(ANA)
    await people.suppress(ANA, Reason.STAFF)
    await people.suppress(BEN, Reason.ERASED)
    rows = list(csv.DictReader(io.StringIO(await lists.given(with_addresses=True))))
    assert {row["hash"]: row["email"] for row in rows} == {people.hash(ANA): ANA, people.hash(BEN): ""}


async def test_who_confirmed_here_since_stays_and_who_did_so_before_goes(lists, people, now):
    await people.active(ANA)
    await people.active(BEN)
    before, after = (now - timedelta(days=1)).isoformat(), (now + timedelta(hours=1)).isoformat()
    text = f"email,reason,at\n{ANA},unsubscribe,{before}\n{BEN},unsubscribe,{after}\n"
    report = await lists.take(text, now=now + timedelta(days=1))
    assert (report.returned, report.suppressed) == (1, {Reason.UNSUBSCRIBE: 1})
    assert await people.mailable() == {ANA}


async def test_a_stronger_reason_takes_the_place_of_a_weaker_one_and_never_the_other_way_round(lists, people):
    await people.suppress(ANA, Reason.SOFT_BOUNCE)
    await people.suppress(BEN, Reason.REFUSED)
    report = await lists.take(f"email,reason\n{ANA},complaint\n{BEN},hard-bounce\n")
    assert (report.known, report.suppressed.total()) == (2, 0)
    assert [await people.suppression(one) for one in (ANA, BEN)] == [Reason.COMPLAINT, Reason.REFUSED]


async def test_each_row_that_cannot_be_taken_is_refused_with_the_reason(lists, people):
    hashed = people.hash(ANA)
    text = (
        "hash,key,email,reason,at\n"
        f"{hashed},00000000,,,\nnonsense,,,,\n,,nobody,,\n,,,staff,\n,,{ANA},because,\n,,{ANA},,01/02/2021\n"
        f"{hashed},{suppression.key_name(lists.key)},,,\n"
    )
    report = await lists.take(text, dry_run=True)
    assert [(one.row, one.fault.name) for one in lists.rejected] == [
        (2, "KEY"), (3, "HASH"), (4, "ADDRESS"), (5, "EMPTY"), (6, "REASON"), (7, "MOMENT"),
    ]  # fmt: skip
    assert (report.suppressed, report.refused.total()) == ({Reason.STAFF: 1}, 6)
    assert await people.suppression(ANA) is None  # a dry run


async def test_a_file_that_names_nobody_is_refused_whole(lists):
    with pytest.raises(ImportFailed, match="called hash or email"):
        await lists.take("name,reason\nAna,staff\n")


async def test_what_somebody_said_below_a_decision_of_staff_goes_out_and_comes_in(lists, people):
    for reason in (Reason.COMPLAINT, Reason.STAFF):
        await people.suppress(ANA, reason)
    text = await lists.given()
    async with people.database.begin() as connection:
        await connection.execute(suppression_lists.table.delete())
    await lists.take(text)
    async with people.database.begin() as connection:
        found = await suppression.finding_of_hash(connection, people.hash(ANA))
    assert (found.reason, found.own_word) == (Reason.STAFF, Reason.COMPLAINT)


async def test_a_list_that_says_nothing_of_reasons_covers_what_somebody_said_and_does_not_end_it(lists, people):
    await people.suppress(ANA, Reason.UNSUBSCRIBE)
    await lists.take(f"email\n{ANA}\n")
    await lists.take(f"email,reason\n{BEN},staff\n{BEN},complaint\n")
    async with people.database.begin() as connection:
        for address, word in ((ANA, Reason.UNSUBSCRIBE), (BEN, Reason.COMPLAINT)):
            assert await people.suppression(address) is Reason.STAFF
            assert await suppression.release(connection, people.hash(address))
            assert await suppression.find(connection, people.hash(address)) is word


async def test_columns_of_a_provider_s_own_are_read_as_told(lists):
    text = "Recipient,created,reason\nana@example.org,1612137600,550 5.1.1 unknown user\n"
    mapping = {"recipient": "email", "created": "-", "reason": "detail"}
    report = await lists.take(text, mapping=mapping)
    assert (report.suppressed, lists.rejected) == ({Reason.STAFF: 1}, [])
    assert "550 5.1.1 unknown user" in await lists.given()
    with pytest.raises(ImportFailed, match='say which one with --map "Recipient=email"'):
        await lists.take(text)
    with pytest.raises(ImportFailed, match="did you mean Recipient"):
        await lists.take(text, mapping={"Recipent": "email"})
    with pytest.raises(ImportFailed, match="there is no such field; known: at, detail, email, hash, key"):
        await lists.take(text, mapping={"Recipient": "mail"})
