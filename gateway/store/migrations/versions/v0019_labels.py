"""What a provider with labels says of a place: the message's number, the same wherever it lies, and its labels."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Places of before gain theirs when their messages are seen again."""
    op.add_column("location", sa.Column("number", sa.BigInteger()))
    op.add_column("location", sa.Column("labels", sa.JSON()))
    op.create_index("location_number", "location", ["mailbox", "number"], sqlite_where=sa.text("number IS NOT NULL"))
