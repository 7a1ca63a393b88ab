"""Who takes part in a message and what its subject is about, so that an answer that names nothing finds its thread."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What was filed before has neither, and keeps its thread: only weeks count, so it is soon as if it had."""
    op.add_column("message", sa.Column("people", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("filing", sa.Column("topic", sa.Text(), nullable=False, server_default=""))
    op.create_index("filing_topic", "filing", ["client", "topic", "message"], sqlite_where=sa.text("topic <> ''"))
