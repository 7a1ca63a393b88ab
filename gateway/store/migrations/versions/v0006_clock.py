"""The clock by which waiting mail ages, and from when on each message does."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Moments are microseconds since 1970 in UTC. What waits keeps the age that it has by the wall clock."""
    op.create_table(
        "queue_clock",
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("wall", sa.BigInteger(), nullable=False),
    )
    op.add_column("queue_entry", sa.Column("began", sa.BigInteger()))
    op.execute(
        "UPDATE queue_entry SET began = coalesce(not_before, accepted_at) WHERE not_before IS NULL OR attempts > 0"
    )
