"""Members' tokens; the activity becomes a chain, and what is filed can't be deleted or altered any more."""

from __future__ import annotations

import hashlib
import json

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BATCH = 1_000  # lines of activity read at once


def upgrade() -> None:
    """The lines that are there are chained as they stand: nobody can vouch for what was before."""
    op.create_table(
        "member_token",
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("login"),
        sa.UniqueConstraint("id"),
    )
    op.create_table(
        "webhook",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("kinds", sa.JSON(), nullable=False),
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("cursor", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt", sa.BigInteger()),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("is_off", sa.Boolean(), nullable=False),
        sa.Column("nonce", sa.LargeBinary(), nullable=False),
        sa.Column("box", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.add_column("activity", sa.Column("link", sa.Text(), nullable=False, server_default=""))
    op.add_column("event", sa.Column("login", sa.Text(), nullable=False, server_default=""))
    op.execute(
        "UPDATE event SET login = coalesce((SELECT login FROM queue_entry WHERE queue_entry.id = event.queue_id), '') "
        "WHERE client = '' AND queue_id != ''"
    )
    op.add_column("message", sa.Column("digest", sa.Text()))
    _chain()
    for guard in GUARDS:
        op.execute(guard)


def _chain() -> None:
    """As `gateway.store.activity` does it; written out here, for a migration stays what it was."""
    connection, number, link = op.get_bind(), 0, "0" * 64
    look = sa.text(
        "SELECT number, at, who, kind, name, verb, what FROM activity "
        "WHERE number > :behind ORDER BY number LIMIT :most"
    )
    while rows := connection.execute(look, {"behind": number, "most": BATCH}).all():
        for row in rows:
            number = row.number
            line = json.dumps(list(row), ensure_ascii=True, separators=(",", ":"))
            link = hashlib.sha256(f"{link}\n{line}".encode("ascii")).hexdigest()
            connection.execute(
                sa.text("UPDATE activity SET link = :link WHERE number = :number"), {"link": link, "number": number}
            )


GUARDS = (
    """CREATE TRIGGER activity_stays BEFORE DELETE ON activity
BEGIN SELECT RAISE(ABORT, 'the activity is never deleted'); END""",
    """CREATE TRIGGER activity_is_linked BEFORE INSERT ON activity
WHEN NEW.link = ''
BEGIN SELECT RAISE(ABORT, 'each line of the activity has its link'); END""",
    """CREATE TRIGGER activity_is_fixed BEFORE UPDATE ON activity
BEGIN SELECT RAISE(ABORT, 'the activity is never altered'); END""",
    """CREATE TRIGGER message_stays BEFORE DELETE ON message
BEGIN SELECT RAISE(ABORT, 'nobody deletes a message from the record'); END""",
    """CREATE TRIGGER message_is_fixed BEFORE UPDATE OF id, sha256, size, filed_at ON message
BEGIN SELECT RAISE(ABORT, 'nobody gives a message of the record other bytes'); END""",
    """CREATE TRIGGER filing_stays BEFORE DELETE ON filing
BEGIN SELECT RAISE(ABORT, 'nobody deletes a message from a client''s record'); END""",
    """CREATE TRIGGER filing_is_fixed BEFORE UPDATE OF client, message ON filing
BEGIN SELECT RAISE(ABORT, 'nobody moves a message out of a client''s record'); END""",
    """CREATE TRIGGER document_stays BEFORE DELETE ON document
BEGIN SELECT RAISE(ABORT, 'nobody deletes a document from a client''s record'); END""",
    """CREATE TRIGGER body_stays BEFORE DELETE ON body
WHEN EXISTS (SELECT 1 FROM message WHERE message.sha256 = OLD.sha256)
BEGIN SELECT RAISE(ABORT, 'nobody deletes the bytes of a message of the record'); END""",
    """CREATE TRIGGER body_is_fixed BEFORE UPDATE OF sha256, size, content ON body
BEGIN SELECT RAISE(ABORT, 'nobody alters the bytes of a message'); END""",
)
