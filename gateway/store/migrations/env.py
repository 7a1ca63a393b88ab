"""What alembic runs: the versions on the connection, and in the transaction, that `gateway.store.migrate` gave it."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

connection = context.config.attributes["connection"]
assert isinstance(connection, Connection)
context.configure(connection=connection)
context.run_migrations()
