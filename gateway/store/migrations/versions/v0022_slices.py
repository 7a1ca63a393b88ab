"""Whether a change has refiled all stored mail, and whether a message's attachments are saved once it is certain."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What was changed before was done in one piece; of what was filed before, nothing more is saved by itself."""
    op.add_column("step", sa.Column("refiled", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.add_column("message", sa.Column("saves", sa.Boolean(), nullable=False, server_default=sa.false()))
