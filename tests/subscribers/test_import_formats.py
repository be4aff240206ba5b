"""Workbooks, and the exports of listmonk and Mailman: read as they come, on both databases."""

import io
import tracemalloc
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.xml.constants import SHARED_STRINGS
from openpyxl.xml.constants import SHEET_MAIN_NS as MAIN

from subscribers import directory, importing
from subscribers.addresses import parse
from subscribers.importing import Fault, ImportFailed, Rejected, Remark, Report, sheet, source
from subscribers.suppression import Reason

ANA = "ana@example.org"


def workbook(rows: Sequence[Sequence[Any]]) -> bytes:
    """An Excel workbook whose first sheet has these rows, and whose second somebody else."""
    book = openpyxl.Workbook()
    first = book.worksheets[0]
    first.title = "Sign-up"
    for row in rows:
        first.append(row)
    book.create_sheet("Other").append(["email"])
    book["Other"].append(["other@example.org"])
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


@pytest.fixture
def take(people: Any, tmp_path: Path) -> Any:
    """Import bytes, as a file of that name."""

    async def take(data: bytes, name: str = "people.xlsx", **options: Any) -> tuple[Report, list[Rejected]]:
        path, rejected = tmp_path / name, list[Rejected]()
        path.write_bytes(data)
        report = await importing.run(
            path,
            database=people.database,
            hash_key="h" * 40,
            now=people.now,
            rejected=rejected.append,
            **options,
        )
        return report, rejected

    return take


async def entry(people: Any, address: str) -> directory.Entry:
    """The subscriber of that address."""
    async with people.database.read() as connection:
        return await directory.find(connection, parse(address))


async def test_a_workbook_is_read_with_its_dates_and_numbers_and_says_which_sheet(people: Any, take: Any) -> None:
    data = workbook(
        [
            ["E-Mail", "First name", "Consented at", "Class"],
            [ANA, "Zoë", datetime(2020, 12, 3, 10, 0), 7],  # noqa: DTZ001 - as Excel has them
            [],
            ["nobody", "Ben", None, 7.5],
            ["ben@example.org", "Ben", "2020-12-03", True],
        ]
    )
    report, rejected = await take(data, mapping={"Class": "field:class_no"})
    assert (report.encoding, report.delimiter, report.sheet) == ("Excel workbook", "", "Sign-up")
    assert (report.counts.active, report.counts.refused.total()) == (2, 1)
    assert [(one.row, one.fault) for one in rejected] == [(4, Fault.ADDRESS)]
    ana = await entry(people, ANA)
    assert (ana.first_name, ana.fields, ana.confirmed_at) == (
        "Zoë",
        {"class_no": "7"},
        datetime(2020, 12, 3, 10, 0, tzinfo=UTC),
    )
    again, _ = await take(data, mapping={"Class": "field:class_no"})
    assert (again.counts.known, again.counts.active) == (2, 0)


async def test_a_formula_that_excel_has_computed_is_its_value_and_one_it_has_not_is_empty(take: Any) -> None:
    report, rejected = await take(workbook([["email"], ['="ana"&"@example.org"']]))
    assert (report.counts.rows, rejected) == (0, [])


def with_texts(rows: Sequence[Sequence[int]], texts: Sequence[str]) -> bytes:
    """A workbook as Excel writes it: its cells name texts of the one table by their numbers."""
    cells = "".join("<row>" + "".join(f'<c t="s"><v>{number}</v></c>' for number in row) + "</row>" for row in rows)
    plain = io.BytesIO(workbook([["email"]]))
    buffer = io.BytesIO()
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(buffer, "w") as made:
        for name in source.namelist():
            text = source.read(name).decode()
            if name == "xl/worksheets/sheet1.xml":
                text = f'<worksheet xmlns="{MAIN}"><sheetData>{cells}</sheetData></worksheet>'
            elif name == "[Content_Types].xml":
                part = f'<Override PartName="/xl/texts.xml" ContentType="{SHARED_STRINGS}"/>'
                text = text.replace("</Types>", f"{part}</Types>")
            made.writestr(name, text)
        made.writestr("xl/texts.xml", f'<sst xmlns="{MAIN}"><si>{"</si><si>".join(texts)}</si></sst>')
    return buffer.getvalue()


async def test_texts_are_found_by_their_numbers_however_many_there_are_and_in_whatever_order(people, take) -> None:
    texts = ["<t>email</t>", "<t>first_name</t>", *(f"<t>p{n}@example.org</t>" for n in range(1000)), "<t>Ana</t>"]
    rows = [[0, 1], *([2 + n, 1002] for n in reversed(range(1000)))]
    report, rejected = await take(with_texts(rows, texts))
    assert (report.counts.rows, rejected) == (1000, [])
    for number in (0, 511, 999):
        assert (await entry(people, f"p{number}@example.org")).first_name == "Ana"


async def test_a_text_in_several_styles_is_one_and_how_it_is_read_aloud_is_none_of_it(people, take) -> None:
    styled = "<r><t>ana@</t></r><r><t>example.org</t></r><rPh sb='0' eb='1'><t>aloud</t></rPh>"
    report, _ = await take(with_texts([[0], [1]], ["<t>email</t>", styled]))
    assert report.counts.rows == 1
    assert (await entry(people, ANA)).status == "pending"


async def test_a_cell_that_names_a_text_there_is_not_is_told_in_a_line(take: Any) -> None:
    with pytest.raises(ImportFailed, match="this workbook is damaged"):
        await take(with_texts([[0], [7]], ["<t>email</t>"]))


async def test_the_other_sheets_that_hold_something_are_named_for_nobody_reads_them(take: Any) -> None:
    book = openpyxl.Workbook()
    book.active.append(["email"])
    book.create_sheet("Empty")
    for name in ("2020", "2021"):
        book.create_sheet(name).append(["email"])
    buffer = io.BytesIO()
    book.save(buffer)
    report, _ = await take(buffer.getvalue())
    assert (report.sheet, report.unread) == ("Sheet", ("2020", "2021"))


def test_no_row_that_was_read_and_no_text_stays_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet, "_KEPT", 2)
    path, count = tmp_path / "people.xlsx", 15_000
    texts = ["<t>email</t>", *(f"<t>p{number}@example.org</t>" for number in range(count))]
    path.write_bytes(with_texts([[number] for number in range(count + 1)], texts))
    found = source.look(path)
    tracemalloc.start()
    try:
        assert sum(1 for _ in source.rows(found)) == count
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 80 * count  # an empty element of each row would take as much besides, and so would the texts


def archive(**files: str) -> bytes:
    """A ZIP archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as zipped:
        for name, text in files.items():
            zipped.writestr(name.replace("__", "/"), text)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (archive(notes="hello"), "an archive and no Excel workbook"),
        (b"email,first_name\nana@example.org,Ana\n", "this is no Excel workbook, whatever its name"),
        (workbook([["email"], [ANA]])[:2000], "workbook is damaged"),
        (archive(**{"xl__workbook.xml": "<not closed"}), "workbook is damaged"),
        (workbook([]), "its first sheet has no rows"),
        (workbook([[ANA, "Ana"]]), "the first row must name the columns"),
        (workbook([["name", "town"], ["Ana", "Lexington"]]), "the columns are name, town"),
    ],
)
async def test_what_is_no_workbook_of_people_is_one_line_that_helps(take: Any, data: bytes, said: str) -> None:
    with pytest.raises(ImportFailed) as caught:
        await take(data)
    assert said in str(caught.value)
    assert "people.xlsx" in str(caught.value)
    assert "\n" not in str(caught.value)


LISTMONK = """uuid,email,name,attributes,status,created_at,updated_at
1,ana@example.org,Ana Lopez,"{""role"": ""teacher"", ""Home town"": ""Berlin"", ""deep"": {""x"": 1}, ""age"": 7}",\
enabled,2020-12-03 10:00:00.123456 +0000 UTC,2020-12-03 10:00:00.123456 +0000 UTC
2,ben@example.org,Ben,{},blocklisted,2020-12-03 10:00:00 +0000 UTC,
3,cem@example.org,Cem,{},disabled,2020-12-03 10:00:00 +0000 UTC,
4,dia@example.org,Dia,{broken,enabled,2020-12-03 10:00:00 +0000 UTC,
"""


async def test_listmonk_s_export_brings_its_attributes_and_no_proof_of_consent(people: Any, take: Any) -> None:
    report, rejected = await take(LISTMONK.encode(), "subscribers.csv")
    assert (report.layout, rejected) == ("listmonk", [])
    assert await people.mailable() == set()
    ana = await entry(people, ANA)
    assert (ana.status, ana.first_name, ana.last_name) == ("pending", "Ana", "Lopez")
    assert ana.joined_at == datetime(2020, 12, 3, 10, 0, tzinfo=UTC)
    assert ana.fields == {"role": "teacher", "home_town": "Berlin", "age": "7"}
    assert await people.suppression("ben@example.org") is Reason.UNSUBSCRIBE
    assert await people.suppression("cem@example.org") is Reason.STAFF
    assert report.remarks == {Remark.ATTRIBUTES: 1}


async def test_tags_are_tags_whichever_column_or_attribute_brings_them(people: Any, take: Any) -> None:
    listmonk = """uuid,email,attributes,status
1,ana@example.org,"{""tags"": ""press""}",enabled
2,ben@example.org,"{""Tags"": [""press"", ""vip, too"", 7], ""age"": 7}",enabled
"""
    await take(listmonk.encode(), "subscribers.csv")
    await take(b"email,Group,labels\ncem@example.org,press; vip,vip\n", "c.csv", mapping={"Group": "field:tags"})
    assert [(await entry(people, f"{name}@example.org")).fields for name in ("ana", "ben", "cem")] == [
        {"tags": ["press"]},
        {"age": "7", "tags": ["press", "vip", "too"]},
        {"tags": ["vip", "press"]},
    ]


MAILMAN = """email,display_name,delivery_mode,delivery_status,list_id,role
ana@example.org,Ana Lopez,regular,enabled,news.example.org,owner
ben@example.org,Ben,regular,by_user,news.example.org,member
cem@example.org,Cem,plaintext_digests,by_bounces,news.example.org,member
dia@example.org,Dia,regular,by_moderator,news.example.org,member
"""


async def test_mailman_s_members_are_pending_and_whose_delivery_is_off_stay_out(people: Any, take: Any) -> None:
    report, rejected = await take(MAILMAN.encode(), "members.csv")
    assert (report.layout, rejected) == ("Mailman", [])
    ana = await entry(people, ANA)
    assert (ana.status, ana.first_name, ana.fields) == ("pending", "Ana", {})
    assert [await people.suppression(f"{name}@example.org") for name in ("ben", "cem", "dia")] == [
        Reason.UNSUBSCRIBE,
        Reason.HARD_BOUNCE,
        Reason.STAFF,
    ]


async def test_whoever_only_wrote_to_a_list_of_mailman_s_is_not_taken_for_a_member(take: Any) -> None:
    report, (refused,) = await take(
        (MAILMAN + "eve@example.org,Eve,,enabled,news.example.org,nonmember\n").encode(), "all.csv"
    )
    assert (refused.row, refused.fault) == (6, Fault.NEVER)
    assert report.columns["role"] == "membership"
    kept = MAILMAN.replace("owner", "nonmember").encode()
    report, refused = await take(kept, "all.csv", mapping={"role": "field:there"})
    assert (report.columns["role"], refused) == ("there", [])


async def test_a_roster_without_a_header_loses_nobody_on_its_first_line(people: Any, take: Any) -> None:
    report, _ = await take(b"Ana Lopez <ana@example.org>\nben@example.org\n", "members.txt")
    assert (report.counts.pending, report.counts.rows) == (2, 2)
    assert ((await entry(people, ANA)).first_name, (await entry(people, ANA)).last_name) == ("Ana", "Lopez")
