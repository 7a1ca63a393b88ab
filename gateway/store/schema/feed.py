"""The firm's feed."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Integer, Table, Text

from gateway.store.columns import Moment, Words
from gateway.store.schema.metadata import metadata

event = Table(
    "event",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("kind", Text, nullable=False),
    Column("text", Words, nullable=False),
    Column("client", Words, nullable=False),
    Column("mailbox", Words, nullable=False),
    Column("message", Integer, ForeignKey("message.id")),
    Column("queue_id", Text, nullable=False),
    Column("login", Words, nullable=False, server_default=""),
    sqlite_autoincrement=True,
)
