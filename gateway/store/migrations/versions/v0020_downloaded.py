"""What each mailbox has downloaded today, so that a restart does not begin its provider's allowance anew."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """``day``: of UTC, as ISO 8601 writes it."""
    op.create_table(
        "downloaded",
        sa.Column("mailbox", sa.Text(), primary_key=True),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("octets", sa.BigInteger(), nullable=False),
    )
