"""What attempts came to that did not end with a delivery at once; and what finds reports and bodies."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Moments are microseconds since 1970 in UTC; of earlier attempts only the log knows."""
    op.create_table(
        "tried",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("entry", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("upstream", sa.Text(), nullable=False),
        sa.Column("waiting", sa.Float(), nullable=False),
        sa.Column("connecting", sa.Float(), nullable=False),
        sa.Column("sending", sa.Float(), nullable=False),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["entry"], ["queue_entry.number"]),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("tried_entry", "tried", ["entry", "number"])
    op.create_index("queue_entry_sha256", "queue_entry", ["sha256"])
    reports = sa.text("sender_local IS NULL")
    op.create_index("queue_entry_report", "queue_entry", ["in_reply_to"], sqlite_where=reports)
