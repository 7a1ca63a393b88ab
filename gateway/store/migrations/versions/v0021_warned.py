"""Since when the firm knows that a mailbox is not synced, so that it hears of it once, and of its end."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """``warned_at``: ticks, as all moments are kept."""
    op.add_column("mailbox_sync", sa.Column("warned_at", sa.BigInteger(), nullable=True))
