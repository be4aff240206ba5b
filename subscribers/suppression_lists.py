"""Suppressions as files: out by hash, and in by hash or by address, so that what one list knows another can learn."""

import csv
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TextIO

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from subscribers import addresses, consent, spreadsheet, statements, suppression
from subscribers.addresses import AddressError
from subscribers.importing import ImportFailed, Rejected, layout, moments, source
from subscribers.importing.errors import Refused
from subscribers.importing.record import Row, in_words
from subscribers.suppression import Finding, Reason
from subscribers.tables import subscriber
from subscribers.tables import suppression as table

COLUMNS = ("hash", "key", "reason", "at", "source", "detail", "own_word")
_ADDRESS = "email"
_READ = {
    **{name: name for name in ("hash", "key", "reason", "at", "detail")},
    "ownword": "own_word",
    **dict.fromkeys(("email", "emailaddress", "address", "mail"), _ADDRESS),
    **dict.fromkeys(("suppressedat", "created", "createdat", "date"), "at"),
}
"""Columns by their names as letters only, and what they hold."""

_HASH = re.compile(r"[0-9a-f]{32}")
_BATCH = 1000
_SOURCE = "import"


class Fault(StrEnum):
    """Why a row is refused."""

    EMPTY = "there is neither a hash nor an address"
    HASH = "the hash is none of ours"
    KEY = "the hash was made with another key"
    ADDRESS = "the address cannot be written to"
    REASON = "the reason is not known"
    MOMENT = "the date is not readable"


@dataclass(slots=True)
class Report:
    """What became of the rows; each is in exactly one of these.

    `suppressed` are new here, by reason. `known` were suppressed before, by that file or otherwise. `returned` have
    confirmed here since, and that is their newer word. `refused` were not taken, by fault.
    """

    file: str
    dry_run: bool
    suppressed: Counter[Reason] = field(default_factory=Counter)
    known: int = 0
    returned: int = 0
    refused: Counter[StrEnum] = field(default_factory=Counter)

    @property
    def took_nothing(self) -> bool:
        """Whether there were rows, and each was refused."""
        return bool(self.refused) and not (self.suppressed or self.known or self.returned)


async def everything(connection: AsyncConnection, *, key: str) -> AsyncIterator[dict[str, str]]:
    """Every suppression by column, in constant memory; `email` too, of those who are still subscribers here."""
    last = ""
    page = (
        select(table, subscriber.c.address)
        .outerjoin_from(table, subscriber, subscriber.c.hash == table.c.hash)
        .order_by(table.c.hash)
        .limit(_BATCH)
    )
    name = suppression.key_name(key)
    while rows := (await connection.execute(page.where(table.c.hash > last))).all():
        for row in rows:
            yield {
                "hash": row.hash,
                "key": name,
                "reason": row.reason,
                "at": row.at.isoformat(),
                "source": row.source,
                "detail": row.detail,
                "own_word": row.own_word or "",
                _ADDRESS: row.address or "",
            }
        last = rows[-1].hash


Write = Callable[[Mapping[str, str]], None]


def comma_separated(file: TextIO, *, with_addresses: bool) -> Write:
    """Write the header; what is given back writes a row that a spreadsheet opens safely."""
    columns = (*COLUMNS, _ADDRESS) if with_addresses else COLUMNS
    writer = csv.writer(file)
    writer.writerow(columns)
    return lambda row: writer.writerow([spreadsheet.safe(row[column]) for column in columns])


def json_lines(file: TextIO, *, with_addresses: bool) -> Write:
    """What is given back writes one JSON object a line."""
    columns = (*COLUMNS, _ADDRESS) if with_addresses else COLUMNS

    def write(row: Mapping[str, str]) -> None:
        file.write(json.dumps({column: row[column] for column in columns}, ensure_ascii=False) + "\n")

    return write


async def take(
    path: Path,
    *,
    begin: Callable[[], AbstractAsyncContextManager[AsyncConnection]],
    hash_key: str,
    now: datetime,
    dry_run: bool = False,
    mapping: Mapping[str, str] | None = None,
    rejected: Callable[[Rejected], None],
) -> Report:
    """Suppress whom a file names, by `hash` or by `email`. Raises ImportFailed for what is no such file.

    `mapping` is column → what it holds, or `-` for nothing, of columns that are called otherwise than ours.
    Each batch is a transaction of its own, and a second time changes nothing. A row without a `reason` is staff's
    decision, one without an `at` is of now. `begin` opens a transaction (for a dry run, one to read with will do).
    """
    file = source.look(path)
    reader = _Reader(file.header, _places(path, file.header, mapping or {}), hash_key, now)
    report, name = Report(in_words(path), dry_run), in_words(path.name)
    rows = source.rows(file)
    while batch := list(islice(rows, _BATCH)):
        findings = list(_read(batch, reader, name, report, rejected))
        async with begin() as connection:
            new = await _decide(connection, findings, report)
            if not dry_run:
                await _write(connection, new, name, now)
    return report


def _places(path: Path, header: tuple[str, ...], mapping: Mapping[str, str]) -> dict[str, int]:
    said = {layout.place(path, header, column): name for column, name in mapping.items()}
    known = sorted(set(_READ.values()))
    for name in said.values():
        if name not in (*known, "-"):
            raise ImportFailed(f"--map …={name}: there is no such field; known: {', '.join(known)}, -")
    places = {name: place for place, name in said.items() if name != "-"}
    for place, column in enumerate(header):
        held = _READ.get(re.sub(r"[\W_]+", "", column.casefold()))
        if held is not None and place not in said:
            places.setdefault(held, place)
    if not {"hash", _ADDRESS} & places.keys():
        columns = ", ".join(column or "(no name)" for column in header)
        raise ImportFailed(
            f"{path}: a column must be called hash or email, to say who is meant; there are {columns};"
            f' say which one with --map "{next(filter(None, header), "")}=email"'
        )
    return places


@dataclass(frozen=True, slots=True)
class _Reader:
    columns: tuple[str, ...]
    places: Mapping[str, int]
    hash_key: str
    now: datetime

    def read(self, row: Row, file: str) -> Finding:
        """Whom a row suppresses, and why. Raises Refused."""
        cells = {
            name: spreadsheet.plain(row.cells[place].strip()) if place < len(row.cells) else ""
            for name, place in self.places.items()
        }
        reason, at = cells.get("reason", ""), cells.get("at", "")
        moment = moments.read(at) if at else self.now
        if moment is None:
            raise Refused(Fault.MOMENT, f"“{at[:40]}” is no date; write one such as 2021-02-01")
        detail = cells.get("detail") or f"{file}, row {row.number}"
        said = self._reason(word) if (word := cells.get("own_word")) else None
        return Finding(self._hash(cells), self._reason(reason), min(moment, self.now), _SOURCE, detail, said)

    def _hash(self, cells: Mapping[str, str]) -> str:
        hashed, address, key = cells.get("hash", ""), cells.get(_ADDRESS, ""), cells.get("key", "")
        if hashed:
            if not _HASH.fullmatch(hashed):
                raise Refused(Fault.HASH, f"“{hashed[:40]}” is no hash: those are 32 digits from 0 to f")
            if key and key != suppression.key_name(self.hash_key):
                raise Refused(Fault.KEY, "the hash was made with another secrets.hash_key, and names nobody here")
            return hashed
        if not address:
            raise Refused(Fault.EMPTY, "there is neither a hash nor an address")
        try:
            return suppression.address_hash(addresses.parse_mailbox(address)[1].normal, self.hash_key)
        except AddressError as error:
            raise Refused(Fault.ADDRESS, str(error)) from error

    def _reason(self, text: str) -> Reason:
        try:
            return Reason(text.casefold()) if text else Reason.STAFF
        except ValueError as error:
            raise Refused(Fault.REASON, f"“{text[:40]}” is no reason; there are {', '.join(Reason)}") from error


def _read(
    batch: list[Row], reader: _Reader, file: str, report: Report, rejected: Callable[[Rejected], None]
) -> Iterator[Finding]:
    for row in batch:
        try:
            yield reader.read(row, file)
        except Refused as refusal:
            report.refused[refusal.fault] += 1
            rejected(Rejected(row.number, refusal.fault, str(refusal), tuple(row.cells), reader.columns))


async def _decide(connection: AsyncConnection, findings: list[Finding], report: Report) -> list[Finding]:
    """Those that change something."""
    hashes = {one.address for one in findings}
    before = await suppression.reasons(connection, hashes)
    confirmed = await _confirmed(connection, hashes)
    new: list[Finding] = []
    for one in findings:
        known = before.get(one.address)
        since = confirmed.get(one.address)
        if known is None and since is not None and since > one.at:
            report.returned += 1
            continue
        if known is None:
            report.suppressed[one.reason] += 1
        else:
            report.known += 1
        if known is None or suppression.is_stronger(one.reason, known):
            before[one.address] = one.reason
            new.append(one)
        elif suppression.adds_to(one.own_word or one.reason, known):
            new.append(one)
    return new


async def _confirmed(connection: AsyncConnection, hashes: set[str]) -> dict[str, datetime]:
    """When those of them who are active here have confirmed."""
    theirs = select(subscriber.c.hash, subscriber.c.confirmed_at).where(
        subscriber.c.status == "active", subscriber.c.confirmed_at.is_not(None)
    )
    rows = await statements.looked_up(connection, theirs, subscriber.c.hash, hashes)
    return {row.hash: row.confirmed_at for row in rows if row.confirmed_at is not None}


async def _write(connection: AsyncConnection, new: list[Finding], file: str, now: datetime) -> None:
    added = await suppression.suppress_all(connection, new)
    reasons = {one.address: one.reason.value for one in new}
    theirs = select(subscriber.c.id, subscriber.c.hash)
    people = await statements.looked_up(connection, theirs, subscriber.c.hash, added)
    steps = [(row.id, _SOURCE, {"reason": reasons[row.hash], "file": file}) for row in people]
    await consent.record_suppressions(connection, steps, actor=consent.Actor.STAFF, now=now)
