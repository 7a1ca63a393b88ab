"""A change refiles stored mail piece by piece, and the database knows whether it came to the end."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What was changed before was done in one piece."""
    op.add_column("step", sa.Column("refiled", sa.Boolean(), nullable=False, server_default=sa.true()))
