"""The search index: words and where they stand, in a database of its own beside the record's.

It holds nothing that the record does not: where it is missing, damaged or of another version it is made anew, and a
backup leaves it out. What is long to write here (SQLite merges its lists now and then) holds up no mail.

A message has a *place*: the minute that it was written in, times SLOTS, and the next that is free. Lists of words are
sorted by place, so that the newest come first and days are a range, and nothing has to be sorted or read to its end.
Words come folded from `gateway.policy.words`; SQLite's FTS5 only keeps them, and PostgreSQL would keep the same ones,
with their positions, in a tsvector under a GIN index. Words can't be taken out of an index without contents: a message
that is filed anew gets a new place, and the old one is dead.

Beginnings of four and of five letters have lists of their own (``prefix``): without them FTS5 puts the lists of all
words that begin so into one before its first answer, and nothing can cut that short. Longer ones have fewer words.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Collection, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gateway.domain.record import Direction, Message
from gateway.domain.search import Texts
from gateway.store import files
from gateway.store.columns import clean

SLOTS = 8  # messages that a minute has room for before its neighbours lend theirs
OLDEST = datetime(1985, 1, 1, tzinfo=UTC)  # before, a header's date is a broken clock
FUTURE = timedelta(days=1)
HASH_OCTETS = 8  # of a message's hash: enough to know a row that was restored from a backup under the same number
CACHE_KIB = 16 * 1024
LAYOUT = "2"  # of the tables below: an index of another is made anew
PACKING = 1  # zlib's quickest: four octets in a hundred more than with its usual one, in two thirds of the time

_SCHEMA = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE client (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    "CREATE TABLE place (place INTEGER PRIMARY KEY, message INTEGER UNIQUE, hash BLOB, marks TEXT, excerpt BLOB)",
    """CREATE VIRTUAL TABLE words USING fts5(
        subject, sender, recipients, body, documents, marks,
        content='', columnsize=0, prefix='4 5', tokenize="ascii tokenchars '_'"
    )""",
    # Lists are merged eight at a time instead of four, which writes a word fewer times; a batch stays in memory whole.
    "INSERT INTO words (words, rank) VALUES ('automerge', 8)",
    "INSERT INTO words (words, rank) VALUES ('hashsize', 16777216)",
)
_PUT_PLACE = "INSERT INTO place (place, message, hash, marks, excerpt) VALUES (?, ?, ?, ?, ?)"
_PUT_WORDS = (
    "INSERT INTO words (rowid, subject, sender, recipients, body, documents, marks) VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_FREE = "SELECT place FROM place WHERE place >= ? ORDER BY place LIMIT 64"
_KILL = "UPDATE place SET message = NULL, hash = NULL, marks = NULL, excerpt = NULL WHERE message = ?"


@dataclass(frozen=True, slots=True)
class Entry:
    """A message with its words, and under whom it is filed."""

    message: Message
    filings: tuple[tuple[str, Direction], ...]  # at least one
    texts: Texts

    @property
    def minute(self) -> int:
        """When it was written, in minutes since 1970; when it was filed, where the header's date can't be."""
        date, filed_at = self.message.facts.date, self.message.filed_at
        honest = date is not None and OLDEST <= date <= filed_at + FUTURE
        return int((date if honest and date else filed_at).timestamp() // 60)


def index_path(database: Path) -> Path:
    """Beside the database that it is made from."""
    return database.with_name(f"{database.stem}-search.db")


def connect(path: Path, *, writes: bool) -> sqlite3.Connection:
    """Open it; transactions are begun and ended by hand."""
    raw = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    raw.execute("PRAGMA busy_timeout = 5000").close()
    raw.execute(f"PRAGMA cache_size = -{CACHE_KIB}").close()
    if writes:
        raw.execute("PRAGMA journal_mode = WAL").close()
        raw.execute("PRAGMA synchronous = FULL").close()  # what the record takes for indexed must be
    else:
        raw.execute("PRAGMA query_only = ON").close()
    return raw


def prepare(path: Path, version: str, newest: int) -> None:
    """Make sure that there is one of that version; a new one has all messages up to ``newest`` before it."""
    version = f"{version}, layout {LAYOUT}"
    if _version(path) == version:
        return
    discard(path)
    files.make_private(path)
    with closing(connect(path, writes=True)) as raw:
        raw.execute("BEGIN IMMEDIATE")
        for statement in _SCHEMA:
            raw.execute(statement)
        raw.executemany("INSERT INTO meta VALUES (?, ?)", [("version", version), ("unswept", str(newest + 1))])
        raw.execute("COMMIT")


def discard(path: Path) -> None:
    """Remove it, where there is one: it is made anew from what was filed."""
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        path.with_name(name).unlink(missing_ok=True)


def _version(path: Path) -> str:
    """Of what lies there; empty for what is no index, or none that can be read."""
    if not path.exists() or path.stat().st_size == 0:
        return ""
    try:
        with closing(connect(path, writes=False)) as raw:
            found = raw.execute("SELECT value FROM meta WHERE name = 'version'").fetchone()
            return str(found[0]) if found else ""
    except sqlite3.DatabaseError:
        return ""  # not swallowed: it is made anew


def unswept(raw: sqlite3.Connection) -> int:
    """Messages with smaller numbers were there before the index, and have still to be read."""
    return int(raw.execute("SELECT value FROM meta WHERE name = 'unswept'").fetchone()[0])


def write(raw: sqlite3.Connection, entries: Sequence[Entry], gone: Collection[int], swept: int | None) -> None:
    """Add them, take out those that are filed no more, and note how far the sweep came, in one transaction.

    The same again changes nothing.
    """
    raw.execute("BEGIN IMMEDIATE")
    try:
        raw.executemany(_KILL, [(number,) for number in gone])
        rows = [row for entry in sorted(entries, key=lambda one: one.minute) if (row := _put(raw, entry))]
        raw.executemany(_PUT_WORDS, sorted(rows))  # in the order of places SQLite writes one list, else many
        if swept is not None:
            raw.execute("UPDATE meta SET value = ? WHERE name = 'unswept'", (str(swept),))
    except BaseException:
        if raw.in_transaction:
            raw.execute("ROLLBACK")
        raise
    raw.execute("COMMIT")


def _put(raw: sqlite3.Connection, entry: Entry) -> tuple[int | str, ...] | None:
    """Give it a place; the row of its words, None where it stands there already."""
    number, digest, texts = entry.message.id, bytes.fromhex(entry.message.sha256)[:HASH_OCTETS], entry.texts
    marks = _marks(raw, entry)
    known = raw.execute("SELECT place, hash, marks FROM place WHERE message = ?", (number,)).fetchone()
    if known is not None:
        if known[1:] == (digest, marks):
            return None
        raw.execute(_KILL, (number,))
    place = _free(raw, entry.minute * SLOTS)
    raw.execute(_PUT_PLACE, (place, number, digest, marks, zlib.compress(clean(texts.excerpt).encode(), PACKING)))
    return place, texts.subject, texts.sender, texts.recipients, texts.body, texts.documents, marks


def _free(raw: sqlite3.Connection, place: int) -> int:
    while True:
        for (taken,) in raw.execute(_FREE, (place,)).fetchall():
            if taken != place:
                return place
            place += 1
        if raw.execute("SELECT 1 FROM place WHERE place = ?", (place,)).fetchone() is None:
            return place


def _marks(raw: sqlite3.Connection, entry: Entry) -> str:
    """Words that nobody can type: for all, for each box and client, for what has attachments."""
    marks = {"_all", *(f"_{direction}" for _, direction in entry.filings)}
    marks |= {f"_c{client_number(raw, client)}" for client, _ in entry.filings}
    return " ".join(sorted(marks | ({"_attachment"} if entry.texts.has_attachment else set())))


def client_number(raw: sqlite3.Connection, name: str) -> int:
    """The client's number in this index; a new one gets the next."""
    raw.execute("INSERT INTO client (name) VALUES (?) ON CONFLICT DO NOTHING", (name,))
    return int(raw.execute("SELECT number FROM client WHERE name = ?", (name,)).fetchone()[0])


def clients(raw: sqlite3.Connection) -> Iterable[tuple[str, int]]:
    """Every client who ever had mail, with their number."""
    return raw.execute("SELECT name, number FROM client").fetchall()
