"""The duties beside the copy in Sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Moments are microseconds since 1970 in UTC."""
    op.create_table(
        "errand",
        sa.Column("entry", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("mailbox", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt", sa.BigInteger(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["entry"], ["queue_entry.number"]),
        sa.PrimaryKeyConstraint("entry", "kind", "mailbox"),
        sqlite_with_rowid=False,
    )
    op.create_index("errand_due", "errand", ["state", "next_attempt"])
