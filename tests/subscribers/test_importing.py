"""Files as people save them: read whatever they are, refused row by row with the reason, and nobody who is gone."""

import asyncio
import codecs
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from newsletter import people as made_up
from subscribers import consent, directory, exporting, importing, preferences
from subscribers import suppression as suppressions
from subscribers.addresses import parse
from subscribers.importing import Fault, ImportFailed, Rejected, Remark, Report
from subscribers.suppression import Reason
from subscribers.tables import choice, subscriber, suppression
from subscribers.tables import consent as consent_table
from tests import hashes

EVENTS = {"opening", "equity-lab", "closing"}
ANA, BEN = "ana@example.org", "ben@example.org"


@dataclass
class Desk:
    """Staff with files to import."""

    people: object
    folder: Path

    def file(self, text: str | bytes, name: str = "people.csv") -> Path:
        path = self.folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    async def take(self, text: str | bytes | Path, **options) -> Report:
        path = text if isinstance(text, Path) else self.file(text)
        self.rejected: list[Rejected] = []
        return await importing.run(
            path,
            **{
                "database": self.people.database,
                "hash_key": "h" * 40,
                "now": self.people.now,
                "events": EVENTS,
                "rejected": self.rejected.append,
                **options,
            },
        )

    async def entry(self, address: str) -> directory.Entry:
        async with self.people.database.read() as connection:
            return await directory.find(connection, parse(address))

    async def rows(self) -> dict[str, int]:
        """How many rows there are of everything an import writes."""
        async with self.people.database.read() as connection:
            tables = (subscriber, choice, consent_table, suppression)
            return {table.name: await connection.scalar(select(func.count()).select_from(table)) for table in tables}


@pytest.fixture
def desk(people, tmp_path) -> Desk:
    return Desk(people, tmp_path)


async def test_a_row_with_proof_of_consent_is_active_and_one_without_is_pending(desk, people):
    report = await desk.take(
        "email,first_name,events,consented_at,consent_source\n"
        "ana@example.org,Ana,opening;closing,2020-12-03T10:00:00Z,sign-up sheet\n"
        "ben@example.org,Ben,all,,sign-up sheet\n"
    )
    assert (report.counts.active, report.counts.pending, report.counts.rows) == (1, 1, 2)
    assert await people.mailable() == {ANA}
    assert await people.mailable("equity-lab") == set()
    ana, ben = await desk.entry(ANA), await desk.entry(BEN)
    assert ana.confirmed_at == ana.joined_at == datetime(2020, 12, 3, 10, 0, tzinfo=UTC)
    assert ana.choices.followed == {"opening", "closing"}
    assert (ben.status, ben.choices.everything) == ("pending", True)


async def test_the_evidence_of_a_row_is_kept_as_it_stood(desk, people, now):
    await desk.take("email,consented_at,consent_source\nana@example.org,2020-12-03,“fall” sheet\n")
    entry = await desk.entry(ANA)
    async with people.database.read() as connection:
        (step,) = await consent.evidence(connection, entry.id)
    assert (step.action, step.actor, step.source, step.at) == ("imported", "staff", "import", now)
    assert step.detail == {
        "file": "people.csv",
        "row": 2,
        "consented_at": "2020-12-03",
        "consent_source": "“fall” sheet",
    }


async def test_someone_imported_as_pending_becomes_active_by_confirming(desk, people):
    await desk.take("email\nana@example.org\n")
    assert await people.confirm((await desk.entry(ANA)).id)
    assert await people.mailable() == {ANA}


async def test_a_second_run_changes_nothing(desk):
    path = desk.folder / "people.csv"
    made_up.write_csv(path, 600, 1, sorted(EVENTS))
    first = await desk.take(path)
    before = await desk.rows()
    again = await desk.take(path)
    assert await desk.rows() == before
    assert again.counts.known == first.counts.active + first.counts.pending
    assert (again.counts.active, again.counts.pending, again.counts.promoted) == (0, 0, 0)
    assert again.counts.refused == first.counts.refused
    assert first.counts.rows == again.counts.rows == 600


async def test_a_dry_run_says_what_the_run_then_does_and_changes_nothing(desk, people):
    path = desk.folder / "people.csv"
    made_up.write_csv(path, 600, 2, sorted(EVENTS))
    announced = await desk.take(path, dry_run=True)
    assert set((await desk.rows()).values()) == {0}
    done = await desk.take(path)
    assert announced.counts == done.counts
    assert announced.remarks == done.remarks


async def test_an_import_that_was_cut_off_goes_on_where_it_stopped(desk, people, batch_size):
    batch_size(50)
    path = desk.folder / "people.csv"
    made_up.write_csv(path, 300, 3, sorted(EVENTS))

    def power_cut(done: int, _: int) -> None:
        if done >= 150:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await desk.take(path, progressed=power_cut)
    assert 0 < (await desk.rows())["subscriber"] < 200
    await desk.take(path)
    halves = await desk.rows()
    whole = await desk.take(path)
    assert whole.counts.active == whole.counts.pending == 0
    assert halves == await desk.rows()
    assert halves["subscriber"] == halves["consent"] == whole.counts.known


async def test_every_refused_row_is_given_with_its_number_its_reason_and_its_cells(desk):
    report = await desk.take(
        "email,first_name,events\n"
        "ana@example.org,Ana,\n"
        ",Nobody,\n"
        "ben at example.org,Ben,\n"
        "=cmd|calc!A1,Eve,\n"
        'eve@example.org,"=HYPERLINK(""http://evil.example"")",\n'
        f"{'x' * 65}@example.org,Long,\n"
        "cem@example.org,Cem,picnic\n"
        "dan@example.org,Dan,,surplus\n"
        "\n"
        "eva@example.org,Eva,opening\n"
    )
    assert [(one.row, one.fault) for one in desk.rejected] == [
        (3, Fault.EMPTY),
        (4, Fault.ADDRESS),
        (5, Fault.FORMULA),
        (6, Fault.FORMULA),
        (7, Fault.ADDRESS),
        (8, Fault.EVENTS),
        (9, Fault.CELLS),
    ]
    assert desk.rejected[1].cells == ("ben at example.org", "Ben", "")
    assert "picnic" in desk.rejected[5].reason
    assert (report.counts.pending, report.counts.refused.total(), report.counts.rows) == (2, 7, 9)


async def test_the_rejects_file_is_safe_to_open_and_made_only_when_there_is_something_in_it(desk):
    target = desk.folder / "rejects.csv"
    with importing.writing_rejects(target) as rejected:
        await desk.take("email\nana@example.org\n", rejected=rejected)
    assert not target.exists()
    with importing.writing_rejects(target) as rejected:
        await desk.take("email,first_name\nx,y\n@SUM(1+1),Eve\n", rejected=rejected)
    lines = target.read_text(encoding="utf-8-sig").splitlines()
    assert lines[0] == "refused row,refused because,email,first_name"
    assert lines[1].startswith("2,")
    assert lines[2].endswith(",'@SUM(1+1),Eve")


async def test_refused_rows_that_were_mended_are_imported_as_their_file_was(desk, people):
    target, mapping = desk.folder / "rejects.csv", {"Mail": "email", "Agreed": "consented_at"}
    with importing.writing_rejects(target) as rejected:
        await desk.take("Mail;Name;Agreed\nana(at)example.org;=Ana;2020-12-03\n", mapping=mapping, rejected=rejected)
    assert await people.status(ANA) is None
    target.write_text(target.read_text("utf-8-sig").replace("(at)", "@").replace("'=Ana", "Ana"), "utf-8")
    report = await desk.take(target, mapping=mapping)
    assert (report.counts.active, report.ignored) == (1, ("refused row", "refused because"))
    assert (await desk.entry(ANA)).first_name == "Ana"


async def test_a_rejects_file_that_cannot_be_written_stops_the_import_in_one_line(desk):
    with (
        pytest.raises(ImportFailed, match=r"nowhere/rejects.csv: cannot write"),
        importing.writing_rejects(desk.folder / "nowhere" / "rejects.csv") as rejected,
    ):
        await desk.take("email\nx\n", rejected=rejected)


async def test_names_are_cleaned_and_display_names_serve_where_there_is_no_other(desk):
    await desk.take(
        "email,first_name,last_name\n"
        '"Núñez, Ana <ANA@Example.ORG>",  Jose\u0301 ,Nu\u0000n\u0303ez\n'
        "Zoë Lê <ben@example.org>,,\n"
        "mailto:cem@bücher.example,-,Kaya\n"
    )
    ana, ben, cem = [await desk.entry(a) for a in (ANA, BEN, "cem@bücher.example")]
    assert (ana.first_name, ana.last_name, ana.address) == ("José", "Nuñez", "ANA@example.org")
    assert (ben.first_name, ben.last_name) == ("Zoë", "Lê")
    assert (cem.first_name, cem.last_name, cem.address) == ("", "Kaya", "cem@xn--bcher-kva.example")


async def test_an_address_named_twice_is_counted_and_the_first_row_counts(desk, batch_size):
    batch_size(2)
    report = await desk.take(
        "email,first_name\nana@example.org,Ana\nANA@example.org,B\nben@x.example,\n ana@example.org ,C\n"
    )
    assert (report.counts.pending, report.counts.duplicates) == (2, 2)
    assert (await desk.entry(ANA)).first_name == "Ana"


async def test_who_is_named_twice_in_a_row_is_who_was_named_first_however_many_batches_are_under_way(desk, batch_size):
    batch_size(1)
    rows = "".join(f"p{n}@example.org,First\np{n}@example.org,Second\n" for n in range(50))
    report = await desk.take(f"email,first_name\n{rows}")
    assert (report.counts.pending, report.counts.duplicates) == (50, 50)
    people = [await desk.entry(f"p{n}@example.org") for n in range(50)]
    assert {one.first_name for one in people} == {"First"}


async def test_who_is_known_is_so_however_many_before_them_in_the_file_were_not(desk, people, batch_size):
    await people.active("known@example.org")
    await people.left("gone@example.org")
    batch_size(2)
    names = ["a", "b", "c", "d", "e", "known", "f", "g", "gone", "h"]
    report = await desk.take("email\n" + "".join(f"{name}@example.org\n" for name in names))
    assert (report.counts.pending, report.counts.known, report.counts.kept_out) == (8, 1, Counter({"left": 1}))
    assert (await desk.entry("gone@example.org")).status == "left"


async def test_whoever_names_no_language_is_spoken_to_in_that_of_the_series(desk):
    report = await desk.take(
        "email,locale\nana@example.org,\nben@example.org,Deutsch\ncem@example.org,fr\ndan@example.org,DE_at\n"
        "eva@example.org,es-419\nfay@example.org,de-Latn-CH-1996\n",
        language="es",
    )
    assert report.remarks == Counter({Remark.LANGUAGE: 1})
    people = [await desk.entry(f"{name}@example.org") for name in ("ana", "ben", "cem", "dan", "eva", "fay")]
    assert [one.locale for one in people] == ["es", "es", "fr", "de-AT", "es-419", "de-CH"]


async def test_unknown_zones_and_events_among_known_ones_are_left_out_with_a_remark(desk):
    report = await desk.take(
        "email,timezone,events,locale\n"
        "ana@example.org,Mars/Olympus,opening;picnic,es-us\n"
        "ben@example.org,Europe/Berlin,OPENING | closing,\n"
    )
    assert report.remarks == Counter({Remark.ZONE: 1, Remark.EVENT: 1})
    ana, ben = await desk.entry(ANA), await desk.entry(BEN)
    assert (ana.timezone, ana.choices.followed, ana.locale) == ("", {"opening"}, "es-US")
    assert (ben.timezone, ben.choices.followed, ben.locale) == ("Europe/Berlin", {"opening", "closing"}, "en")


async def test_a_name_that_carries_a_web_address_is_left_out_with_a_remark(desk):
    report = await desk.take("email,name\nana@example.org,You won: casino.ru\nben@example.org,Ben St.John\n")
    assert report.remarks == Counter({Remark.NAME: 1})
    ana, ben = await desk.entry(ANA), await desk.entry(BEN)
    assert ((ana.first_name, ana.last_name), ben.last_name) == (("", ""), "St.John")


@pytest.mark.parametrize("name", ["casino。ru", "evil.app", "casino.pizza", "10.0.0.1/x", "сайт.рф", "evil．com"])
async def test_a_domain_is_known_in_an_import_by_its_form(desk, name):
    report = await desk.take(f"email,first_name,last_name\nana@example.org,{name},Ruiz\n")
    assert report.remarks == Counter({Remark.NAME: 1})
    ana = await desk.entry(ANA)
    assert (ana.first_name, ana.last_name) == ("", "")


async def test_what_turns_the_direction_of_a_name_is_stripped_by_an_import(desk):
    report = await desk.take("email,first_name\nana@example.org,A\u202ena\n")
    assert (report.remarks, (await desk.entry(ANA)).first_name) == (Counter(), "Ana")


async def test_a_rhythm_and_a_pause_that_cannot_be_read_are_left_out_with_a_remark(desk):
    report = await desk.take(
        "email,rhythm,paused_until\nana@example.org,daily,soon\nben@example.org,Weekly,2031-01-01\n"
    )
    assert report.remarks == Counter({Remark.RHYTHM: 1, Remark.PAUSE: 1})
    ana, ben = await desk.entry(ANA), await desk.entry(BEN)
    assert (ana.rhythm, ana.paused_until) == ("each", None)
    assert (ben.rhythm, ben.paused_until) == ("weekly", datetime(2031, 1, 1, tzinfo=UTC))


async def test_why_another_list_suppressed_somebody_is_read_and_no_other_word_lets_them_in(desk, people):
    await desk.take(
        "email,suppressed,suppressed_at,consented_at\n"
        "ana@example.org,refused,2020-12-24,2020-12-03\n"
        "ben@example.org,no,,2020-12-03\n"
        "cem@example.org,yes,,2020-12-03\n"
        "dan@example.org,perhaps,,2020-12-03\n"
    )
    assert await people.mailable() == {BEN}
    assert await people.suppression(ANA) is Reason.REFUSED
    assert await people.suppression("cem@example.org") is Reason.STAFF
    assert [(one.row, one.fault) for one in desk.rejected] == [(5, Fault.STATUS)]


@pytest.mark.parametrize(
    ("text", "remark"),
    [
        ("last autumn", Remark.MOMENT),
        ("03/12/2020", Remark.MOMENT),
        ("44168", Remark.MOMENT),
        ("0001-01-01", Remark.MOMENT),
        ("2031-01-01", Remark.FUTURE),
    ],
)
async def test_a_consent_date_that_proves_nothing_leaves_a_person_pending(desk, people, text, remark):
    report = await desk.take(f"email,consented_at\nana@example.org,{text}\n")
    assert report.remarks == Counter({remark: 1})
    assert await people.status(ANA) == "pending"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("3.12.2020", datetime(2020, 12, 3, tzinfo=UTC)),
        ("03.12.2020 09:05", datetime(2020, 12, 3, 9, 5, tzinfo=UTC)),
        ("3.12.2020, 9:05:30", datetime(2020, 12, 3, 9, 5, 30, tzinfo=UTC)),
        ("12.31.2020", None),
        ("1.12.20", None),
        ("2020/12/03 9:05:30", datetime(2020, 12, 3, 9, 5, 30, tzinfo=UTC)),
        ("2020-12-3", datetime(2020, 12, 3, tzinfo=UTC)),
        ("2020.12.3", datetime(2020, 12, 3, tzinfo=UTC)),
        ("2020/12.3", None),
        ("2020/13/3", None),
        ("3/12/2020", None),
    ],
)
async def test_a_date_as_a_spreadsheet_writes_it_has_the_day_first_where_dots_are_and_else_the_year(desk, text, moment):
    report = await desk.take(f'email,consented_at\nben@example.org,2020-12-03\nana@example.org,"{text}"\n')
    assert (await desk.entry(ANA)).confirmed_at == moment
    assert report.first == ({} if moment else {Remark.MOMENT: 3})


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2020-12-03", datetime(2020, 12, 3, 5, tzinfo=UTC)),
        ("3.12.2020", datetime(2020, 12, 3, 5, tzinfo=UTC)),
        ("2020-12-03 00:00", datetime(2020, 12, 3, tzinfo=UTC)),
        ("2020-12-03T09:00-08:00", datetime(2020, 12, 3, 17, tzinfo=UTC)),
    ],
)
async def test_a_day_without_a_time_is_one_of_the_series_zone(desk, text, moment):
    await desk.take(f"email,consented_at\nana@example.org,{text}\n", days_in=ZoneInfo("America/New_York"))
    entry = await desk.entry(ANA)
    assert (entry.confirmed_at, entry.joined_at) == (moment, moment)


@pytest.mark.parametrize("reason", [*Reason, "left"])
async def test_nobody_who_is_gone_comes_back_by_a_file(desk, people, reason):
    if reason == "left":
        await people.left(ANA)
    else:
        await people.suppress(ANA, reason)
    report = await desk.take("email,consented_at\nana@example.org,2020-12-03\n")
    assert report.counts.kept_out == Counter({reason: 1})
    assert await people.mailable() == set()


@pytest.mark.parametrize("held", [Reason.SOFT_BOUNCE, Reason.STAFF])
async def test_who_left_elsewhere_stays_away_when_staff_release_what_had_stopped_them_here(desk, people, now, held):
    await desk.take("email,consented_at\nana@example.org,2020-12-03\n")
    await people.suppress(ANA, held)
    text = "email,status,unsubscribed_at\nana@example.org,unsubscribed,2021-01-03\n"
    for _ in range(2):
        report = await desk.take(text)
        assert sum(report.counts.kept_out.values()) == 1
    async with people.database.begin() as connection:
        if held is Reason.STAFF:
            await directory.release(connection, parse(ANA), hash_key=hashes.KEY, note="", now=now)
        hashed = hashes.of(ANA)
        assert await suppressions.find(connection, hashed) is Reason.UNSUBSCRIBE
        assert not await suppressions.release(connection, hashed)
    assert await people.mailable() == set()


@pytest.mark.parametrize(("held", "steps"), [(Reason.SOFT_BOUNCE, 1), (Reason.COMPLAINT, 0)])
async def test_what_a_file_makes_firmer_stands_in_the_persons_evidence_once(desk, people, held, steps):
    await desk.take("email,consented_at\nana@example.org,2020-12-03\n")
    await people.suppress(ANA, held)
    for _ in range(2):
        await desk.take("email,status,unsubscribed_at\nana@example.org,unsubscribed,2021-01-03\n")
    async with people.database.read() as connection:
        ana = await connection.scalar(select(subscriber.c.id).where(subscriber.c.address == ANA))
        told = [
            one.detail
            for one in await consent.evidence(connection, ana)
            if one.action == consent.Action.SUPPRESSED and one.source == "import"
        ]
    assert told == [{"file": "people.csv", "row": 2}] * steps


async def test_a_file_changes_nothing_of_someone_who_is_in(desk, people):
    person = await people.active(ANA, topics=("opening",), first_name="Ana")
    before = await people.preferences(person)
    report = await desk.take("email,first_name,events,consented_at\nana@example.org,Other,closing,2020-12-03\n")
    assert report.counts.known == 1
    assert await people.preferences(person) == before


async def test_proof_that_comes_later_makes_a_pending_person_active(desk, people):
    await desk.take("email\nana@example.org\n")
    report = await desk.take("email,consented_at\nana@example.org,2020-12-03\n")
    assert report.counts.promoted == 1
    assert await people.mailable() == {ANA}
    assert (await desk.take("email,consented_at\nana@example.org,2020-12-03\n")).counts.known == 1


WIX = (
    "\ufeffFirst Name,Last Name,Email 1,Phone 1,Labels,Created At (UTC+0),Email subscriber status,Language,Source\n"
    "Ana,A,ana@example.org,,AFL;Grantee,2020-12-16 10:12:00,Subscribed,es-us,Site form\n"
    "Ben,B,ben@example.org,,,2020-12-16 10:12:00,Subscribed,,Imported\n"
    "Cem,C,cem@example.org,,,2020-12-16 10:12:00,Pending,,Site form\n"
    "Dan,D,dan@example.org,,,2020-12-16 10:12:00,Unsubscribed,,Site form\n"
    "Eva,E,eva@example.org,,,2020-12-16 10:12:00,Never subscribed,,Site form\n"
    "Fay,F,fay@example.org,,,2020-12-16 10:12:00,On holiday,,Site form\n"
)


async def test_a_wix_export_makes_mailable_only_who_subscribed_by_a_form(desk, people):
    report = await desk.take(WIX)
    assert (report.layout, report.encoding) == ("Wix", "UTF-8 with a byte order mark")
    assert report.ignored == ("Phone 1",)
    assert await people.mailable() == {ANA}
    assert [await people.status(f"{n}@example.org") for n in ("ben", "cem")] == ["pending", "pending"]
    assert await people.suppression("dan@example.org") is Reason.UNSUBSCRIBE
    assert [(one.row, one.fault) for one in desk.rejected] == [(6, Fault.NEVER), (7, Fault.STATUS)]
    ana = await desk.entry(ANA)
    assert (ana.locale, ana.fields) == ("es-US", {"tags": ["AFL", "Grantee"]})


async def test_who_unsubscribed_elsewhere_is_not_written_to_in_whatever_order_the_files_come(desk, people):
    people_csv = "email,consented_at\ndan@example.org,2020-12-03\n"
    await desk.take(people_csv)
    assert await people.mailable() == {"dan@example.org"}
    await desk.take(WIX)
    assert await people.mailable() == {ANA}
    report = await desk.take(people_csv)
    assert report.counts.kept_out == Counter({Reason.UNSUBSCRIBE: 1})
    assert await people.mailable() == {ANA}


async def test_who_unsubscribed_elsewhere_and_joined_here_by_themselves_stays(desk, people):
    await people.active("dan@example.org")
    await desk.take(WIX)
    await desk.take(WIX)
    assert await people.mailable() == {"dan@example.org", ANA}


async def test_who_is_in_one_file_both_ways_has_left(desk, people, batch_size):
    for size in (1, 100):
        batch_size(size)
        await desk.take(
            f"email,status,consented_at\nx{size}@example.org,subscribed,2020-12-03\nx{size}@example.org,unsubscribed,\n"
        )
    assert await people.mailable() == set()


MAILCHIMP = (
    "Email Address,First Name,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,TIMEZONE,TAGS,UNSUB_TIME,CLEAN_TIME\n"
    'ana@example.org,Ana,2020-10-16 12:00:00,192.0.2.1,2020-10-16 12:05:00,192.0.2.2,America/Chicago,"""A"",""B""",,\n'
    "ben@example.org,Ben,,,2020-10-16 12:05:00,,,,,\n"
    "cem@example.org,Cem,2020-10-16 12:00:00,192.0.2.1,2020-10-16 12:05:00,192.0.2.2,,,2020-11-01 08:00:00,\n"
    "dan@example.org,Dan,2020-10-16 12:00:00,192.0.2.1,2020-10-16 12:05:00,192.0.2.2,,,,2020-11-01 08:00:00\n"
)


async def test_a_mailchimp_export_keeps_its_evidence_and_its_unsubscribed_and_cleaned_stay_out(desk, people):
    report = await desk.take(MAILCHIMP)
    assert report.layout == "Mailchimp"
    assert await people.mailable() == {ANA}
    assert await people.status(BEN) == "pending"  # put there by somebody: no address confirmed it
    assert await people.suppression("cem@example.org") is Reason.UNSUBSCRIBE
    assert await people.suppression("dan@example.org") is Reason.HARD_BOUNCE
    entry = await desk.entry(ANA)
    assert (entry.timezone, entry.fields) == ("America/Chicago", {"tags": ["A", "B"]})
    async with people.database.read() as connection:
        (step,) = await consent.evidence(connection, entry.id)
    assert (step.ip, step.detail["request_ip"], step.detail["requested_at"]) == (
        "192.0.2.2",
        "192.0.2.1",
        "2020-10-16 12:00:00",
    )


async def test_columns_are_mapped_kept_by_a_name_or_ignored_as_told(desk):
    report = await desk.take(
        "Kontakt,School,Email\nana@example.org,Lakeside,other@example.org\n",
        mapping={"Kontakt": "email", "school": "field:school", "Email": "-"},
    )
    assert report.columns == {"Kontakt": "email", "School": "school"}
    assert (await desk.entry(ANA)).fields == {"school": "Lakeside"}


@pytest.mark.parametrize(
    "header",
    [
        '"E-Mail\n(as we write to you)";Pre\u0301nom;City of birth',
        '"E-Mail\r\n(as we write to you)";Prénom;City\u00a0of\u00a0birth',
        "\u200bE-Mail (as we write to you);Pré\u00adnom;City  of  birth ",
    ],
)
@pytest.mark.parametrize("said", ["E-Mail (as we write to you)", "E-Mail\n(as we write to you)"])
async def test_a_header_is_read_as_people_see_it_line_breaks_and_all(desk, header, said):
    report = await desk.take(
        f"{header}\nana@example.org;Zoë;Bern\nno address;X;Y\n",
        mapping={said: "email", "City of birth": "field:city"},
    )
    assert report.columns == {"E-Mail (as we write to you)": "email", "Prénom": "first_name", "City of birth": "city"}
    ana = await desk.entry(ANA)
    assert (ana.first_name, ana.fields) == ("Zoë", {"city": "Bern"})
    assert [one.row for one in desk.rejected] == [3]


async def test_a_quotation_mark_in_a_header_that_is_never_closed_is_told(desk):
    with pytest.raises(ImportFailed, match="the first row must name the columns"):
        await desk.take('email,"first name\nana@example.org,Ana\nben@example.org,Ben\n')


async def test_a_number_with_a_sign_is_kept_in_a_field_of_ones_own_and_a_formula_is_not(desk):
    await desk.take(
        "email,Phone,first_name\n"
        "ana@example.org,+49 (0)30/12 34-5,Ana\n"
        'ben@example.org,"-5,5",Ben\n'
        "cem@example.org,+1+cmd|' /C calc'!A0,Cem\n"
        "dan@example.org,,+49 30\n",
        mapping={"Phone": "field:phone"},
    )
    assert (await desk.entry(ANA)).fields == {"phone": "+49 (0)30/12 34-5"}
    assert (await desk.entry(BEN)).fields == {"phone": "-5,5"}
    assert [(one.row, one.fault) for one in desk.rejected] == [(4, Fault.FORMULA), (5, Fault.FORMULA)]


HEADER = "E-Mail;Vorname;Nachname"
LINE = "jürgen@bücher.example;Jürgen;Groß"


@pytest.mark.parametrize(
    ("data", "encoding", "delimiter"),
    [
        (f"{HEADER}\r\n{LINE}\r\n".encode(), "UTF-8", "semicolon"),
        (codecs.BOM_UTF8 + f"{HEADER}\r\n{LINE}\r\n".encode(), "UTF-8 with a byte order mark", "semicolon"),
        (f"{HEADER}\r\n{LINE}\r\n".encode("latin-1"), "Latin-1 (Windows-1252)", "semicolon"),
        (f"{HEADER}\r\n{LINE};\x80\x93\r\n".encode("latin-1"), "Windows-1252", "semicolon"),
        (f"{HEADER}\n{LINE}\n".replace(";", "\t").encode("utf-16"), "UTF-16", "tab"),
        (f"{HEADER}\n{LINE}\n".replace(";", "\t").encode("utf-16-le"), "UTF-16", "tab"),
        (f"{HEADER}\n{LINE}\n".replace(";", ",").encode("utf-16-be"), "UTF-16", "comma"),
        (f"sep=|\n{HEADER}\n{LINE}\n".replace(";", "|").encode(), "UTF-8", "bar"),
        (f"\n;;\n{HEADER}\n{LINE}\n".encode(), "UTF-8", "semicolon"),
        (f"{HEADER}\r{LINE}\r".encode(), "UTF-8", "semicolon"),
    ],
)
async def test_encoding_and_delimiter_are_found_out_and_said(desk, data, encoding, delimiter):
    report = await desk.take(data.replace(b";\x80\x93", b""))
    entry = await desk.entry("jürgen@bücher.example")
    assert (entry.first_name, entry.last_name) == ("Jürgen", "Groß")
    assert report.delimiter == delimiter
    if b";\x80\x93" not in data:
        assert report.encoding == encoding


async def test_where_the_encoding_is_a_guess_a_word_shows_whether_it_is_right(desk):
    names = {"cp1252": ("Jürgen", "Jürgen"), "cp1250": ("Łukasz", "£ukasz"), "cp1251": ("Юлия", "Þëèÿ")}
    for encoding, (name, read) in names.items():
        report = await desk.take(f"email,first_name\nana@example.org,{name}\n".encode(encoding))
        assert report.sample == read
    assert (await desk.take("email,first_name\nana@example.org,Jürgen\n".encode())).sample == ""


async def test_one_row_from_another_machine_does_not_garble_all_the_others(desk):
    utf8 = "email,first_name\nana@example.org,Zoë\n" + "".join(f"p{n}@example.org,Núñez\n" for n in range(20))
    report = await desk.take(utf8.encode() + "ben@example.org,Jürgen\n".encode("cp1252"))
    assert report.encoding == "UTF-8 with stray Windows-1252 letters"
    assert ((await desk.entry(ANA)).first_name, (await desk.entry(BEN)).first_name) == ("Zoë", "Jürgen")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "the file is empty"),
        (b"\n\n  \n", "the file is empty"),
        (b"PK\x03\x04" + bytes(100), "workbook is damaged"),
        (b"\xd0\xcf\x11\xe0" + bytes(100), "old Excel workbook"),
        (b"%PDF-1.7 ...", "a PDF"),
        (b'{"email": "ana@example.org", "first_name": "Ana"}\n', "our own export writes one without --json"),
        (b'[{"email": "ana@example.org"}]', "JSON, not a CSV file"),
        (bytes(range(256)) * 64, "binary file"),
        (b"name,town\nAna,Lexington\n", "the columns are name, town"),
        (b"name,town\nAna,Lexington\n", '--map "name=email"'),
        (b",,\n,,\n", "the file is empty: no row names the columns"),
        (b"ana@example.org,Ana\nben@example.org,Ben\n", "first row must name the columns"),
    ],
)
async def test_what_is_no_list_of_people_is_refused_in_one_line_that_helps(desk, data, said):
    with pytest.raises(ImportFailed) as caught:
        await desk.take(data)
    assert said in str(caught.value)
    assert "people.csv" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert set((await desk.rows()).values()) == {0}


@pytest.mark.parametrize("path", ["nowhere.csv", "."])
async def test_a_file_that_is_not_there_or_is_a_folder_is_one_line(desk, path):
    with pytest.raises(ImportFailed, match=r"No such file|Is a directory"):
        await desk.take(desk.folder / path)


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ({"Mial": "email"}, "did you mean Mail"),
        ({"Mail": "adress"}, "there is no such field; known: email, first_name"),
        ({"Mail": "emial"}, "there is no such field; did you mean email?"),
        ({"Mail": "field:Not A Name"}, "a field of your own is called by"),
    ],
)
async def test_a_wrong_mapping_is_one_line_that_helps(desk, mapping, said):
    with pytest.raises(ImportFailed, match=said):
        await desk.take("Mail,Town\nana@example.org,Berlin\n", mapping=mapping)


async def test_a_quotation_mark_that_is_never_closed_swallows_nobody_silently(desk):
    report = await desk.take('email,first_name\nana@example.org,"Ana\nben@example.org,Ben\ncem@example.org,"Cem\n')
    assert [one.fault for one in desk.rejected] == [Fault.LINES]
    assert report.counts.rows == 1
    long = "".join(f"p{n}@example.org,P\n" for n in range(9000))
    with pytest.raises(ImportFailed, match=r"people.csv:3: a quotation mark opens"):
        await desk.take(f'email,first_name\nana@example.org,Ana\nben@example.org,"Ben\n{long}')


async def test_an_export_can_be_imported_again_into_an_empty_database(desk, people, tmp_path):
    person = await people.active(ANA, topics=("opening",), first_name="-Ana", timezone="Europe/Berlin")
    await people.pending(BEN)
    await people.left("cem@example.org")
    await people.active("dan@example.org")
    await people.suppress("dan@example.org", Reason.COMPLAINT)
    muting = await people.active("+eva@example.org")
    async with people.database.begin() as connection:
        await preferences.choose(connection, muting, everything=True, followed=[], muted=["closing"], now=people.now)
        await preferences.choose(connection, person, everything=False, followed=[], muted=[], now=people.now)
    path = tmp_path / "export.csv"
    with exporting.private(path) as file:
        write = exporting.comma_separated(file)
        async with people.database.read() as connection:
            assert await exporting.run(connection, write) == 5
    assert path.stat().st_mode & 0o777 == 0o600
    mailable = {topic: await people.mailable(topic) for topic in (None, "opening", "closing")}
    async with people.database.begin() as connection:
        await connection.execute(suppression.delete())
        await connection.execute(subscriber.delete())
    await desk.take(path)
    assert {topic: await people.mailable(topic) for topic in (None, "opening", "closing")} == mailable
    assert await people.status("cem@example.org") is None
    assert await people.suppression("cem@example.org") is Reason.UNSUBSCRIBE
    assert (await desk.entry(ANA)).first_name == "-Ana"


async def test_people_may_join_by_the_form_while_a_file_with_them_is_imported(desk, people, batch_size):
    batch_size(10)
    text = "email,consented_at\n" + "".join(f"p{n}@example.org,2020-12-03\n" for n in range(200))
    joins = [people.join(f"p{n}@example.org") for n in range(0, 200, 7)]
    report, *outcomes = await asyncio.gather(desk.take(text), *joins)
    assert report.counts.rows == 200
    assert (await desk.rows())["subscriber"] == 200
    assert len(outcomes) == len(joins)


async def test_what_no_database_can_keep_is_left_out_of_the_evidence(desk, people):
    await desk.take(
        "email,role,consented_at,consent_source\nana@example.org,te\0acher,2020-12-03,sh\0eet \\. \\N\t\x01\n"
    )
    entry = await desk.entry(ANA)
    async with people.database.read() as connection:
        (step,) = await consent.evidence(connection, entry.id)
    assert step.detail["consent_source"] == "sheet \\. \\N\t\x01"
    assert entry.fields == {"role": "teacher"}


async def test_dates_in_the_file_count_from_its_own_day_wherever_it_was_written(desk, people, now):
    ahead = (now + timedelta(hours=12)).strftime("%Y-%m-%d")
    await desk.take(f"email,consented_at\nana@example.org,{ahead}\n")
    assert await people.status(ANA) == "active"


async def test_what_is_written_is_accounted_for_even_where_the_next_rows_cannot_be_read(desk, batch_size):
    batch_size(2)
    long = "".join(f"p{n}@example.org,P\n" for n in range(9000))
    with pytest.raises(ImportFailed, match="a quotation mark opens"):
        await desk.take(f'email,first_name\nana@example.org,Ana\nnobody,N\n"Ben\n{long}')
    assert (await desk.rows())["subscriber"] == 1
    assert [one.row for one in desk.rejected] == [3]
