"""The tables, as the queries know them; `migrations` is how a database gets them, and a test holds the two together."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from gateway.store.columns import Moment, Words

metadata = MetaData()

body = Table(
    "body",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("size", Integer, nullable=False),
    Column("content", LargeBinary),  # NULL: in a file below blobs/
)

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
    PrimaryKeyConstraint("client", "message"),
    # A thread belongs to one client, and the database itself holds filings to it.
    ForeignKeyConstraint(["thread", "client"], ["thread.id", "thread.client"]),
    Index("filing_box", "client", "direction", "message"),
    Index("filing_message", "message"),
    Index("filing_thread", "thread", "client"),
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
    PrimaryKeyConstraint("mailbox", "folder", "uidvalidity", "uid"),
    Index("location_message", "message"),
    sqlite_with_rowid=False,
)

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
    UniqueConstraint("client", "sha256"),
    Index("document_message", "message"),
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

# What search has still to look at; the triggers of `asking` write it.
unindexed = Table(
    "unindexed",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("message", Integer, nullable=False),
)
