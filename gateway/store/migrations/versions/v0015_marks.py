"""What the wall clock showed, by which the age of what is done is told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Moments are microseconds since 1970 in UTC. The first mark is set when the queue's clock starts."""
    op.create_table(
        "clock_mark",
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("wall", sa.BigInteger(), nullable=False),
    )
