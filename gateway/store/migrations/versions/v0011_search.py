"""What search has still to look at."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Messages that are there already are found by the index itself, which is new."""
    op.create_table(
        "unindexed",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("message", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    ask = "BEGIN INSERT INTO unindexed (message) VALUES"
    op.execute(f"CREATE TRIGGER filing_added AFTER INSERT ON filing\n{ask} (NEW.message); END")
    op.execute(f"CREATE TRIGGER filing_changed AFTER UPDATE OF client, direction ON filing\n{ask} (NEW.message); END")
    op.execute(f"CREATE TRIGGER filing_removed AFTER DELETE ON filing\n{ask} (OLD.message); END")
