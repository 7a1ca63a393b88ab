"""Brings a database to the schema of this version, in one transaction.

A new one is made from the tables as the queries know them; an older one is copied first and goes through alembic.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import structlog
from sqlalchemy import Connection

from gateway.domain.errors import Conflict
from gateway.store import asking, files, guards
from gateway.store.backup import copy_database
from gateway.store.engine import connect, driver
from gateway.store.schema import metadata

log = structlog.get_logger()

HEAD = "0022"  # the newest version in migrations/versions; a test holds the two together
SCRIPTS = Path(__file__).parent / "migrations"


def migrate(database: Path) -> None:
    """Make or upgrade the database. `Conflict` when a newer Postern wrote it; then nothing was touched."""
    known = revision_of(database)
    if known == HEAD:
        return
    if known is not None:
        if known > HEAD:
            raise Conflict(
                f"the database was written by a newer Postern (schema {known}, this one knows {HEAD}): "
                "install that version again, or restore a backup of this one"
            )
        snapshot = _snapshot(database, known)
        log.info("database-snapshot", path=str(snapshot), schema=known)
    files.make_private(database)
    _change(database, _make if known is None else _upgrade)
    log.info("database-migrated", schema=HEAD)


def revision_of(database: Path) -> str | None:
    """The version of the schema; None where there is no database yet. Versions are numbers of four digits."""
    if not database.exists() or database.stat().st_size == 0:
        return None
    with closing(sqlite3.connect(database)) as raw:
        tables = raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        if ("alembic_version",) not in tables:
            if tables:
                raise Conflict(f"{database} is a database of another program: give Postern a file of its own")
            return None
        row = raw.execute("SELECT version_num FROM alembic_version").fetchone()
        return None if row is None else str(row[0])


def _snapshot(database: Path, known: str) -> Path:
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    target = database.with_name(f"{database.stem}-{known}-{moment}.db")
    copy_database(database, target)
    return target


def _change(database: Path, how: Callable[[Connection], None]) -> None:
    engine = connect(database, writes=True)
    try:
        with engine.connect() as connection, connection.begin():  # begun, so that alembic leaves ending it to us
            raw = driver(connection)
            raw.execute("BEGIN IMMEDIATE")
            try:
                how(connection)
            except BaseException:
                raw.execute("ROLLBACK")
                raise
            raw.execute("COMMIT")
    finally:
        engine.dispose()


def _make(connection: Connection) -> None:
    metadata.create_all(connection, checkfirst=False)
    raw = driver(connection)
    for guard in (*guards.GUARDS, *asking.ASKING):
        raw.execute(guard)
    raw.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
    raw.execute("INSERT INTO alembic_version VALUES (?)", (HEAD,))


def _upgrade(connection: Connection, to: str = "head") -> None:
    # Imported here: alembic takes longer to load than a start with a database that is up to date.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, to)
