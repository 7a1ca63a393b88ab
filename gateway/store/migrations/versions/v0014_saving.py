"""The duty to save attachments, every message that brought a document, what was set aside, and what was promised."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Documents of before have one origin that we know; what was filed before is looked through only when asked for."""
    op.add_column("document", sa.Column("note", sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "document_origin",
        sa.Column("document", sa.Integer(), nullable=False),
        _message(),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["document"], ["document.id"]),
        sa.ForeignKeyConstraint(["message"], ["message.id"]),
        sa.PrimaryKeyConstraint("document", "message", "part"),
        sqlite_with_rowid=False,
    )
    op.execute("INSERT INTO document_origin SELECT id, message, '', original_name FROM document")
    op.create_table(
        "saving",
        sa.Column("client", sa.Text(), nullable=False),
        _message(),
        sa.Column("duty", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt", sa.BigInteger()),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["message"], ["message.id"]),
        sa.PrimaryKeyConstraint("client", "message"),
        sqlite_with_rowid=False,
    )
    op.create_index("saving_due", "saving", ["duty", "message"], sqlite_where=sa.text("next_attempt IS NOT NULL"))
    _create_lists()


def _create_lists() -> None:
    op.create_table(
        "aside",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        _message(),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("original_name", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("fate", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["message"], ["message.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("client", "message", "part"),
        sqlite_autoincrement=True,
    )
    _create_promises()


def _create_promises() -> None:
    op.create_table(
        "promised",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        _message(),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("link", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["message"], ["message.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("client", "link"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "picture",
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        _message(),
        sa.ForeignKeyConstraint(["message"], ["message.id"]),
        sa.PrimaryKeyConstraint("who", "sha256"),
        sqlite_with_rowid=False,
    )


def _message() -> sa.Column[int]:
    return sa.Column("message", sa.Integer(), nullable=False)
