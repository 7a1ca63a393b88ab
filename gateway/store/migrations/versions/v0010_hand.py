"""What people took out of a client's record is kept aside, and only what lies there may leave the record."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Moments are microseconds since 1970 in UTC."""
    op.create_table(
        "unfiled",
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("message", sa.Integer(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("thread", sa.Integer(), nullable=False),
        sa.Column("flags", sa.JSON(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["message"], ["message.id"]),
        sa.PrimaryKeyConstraint("client", "message"),
        sqlite_with_rowid=False,
    )
    op.execute("DROP TRIGGER filing_stays")
    for guard in GUARDS:
        op.execute(guard)


GUARDS = (
    """CREATE TRIGGER filing_stays BEFORE DELETE ON filing
WHEN NOT EXISTS (SELECT 1 FROM unfiled WHERE unfiled.client = OLD.client AND unfiled.message = OLD.message)
BEGIN SELECT RAISE(ABORT, 'nobody deletes a message from a client''s record'); END""",
    """CREATE TRIGGER unfiled_stays BEFORE DELETE ON unfiled
WHEN NOT EXISTS (SELECT 1 FROM filing WHERE filing.client = OLD.client AND filing.message = OLD.message)
BEGIN SELECT RAISE(ABORT, 'nobody deletes what was taken out of a client''s record'); END""",
    """CREATE TRIGGER unfiled_is_fixed BEFORE UPDATE ON unfiled
BEGIN SELECT RAISE(ABORT, 'nobody alters who took a message out of a client''s record'); END""",
)
