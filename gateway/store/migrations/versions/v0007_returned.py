"""What came back by mail about messages that had left, and the duties beside the copy in Sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Moments are microseconds since 1970 in UTC; what came back before was nobody's to notice."""
    op.create_table(
        "returned",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("delivery", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("message", sa.Integer()),
        sa.ForeignKeyConstraint(["message"], ["message.id"]),
        sa.PrimaryKeyConstraint("sha256", "recipient", "delivery"),
        sqlite_with_rowid=False,
    )
    op.create_index("queue_entry_envid", "queue_entry", ["envid"], sqlite_where=sa.text("envid <> ''"))
