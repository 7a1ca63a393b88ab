"""What all tables have in common."""

from __future__ import annotations

from sqlalchemy import MetaData

metadata = MetaData()
