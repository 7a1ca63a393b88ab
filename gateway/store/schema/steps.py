"""What was changed step by step, so that a step can be taken back, and by which addresses stored messages are found."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Index, Integer, PrimaryKeyConstraint, Table, Text, true

from gateway.store.columns import Moment, Words
from gateway.store.schema.metadata import metadata

step = Table(
    "step",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("who", Words, nullable=False),
    Column("newest", Integer, nullable=False),  # message that was stored then
    Column("undoes", Integer, ForeignKey("step.number")),
    Column("undone_by", Integer, ForeignKey("step.number")),
    Column("refiled", Boolean, nullable=False, server_default=true()),  # stored mail lies as it says; the last may not
    sqlite_autoincrement=True,
)

# A thing of the firm as it was before and after; no secret is in it.
step_noun = Table(
    "step_noun",
    metadata,
    Column("step", Integer, ForeignKey("step.number"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("position", Integer, nullable=False),  # where it stood, or stands where it was added
    Column("before", JSON(none_as_null=True)),  # NULL: it was added
    Column("after", JSON(none_as_null=True)),  # NULL: it was removed
    PrimaryKeyConstraint("step", "kind", "name"),
    sqlite_with_rowid=False,
)

step_filing = Table(
    "step_filing",
    metadata,
    Column("step", Integer, ForeignKey("step.number"), nullable=False),
    Column("client", Words, nullable=False),
    Column("message", Integer, ForeignKey("message.id"), nullable=False),
    Column("does", Text, nullable=False),  # filed, left, ambiguous, certain
    PrimaryKeyConstraint("step", "message", "client"),
    Index("step_filing_message", "message"),
    sqlite_with_rowid=False,
)

# Whom a stored message is from and to. Made from its bytes when it is needed, up to the one in `correspondents`.
correspondent = Table(
    "correspondent",
    metadata,
    Column("message", Integer, ForeignKey("message.id"), nullable=False),
    Column("role", Integer, nullable=False),  # 0: From, 1: a recipient, 2: others
    Column("domain", Text, nullable=False),
    Column("local", Words, nullable=False),
    PrimaryKeyConstraint("message", "role", "domain", "local"),
    Index("correspondent_domain", "domain", "local", "message"),
    sqlite_with_rowid=False,
)

correspondents = Table(
    "correspondents",
    metadata,
    Column("id", Integer, primary_key=True),  # one row
    Column("message", Integer, nullable=False),  # the last that was looked at
)
