"""Addresses never to be mailed, kept as keyed hashes so that they outlive everything else we knew."""

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, bindparam, case, delete, exists, func, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from subscribers import addresses, statements
from subscribers.prepared import Prepared
from subscribers.tables import subscriber, suppression


class Reason(StrEnum):
    """Why an address is suppressed, weakest first."""

    SOFT_BOUNCE = "soft-bounce"
    HARD_BOUNCE = "hard-bounce"
    UNSUBSCRIBE = "unsubscribe"
    COMPLAINT = "complaint"
    ERASED = "erased"
    STAFF = "staff"
    REFUSED = "refused"
    """ "Not me, never again": said by whoever reads that mailbox."""


FINAL = frozenset({Reason.REFUSED, Reason.STAFF})
"""Not lifted by joining again: anyone can fill in a form with somebody's address."""

STAFF_MAY_LIFT = frozenset({Reason.SOFT_BOUNCE, Reason.HARD_BOUNCE, Reason.STAFF})
"""What staff may undo; a person's own word is undone by that person alone."""

OWN_WORD = frozenset({Reason.UNSUBSCRIBE, Reason.COMPLAINT, Reason.ERASED})
"""What a person said, which a decision of staff covers, and does not end: undone, it counts again."""

_STRENGTH = {reason: strength for strength, reason in enumerate(Reason)}


def address_hash(normal: str, key: str) -> str:
    """The keyed hash (BLAKE2b, 16 bytes as 32 hex digits) of an address' normal form.

    The key makes a list of hashes useless for whoever would try out addresses; it never changes.
    """
    return hashing(key)(normal)


def hashing(key: str) -> Callable[[str], str]:
    """`address_hash` by one key, for many addresses: the key is taken in once."""
    secret = key.encode()
    if len(secret) > hashlib.blake2b.MAX_KEY_SIZE:
        secret = hashlib.blake2b(secret).digest()
    begun = hashlib.blake2b(key=secret, digest_size=16)

    def hashed(normal: str) -> str:
        one = begun.copy()
        one.update(normal.encode())
        return one.hexdigest()

    return hashed


def key_name(key: str) -> str:
    """What a key is called in files: by it one sees whether two lists of hashes were made with the same."""
    return address_hash("", key)[:8]


@dataclass(frozen=True, slots=True)
class Finding:
    """Why an address is to be suppressed, by its hash: since when, on whose word, and what that said.

    `own_word` is what the person had said, below a decision of staff.
    """

    address: str
    reason: Reason
    at: datetime
    source: str = ""
    detail: str = ""
    own_word: Reason | None = None


async def suppress(
    connection: AsyncConnection, address: str, reason: Reason, *, at: datetime, source: str = "", detail: str = ""
) -> bool:
    """Suppress the address with this hash; True if it was not suppressed before.

    A stronger reason replaces a weaker one, never the other way round, in whatever order reports arrive. What a person
    said is kept below a decision of staff.
    """
    return bool(await suppress_all(connection, [Finding(address, reason, at, source, detail)]))


async def suppress_all(connection: AsyncConnection, findings: Sequence[Finding]) -> set[str]:
    """Suppress many addresses, as `suppress` does one; the hashes of those that were not suppressed before."""
    strongest: dict[str, Finding] = {}
    findings = [*findings, *(replace(one, reason=one.own_word, own_word=None) for one in findings if one.own_word)]
    for one in findings:
        known = strongest.get(one.address)
        if known is None or is_stronger(one.reason, known.reason):
            strongest[one.address] = one
    if not strongest:
        return set()
    added = await connection.execute(
        statements.insert(connection, suppression).on_conflict_do_nothing().returning(suppression.c.hash),
        [_row(one) for _, one in sorted(strongest.items())],
    )
    new = set(added.scalars())
    before = await reasons(connection, strongest.keys() - new)
    for hashed, reason in before.items():
        one = strongest[hashed]
        if is_stronger(one.reason, reason):
            await connection.execute(
                update(suppression)
                .where(suppression.c.hash == hashed, suppression.c.reason.in_(_weaker(one.reason)))
                .values(_row(one) | _covering(one))
            )
        await _keep_own_word(connection, one, reason)
    for one in findings:
        if strongest[one.address].reason is Reason.STAFF:
            await _keep_own_word(connection, one, Reason.STAFF)
    return new


def _covering(one: Finding) -> dict[str, object]:
    """What stays of a person's own word where a decision of staff takes its place; it counts since the word."""
    if one.reason is not Reason.STAFF:
        return {"own_word": None}
    is_word = suppression.c.reason.in_(sorted(OWN_WORD))
    return {
        "own_word": case((is_word, suppression.c.reason)),
        "at": case((is_word, suppression.c.at), else_=_instant(one)),
    }


async def _keep_own_word(connection: AsyncConnection, one: Finding, held: Reason) -> None:
    """Write down what somebody said where it did not become the reason, `held`, since staff have decided.

    Only a request made after that brings them back, once staff undo it.
    """
    if one.reason not in OWN_WORD or one.reason is held:
        return
    word = suppression.c.own_word
    await connection.execute(
        update(suppression)
        .where(
            suppression.c.hash == one.address,
            suppression.c.reason == Reason.STAFF,
            word.is_(None) | word.in_(_weaker(one.reason)),
        )
        .values(own_word=one.reason, at=case((suppression.c.at < one.at, _instant(one)), else_=suppression.c.at))
    )


def _instant(one: Finding) -> ColumnElement[datetime]:
    """The moment as its column has it, which a CASE would not know."""
    return literal(one.at, suppression.c.at.type)


def adds_to(reason: Reason, held: Reason) -> bool:
    """Whether a reason changes what is known of an address that is suppressed already."""
    return is_stronger(reason, held) or (held is Reason.STAFF and reason in OWN_WORD)


def is_stronger(reason: Reason, than: Reason) -> bool:
    """Whether a reason takes the place of another."""
    return _STRENGTH[reason] > _STRENGTH[than]


def _weaker(reason: Reason) -> list[Reason]:
    return [other for other in Reason if is_stronger(reason, other)]


async def reasons(connection: AsyncConnection, hashes: Collection[str]) -> dict[str, Reason]:
    """Why these addresses are suppressed, those that are. None is looked up while nobody is, as in a new database."""
    if not await connection.scalar(select(exists().select_from(suppression))):
        return {}
    theirs = select(suppression.c.hash, suppression.c.reason)
    rows = await statements.looked_up(connection, theirs, suppression.c.hash, hashes)
    return {row.hash: Reason(row.reason) for row in rows}


async def totals(connection: AsyncConnection) -> dict[Reason, int]:
    """How many addresses are suppressed, for each reason there is."""
    rows = await connection.execute(select(suppression.c.reason, func.count()).group_by(suppression.c.reason))
    return {Reason(reason): count for reason, count in rows}


def _row(one: Finding) -> dict[str, object]:
    """What is kept outlives the address, which a server's answer repeats."""
    detail = addresses.hidden(one.detail)
    return {"hash": one.address, "reason": one.reason, "at": one.at, "source": one.source, "detail": detail}


async def find(connection: AsyncConnection, address: str) -> Reason | None:
    """Why the address with this hash is suppressed, or None."""
    reason = await connection.scalar(select(suppression.c.reason).where(suppression.c.hash == address))
    return None if reason is None else Reason(reason)


_REASON_OF = Prepared(
    select(suppression.c.reason)
    .join(subscriber, subscriber.c.hash == suppression.c.hash)
    .where(subscriber.c.id == bindparam("number"))
)


async def reason_of(connection: AsyncConnection, subscriber_id: int) -> Reason | None:
    """Why a subscriber's address is suppressed, or None."""
    rows = await _REASON_OF.rows(connection, {"number": subscriber_id})
    return Reason(rows[0].reason) if rows else None


async def finding(connection: AsyncConnection, subscriber_id: int) -> Finding | None:
    """All that is written down about why a subscriber's address is suppressed, or None."""
    of_subscriber = select(subscriber.c.hash).where(subscriber.c.id == subscriber_id).scalar_subquery()
    return await _finding(connection, suppression.c.hash == of_subscriber)


async def finding_of_hash(connection: AsyncConnection, address: str) -> Finding | None:
    """The same of the address with this hash, whether or not it is a subscriber's."""
    return await _finding(connection, suppression.c.hash == address)


async def _finding(connection: AsyncConnection, which: ColumnElement[bool]) -> Finding | None:
    row = (await connection.execute(select(suppression).where(which))).one_or_none()
    if row is None:
        return None
    said = None if row.own_word is None else Reason(row.own_word)
    return Finding(row.hash, Reason(row.reason), row.at, row.source, row.detail, said)


async def lift(connection: AsyncConnection, address: str) -> bool:
    """Undo a suppression by a fresh double opt-in; False if there was none, or one that joining does not undo."""
    return await _lift(connection, address, frozenset(Reason) - FINAL)


async def release(connection: AsyncConnection, address: str) -> bool:
    """Undo a suppression by a decision of staff; False if there was none, or one that is not theirs to undo.

    What the person had said before stays, as the reason.
    """
    uncovered = await connection.execute(
        update(suppression)
        .where(suppression.c.hash == address, suppression.c.own_word.is_not(None))
        .values(reason=suppression.c.own_word, own_word=None, source="", detail="")
    )
    return uncovered.rowcount == 1 or await _lift(connection, address, STAFF_MAY_LIFT)


async def _lift(connection: AsyncConnection, address: str, reasons: frozenset[Reason]) -> bool:
    lifted = await connection.execute(
        delete(suppression).where(suppression.c.hash == address, suppression.c.reason.in_(sorted(reasons)))
    )
    return lifted.rowcount == 1
