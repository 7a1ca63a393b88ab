"""Changes are kept step by step, and the addresses by which stored messages are found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Moments are microseconds since 1970 in UTC. What was changed before can't be undone: nothing of it is known."""
    op.create_table(
        "step",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("newest", sa.Integer(), nullable=False),
        sa.Column("undoes", sa.Integer()),
        sa.Column("undone_by", sa.Integer()),
        sa.ForeignKeyConstraint(["undoes"], ["step.number"]),
        sa.ForeignKeyConstraint(["undone_by"], ["step.number"]),
        sa.PrimaryKeyConstraint("number"),
        sqlite_autoincrement=True,
    )
    _create_parts()
    _create_correspondents()
    op.add_column("unfiled", sa.Column("step", sa.Integer()))


def _create_parts() -> None:
    op.create_table(
        "step_noun",
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("before", sa.JSON()),
        sa.Column("after", sa.JSON()),
        sa.ForeignKeyConstraint(["step"], ["step.number"]),
        sa.PrimaryKeyConstraint("step", "kind", "name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "step_filing",
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("message", sa.Integer(), nullable=False),
        sa.Column("does", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["step"], ["step.number"]),
        sa.ForeignKeyConstraint(["message"], ["message.id"]),
        sa.PrimaryKeyConstraint("step", "message", "client"),
        sqlite_with_rowid=False,
    )
    op.create_index("step_filing_message", "step_filing", ["message"])


def _create_correspondents() -> None:
    op.create_table(
        "correspondent",
        sa.Column("message", sa.Integer(), nullable=False),
        sa.Column("role", sa.Integer(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("local", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["message"], ["message.id"]),
        sa.PrimaryKeyConstraint("message", "role", "domain", "local"),
        sqlite_with_rowid=False,
    )
    op.create_index("correspondent_domain", "correspondent", ["domain", "local", "message"])
    op.create_table(
        "correspondents",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("message", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
