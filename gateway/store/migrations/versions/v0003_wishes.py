"""What authors asked for: reports, a time to leave; and what tells that a submission is the same again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Moments are microseconds since 1970 in UTC; what is queued had asked for nothing."""
    op.add_column("queue_entry", sa.Column("envid", sa.Text(), nullable=False, server_default=""))
    op.add_column("queue_entry", sa.Column("return_full", sa.Boolean(), nullable=False, server_default="0"))
    op.add_column("queue_entry", sa.Column("not_before", sa.BigInteger(), nullable=True))
    op.add_column("queue_entry", sa.Column("fingerprint", sa.Text(), nullable=True))
    op.drop_index("queue_entry_due", "queue_entry")
    op.create_index("queue_entry_mailbox", "queue_entry", ["state", "mailbox", "next_attempt"])
    op.create_index("queue_entry_fingerprint", "queue_entry", ["fingerprint"])
    op.create_index("queue_entry_message_id", "queue_entry", ["message_id"])
    op.add_column("recipient", sa.Column("notify", sa.Text(), nullable=False, server_default="failure delay"))
    op.add_column("recipient", sa.Column("orcpt", sa.Text(), nullable=False, server_default=""))
