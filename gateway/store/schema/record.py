"""The clients' record: messages, threads, under whom they are filed, and where they were seen."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from gateway.store.columns import Moment, Words
from gateway.store.schema.metadata import metadata

message = Table(
    "message",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sha256", Text, ForeignKey("body.sha256"), nullable=False, unique=True),
    Column("size", Integer, nullable=False),
    Column("message_id", Words, nullable=False),
    Column("in_reply_to", JSON, nullable=False),
    Column("refs", JSON, nullable=False),
    Column("subject", Words, nullable=False),
    Column("sender", Words, nullable=False),
    Column("recipients", Words, nullable=False),
    Column("date", Moment),
    Column("filed_at", Moment, nullable=False),
    Column("author_login", Words, nullable=False),
    Column("grant_kind", Text, nullable=False),
    Column("digest", Text),  # of what was noted of it when it was filed; NULL: that was before there were digests
    # Keys of those in From, To and Cc; what was filed before they were kept has none.
    Column("people", JSON, nullable=False, server_default="[]"),
    # Its attachments are documents of whoever it is found to be, as they would have been on arrival.
    Column("saves", Boolean, nullable=False, server_default=false()),
    Index("message_message_id", "message_id"),
    sqlite_autoincrement=True,
)

# Who sent a message, as far as it was weighed when it was filed; what nobody weighed has no row.
verdict = Table(
    "verdict",
    metadata,
    Column("message", Integer, ForeignKey("message.id"), primary_key=True),
    Column("standing", Text, nullable=False),  # verified, unverified, unknown
    Column("reason", Words, nullable=False),
    Column("source", Text, nullable=False),  # provider, here, nobody
    Column("authserv_id", Words, nullable=False),
    Column("checks", JSON, nullable=False),
    Column("withheld", Boolean, nullable=False),  # attachments wait for the approval
    Column("approved_by", Words, nullable=False),
    Column("approved_at", Moment),  # NULL: nobody approved it
    # Only of those that wait, so that it costs nothing else anything.
    Index("verdict_open", "message", sqlite_where=text("standing = 'unverified' AND approved_at IS NULL")),
)

reference = Table(
    "reference",
    metadata,
    Column("message", Integer, ForeignKey("message.id"), nullable=False),
    Column("ref", Words, nullable=False),
    PrimaryKeyConstraint("message", "ref"),
    Index("reference_ref", "ref"),
    sqlite_with_rowid=False,
)

thread = Table(
    "thread",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("client", Words, nullable=False),
    UniqueConstraint("id", "client"),
    sqlite_autoincrement=True,
)

filing = Table(
    "filing",
    metadata,
    Column("client", Words, nullable=False),
    Column("message", Integer, ForeignKey("message.id"), nullable=False),
    Column("direction", Text, nullable=False),
    Column("thread", Integer, nullable=False),
    Column("flags", JSON, nullable=False),
    # The words of its subject where they may tie it to others; empty: generic, unverified, or filed before.
    Column("topic", Words, nullable=False, server_default=""),
    PrimaryKeyConstraint("client", "message"),
    # A thread belongs to one client, and the database itself holds filings to it.
    ForeignKeyConstraint(["thread", "client"], ["thread.id", "thread.client"]),
    Index("filing_box", "client", "direction", "message"),
    Index("filing_message", "message"),
    Index("filing_thread", "thread", "client"),
    Index("filing_topic", "client", "topic", "message", sqlite_where=text("topic <> ''")),
    sqlite_with_rowid=False,
)

# What a person took out of a client's record: nothing of a record is ever deleted without a trace here.
unfiled = Table(
    "unfiled",
    metadata,
    Column("client", Words, nullable=False),
    Column("message", Integer, ForeignKey("message.id"), nullable=False),
    Column("direction", Text, nullable=False),
    Column("thread", Integer, nullable=False),
    Column("flags", JSON, nullable=False),
    Column("at", Moment, nullable=False),
    Column("who", Words, nullable=False),
    Column("step", Integer),  # the change that did it; NULL: a person did
    PrimaryKeyConstraint("client", "message"),
    sqlite_with_rowid=False,
)

location = Table(
    "location",
    metadata,
    Column("mailbox", Words, nullable=False),
    Column("folder", Words, nullable=False),
    Column("uidvalidity", BigInteger, nullable=False),
    Column("uid", BigInteger, nullable=False),
    Column("message", Integer, ForeignKey("message.id"), nullable=False),
    Column("stale", Boolean, nullable=False),  # the folder was renumbered since
    Column("number", BigInteger),  # the provider's for the message; NULL where it has none, as the labels
    Column("labels", JSON(none_as_null=True)),
    PrimaryKeyConstraint("mailbox", "folder", "uidvalidity", "uid"),
    Index("location_message", "message"),
    Index("location_number", "mailbox", "number", sqlite_where=text("number IS NOT NULL")),
    sqlite_with_rowid=False,
)

# What search has still to look at; the triggers of `asking` write it.
unindexed = Table(
    "unindexed",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("message", Integer, nullable=False),
)
