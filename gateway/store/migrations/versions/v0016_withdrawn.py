"""Documents leave the client's with the mail that brought them, and come back with it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What was taken out of a record before took its documents along too: they leave at the next start."""
    op.add_column("document", sa.Column("withdrawn", sa.Text(), nullable=False, server_default=""))
    op.create_index("document_leaving", "document", ["id"], sqlite_where=sa.text("withdrawn = 'leaving'"))
    op.execute(HEIRS)
    op.execute(LEAVING)
    op.execute(AGAIN)


HEIRS = """UPDATE document SET message = (
    SELECT min(o.message) FROM document_origin o
    JOIN filing f ON f.client = document.client AND f.message = o.message WHERE o.document = document.id
) WHERE NOT EXISTS (SELECT 1 FROM filing f WHERE f.client = document.client AND f.message = document.message)
AND EXISTS (
    SELECT 1 FROM document_origin o
    JOIN filing f ON f.client = document.client AND f.message = o.message WHERE o.document = document.id
)"""
LEAVING = """UPDATE document SET withdrawn = 'leaving' WHERE NOT EXISTS (
    SELECT 1 FROM document_origin o
    JOIN filing f ON f.client = document.client AND f.message = o.message WHERE o.document = document.id
) AND EXISTS (SELECT 1 FROM unfiled u WHERE u.client = document.client AND u.message = document.message)"""
# Looked through once, they would not be again when they are filed again.
AGAIN = """DELETE FROM saving WHERE EXISTS (
    SELECT 1 FROM unfiled u WHERE u.client = saving.client AND u.message = saving.message
)"""
