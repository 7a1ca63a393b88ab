"""What attachments came to: documents with their origins, what was set aside, what was promised."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, PrimaryKeyConstraint, Table, Text, UniqueConstraint, text

from gateway.store.columns import Moment, Words
from gateway.store.schema.metadata import metadata

client_folder = Table(
    "client_folder",
    metadata,
    Column("client", Words, primary_key=True),
    Column("folder", Text, nullable=False),
    Column("folded", Text, nullable=False, unique=True),  # no two differ by case or composition only
)

document = Table(
    "document",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("client", Words, nullable=False),
    Column("name", Words, nullable=False),
    Column("original_name", Words, nullable=False),
    Column("content_type", Words, nullable=False),
    Column("size", Integer, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("path", Text, nullable=False, unique=True),
    Column("message", Integer, ForeignKey("message.id"), nullable=False),
    Column("saved_at", Moment, nullable=False),
    Column("note", Text, nullable=False, server_default=""),
    Column("withdrawn", Text, nullable=False, server_default=""),  # leaving, gone: see `withdrawing`
    UniqueConstraint("client", "sha256"),
    Index("document_message", "message"),
    Index("document_leaving", "id", sqlite_where=text("withdrawn = 'leaving'")),
    sqlite_autoincrement=True,
)

document_origin = Table(
    "document_origin",
    metadata,
    Column("document", Integer, ForeignKey("document.id"), nullable=False),
    Column("message", Integer, ForeignKey("message.id"), nullable=False),
    Column("part", Text, nullable=False),
    Column("name", Words, nullable=False),
    PrimaryKeyConstraint("document", "message", "part"),
    sqlite_with_rowid=False,
)

# What is to be looked through for attachments; done where there is no next attempt. The row stays, so that it is once.
saving = Table(
    "saving",
    metadata,
    Column("client", Words, nullable=False),
    Column("message", Integer, ForeignKey("message.id"), nullable=False),
    Column("duty", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt", Moment),
    Column("last_error", Words, nullable=False),
    PrimaryKeyConstraint("client", "message"),
    Index("saving_due", "duty", "message", sqlite_where=text("next_attempt IS NOT NULL")),
    sqlite_with_rowid=False,
)

aside = Table(
    "aside",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("client", Words, nullable=False),
    Column("message", Integer, ForeignKey("message.id"), nullable=False),
    Column("part", Text, nullable=False),
    Column("original_name", Words, nullable=False),
    Column("content_type", Words, nullable=False),
    Column("size", Integer, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("fate", Text, nullable=False),  # left-out, infected
    Column("reason", Words, nullable=False),
    Column("at", Moment, nullable=False),
    UniqueConstraint("client", "message", "part"),
    sqlite_autoincrement=True,
)

promised = Table(
    "promised",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("client", Words, nullable=False),
    Column("message", Integer, ForeignKey("message.id"), nullable=False),
    Column("service", Text, nullable=False),
    Column("link", Words, nullable=False),
    Column("at", Moment, nullable=False),
    UniqueConstraint("client", "link"),
    sqlite_autoincrement=True,
)

# Which message had a small picture first, among those of a client and among those of a sender.
picture = Table(
    "picture",
    metadata,
    Column("who", Words, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("message", Integer, ForeignKey("message.id"), nullable=False),
    PrimaryKeyConstraint("who", "sha256"),
    sqlite_with_rowid=False,
)
