"""What members want to hear of, and how far the feed was mailed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Moments are microseconds since 1970 in UTC; who chose nothing hears of everything in the feed."""
    op.create_table(
        "preference",
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("way", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("login", "kind"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "muted",
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("thread", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("login", "thread"),
        sqlite_with_rowid=False,
    )
    op.create_index("muted_thread", "muted", ["thread"])
    op.create_table(
        "quiet",
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("mailbox", sa.Text(), nullable=False),
        sa.Column("until", sa.BigInteger()),
        sa.PrimaryKeyConstraint("login", "kind", "mailbox"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "announced",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("cursor", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
