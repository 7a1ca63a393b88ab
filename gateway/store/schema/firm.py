"""The firm as it is set up: its nouns, secrets and keys, who changed what, and who is told."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Index, Integer, LargeBinary, PrimaryKeyConstraint, Table, Text

from gateway.store.columns import Moment, Words
from gateway.store.schema.metadata import metadata

# The firm is read as one snapshot and never searched by SQL: one row a thing, so that a change writes what changed.
noun = Table(
    "noun",
    metadata,
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("document", JSON, nullable=False),
    PrimaryKeyConstraint("kind", "name"),
)

sealed = Table(
    "sealed",
    metadata,
    Column("mailbox", Text, primary_key=True),  # its key; with " fallback" behind it for the one of its second server
    Column("nonce", LargeBinary, nullable=False),
    Column("box", LargeBinary, nullable=False),
)

# The private halves of the keys that sign mail are sealed as the passwords are.
dkim_key = Table(
    "dkim_key",
    metadata,
    Column("domain", Text, nullable=False),
    Column("selector", Text, nullable=False),
    Column("algorithm", Text, nullable=False),
    Column("public", LargeBinary, nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("state", Text, nullable=False),  # waiting, active, retired
    Column("since", Moment),  # NULL until it was active
    Column("nonce", LargeBinary, nullable=False),
    Column("box", LargeBinary, nullable=False),
    PrimaryKeyConstraint("domain", "selector"),
)

activity = Table(
    "activity",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("who", Words, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Words, nullable=False),
    Column("verb", Text, nullable=False),
    Column("what", Words, nullable=False),
    Column("link", Text, nullable=False, server_default=""),
    sqlite_autoincrement=True,
)

member_token = Table(
    "member_token",
    metadata,
    Column("login", Words, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("digest", LargeBinary, nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("made_by", Words, nullable=False),
)

# The secrets that sign what is sent are sealed as the passwords are.
webhook = Table(
    "webhook",
    metadata,
    Column("name", Text, primary_key=True),
    Column("url", Text, nullable=False),
    Column("kinds", JSON, nullable=False),
    Column("login", Words, nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("cursor", Integer, nullable=False),  # the number of the last event that is dealt with
    Column("attempts", Integer, nullable=False),
    Column("next_attempt", Moment),
    Column("last_error", Words, nullable=False),
    Column("is_off", Boolean, nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    Column("box", LargeBinary, nullable=False),
)

preference = Table(
    "preference",
    metadata,
    Column("login", Words, nullable=False),
    Column("kind", Text, nullable=False),
    Column("way", Text, nullable=False),  # feed, mail, both, none
    PrimaryKeyConstraint("login", "kind"),
    sqlite_with_rowid=False,
)

muted = Table(
    "muted",
    metadata,
    Column("login", Words, nullable=False),
    Column("thread", Integer, nullable=False),
    PrimaryKeyConstraint("login", "thread"),
    Index("muted_thread", "thread"),
    sqlite_with_rowid=False,
)

quiet = Table(
    "quiet",
    metadata,
    Column("login", Words, nullable=False),
    Column("kind", Text, nullable=False),
    Column("mailbox", Words, nullable=False),
    Column("until", Moment),  # NULL: for good
    PrimaryKeyConstraint("login", "kind", "mailbox"),
    sqlite_with_rowid=False,
)

announced = Table(
    "announced",
    metadata,
    Column("id", Integer, primary_key=True),  # one row
    Column("cursor", Integer, nullable=False),
)
