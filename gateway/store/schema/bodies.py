"""The bytes of messages, whoever keeps them."""

from __future__ import annotations

from sqlalchemy import Column, Integer, LargeBinary, Table, Text

from gateway.store.schema.metadata import metadata

body = Table(
    "body",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("size", Integer, nullable=False),
    Column("content", LargeBinary),  # NULL: in a file below blobs/
)
