"""Mail on its way out: entries, recipients, attempts, copies and errands, and what came back."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Float, ForeignKey, Index, Integer, PrimaryKeyConstraint, Table, Text, text

from gateway.store.columns import Moment, Words
from gateway.store.schema.metadata import metadata

queue_entry = Table(
    "queue_entry",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("login", Words, nullable=False),
    Column("mailbox", Words, nullable=False),
    Column("sender_local", Words),  # NULL for <>
    Column("sender_domain", Text),
    Column("sha256", Text, ForeignKey("body.sha256"), nullable=False),
    Column("size", Integer, nullable=False),
    Column("message_id", Words, nullable=False),
    Column("subject", Words, nullable=False),
    Column("accepted_at", Moment, nullable=False),
    Column("next_attempt", Moment, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("smtputf8", Boolean, nullable=False),
    Column("hold_reason", Words, nullable=False),
    Column("grant_kind", Text, nullable=False),
    Column("rules", JSON, nullable=False),
    Column("in_reply_to", Words, nullable=False),
    Column("envid", Words, nullable=False, server_default=""),
    Column("return_full", Boolean, nullable=False, server_default="0"),
    Column("not_before", Moment),  # NULL: it was to leave at once
    Column("fingerprint", Text),  # of the submission; NULL where nobody submitted it
    Column("began", Moment),  # by the queue's own clock; NULL while it waits for its time
    Index("queue_entry_mailbox", "state", "mailbox", "next_attempt"),
    Index("queue_entry_fingerprint", "fingerprint"),
    Index("queue_entry_message_id", "message_id"),
    Index("queue_entry_sha256", "sha256"),  # else each body that goes would be looked for in all entries
    # Only of reports, so that it costs nobody else anything: they answer the message that they are about.
    Index("queue_entry_report", "in_reply_to", sqlite_where=text("sender_local IS NULL")),
    Index("queue_entry_envid", "envid", sqlite_where=text("envid <> ''")),  # few authors give one
    sqlite_autoincrement=True,
)

recipient = Table(
    "recipient",
    metadata,
    Column("entry", Integer, ForeignKey("queue_entry.number"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("local", Words, nullable=False),
    Column("domain", Text, nullable=False),
    Column("bcc", Boolean, nullable=False),
    Column("delivery", Text, nullable=False),
    Column("code", Integer),  # NULL, as all that follows, until an attempt came to something
    Column("status", Text),
    Column("words", Words),
    Column("stage", Text),
    Column("reported", Boolean, nullable=False),  # its failure was told to the author
    Column("notify", Text, nullable=False, server_default="failure delay"),  # of what the author wants to hear
    Column("orcpt", Words, nullable=False, server_default=""),
    PrimaryKeyConstraint("entry", "position"),
    sqlite_with_rowid=False,
)

# One row: the clock that waiting mail ages by, and the wall clock at the same moment.
queue_clock = Table(
    "queue_clock",
    metadata,
    Column("at", Moment, nullable=False),
    Column("wall", Moment, nullable=False),
)

# What the wall clock showed when the queue's showed that; see `gateway.store.marks`.
clock_mark = Table(
    "clock_mark",
    metadata,
    Column("at", Moment, nullable=False),
    Column("wall", Moment, nullable=False),
)

sent_copy = Table(
    "sent_copy",
    metadata,
    Column("entry", Integer, ForeignKey("queue_entry.number"), primary_key=True),
    Column("state", Text, nullable=False),  # due, active, done
    Column("attempts", Integer, nullable=False),
    Column("next_attempt", Moment, nullable=False),
    Column("last_error", Words, nullable=False),
    Index("sent_copy_due", "state", "next_attempt"),
)

# Few messages have any, so that these don't make the copy in Sent, which nearly all have, dearer.
errand = Table(
    "errand",
    metadata,
    Column("entry", Integer, ForeignKey("queue_entry.number"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("mailbox", Words, nullable=False),  # where it is to be done
    Column("state", Text, nullable=False),  # due, active, done
    Column("attempts", Integer, nullable=False),
    Column("next_attempt", Moment, nullable=False),
    Column("last_error", Words, nullable=False),
    PrimaryKeyConstraint("entry", "kind", "mailbox"),
    Index("errand_due", "state", "next_attempt"),
    sqlite_with_rowid=False,
)

tried = Table(
    "tried",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("entry", Integer, ForeignKey("queue_entry.number"), nullable=False),
    Column("at", Moment, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("upstream", Text, nullable=False),
    Column("waiting", Float, nullable=False),  # seconds, as the next two
    Column("connecting", Float, nullable=False),
    Column("sending", Float, nullable=False),
    Column("answers", JSON, nullable=False),
    Index("tried_entry", "entry", "number"),
)

# What mails told later about messages that had left. A message is its bytes: its entry may be swept while the record
# goes on holding it. No key to `body`, for this is no reason to keep one.
returned = Table(
    "returned",
    metadata,
    Column("sha256", Text, nullable=False),
    Column("recipient", Words, nullable=False),  # address key
    Column("delivery", Text, nullable=False),  # failed, pending, delivered: each is told once
    Column("at", Moment, nullable=False),
    Column("code", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("words", Words, nullable=False),
    Column("message", Integer, ForeignKey("message.id")),  # the mail that told it, where a client's record has it
    PrimaryKeyConstraint("sha256", "recipient", "delivery"),
    sqlite_with_rowid=False,
)
