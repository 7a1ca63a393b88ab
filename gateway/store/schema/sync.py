"""How far each folder has been read, and how each mailbox stands."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Integer, PrimaryKeyConstraint, Table, Text

from gateway.store.columns import Moment, Words
from gateway.store.schema.metadata import metadata

cursor = Table(
    "cursor",
    metadata,
    Column("mailbox", Words, nullable=False),
    Column("folder", Words, nullable=False),
    Column("uidvalidity", BigInteger, nullable=False),
    Column("uidnext", BigInteger, nullable=False),
    Column("highestmodseq", BigInteger, nullable=False),
    PrimaryKeyConstraint("mailbox", "folder"),
)

backfilled = Table(
    "backfilled",
    metadata,
    Column("mailbox", Words, nullable=False),
    Column("folder", Words, nullable=False),
    Column("address", Words, nullable=False),
    PrimaryKeyConstraint("mailbox", "folder", "address"),
    sqlite_with_rowid=False,
)

skipped = Table(
    "skipped",
    metadata,
    Column("mailbox", Words, nullable=False),
    Column("folder", Words, nullable=False),
    Column("uidvalidity", BigInteger, nullable=False),
    Column("uid", BigInteger, nullable=False),
    Column("reason", Words, nullable=False),
    PrimaryKeyConstraint("mailbox", "folder", "uidvalidity", "uid"),
)

mailbox_sync = Table(
    "mailbox_sync",
    metadata,
    Column("mailbox", Words, primary_key=True),
    Column("state", Text, nullable=False),
    Column("since", Moment, nullable=False),
    Column("detail", Words, nullable=False),
    Column("synced_at", Moment),
    Column("warned_at", Moment),  # the firm was told that it is not synced, and not yet that it is again
)

# How far the look for history has come in each folder; a row goes when it is over.
searching = Table(
    "searching",
    metadata,
    Column("mailbox", Words, nullable=False),
    Column("folder", Words, nullable=False),
    Column("addresses", JSON, nullable=False),
    Column("found", Integer, nullable=False),
    Column("done", Integer, nullable=False),
    PrimaryKeyConstraint("mailbox", "folder"),
)

# Kept as it happens: counting locations at every look at the status would read them all.
tally = Table(
    "tally",
    metadata,
    Column("mailbox", Words, primary_key=True),
    Column("filed", Integer, nullable=False),
    Column("skipped", Integer, nullable=False),
)

# Of the provider's allowance for a day; ``day`` as ISO 8601 writes it, in UTC.
downloaded = Table(
    "downloaded",
    metadata,
    Column("mailbox", Words, primary_key=True),
    Column("day", Text, nullable=False),
    Column("octets", BigInteger, nullable=False),
)
