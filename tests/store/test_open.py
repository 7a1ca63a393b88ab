"""Opening: one daemon a folder, schema first, a snapshot before any change, and nothing touched that is not ours."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from gateway.domain.errors import Conflict, Faulty, TemporaryFailure
from gateway.store import files, migrate
from gateway.store.engine import connect
from gateway.store.schema import metadata
from gateway.store.store import Store
from tests.store.conftest import Opener
from tests.store.making import KEY, NOW, entry, filing, mail

BIG = mail("big", 300_000)
HEAD = migrate.HEAD  # of this version; tests of upgrades put one more behind it


def found(folder: Path, pattern: str) -> list[Path]:
    return list(folder.glob(pattern))


def script_directory() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(migrate.SCRIPTS))
    return ScriptDirectory.from_config(config)


def test_the_migrations_make_the_schema_that_a_new_database_gets(tmp_path: Path) -> None:
    new, migrated = tmp_path / "new.db", tmp_path / "migrated.db"
    migrate.migrate(new)
    migrate._change(migrated, migrate._upgrade)
    assert schema_of(new) == schema_of(migrated)
    assert migrate.revision_of(new) == migrate.revision_of(migrated) == script_directory().get_current_head()
    engine = connect(migrated, writes=False)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def schema_of(database: Path) -> set[tuple[str, str, tuple[object, ...]]]:
    """Each table and index with its columns, keys and references, as SQLite understood them."""
    with closing(sqlite3.connect(database)) as raw:
        names = raw.execute("SELECT type, name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'").fetchall()
        return {(kind, name, shape(raw, kind, name)) for kind, name in names}


def shape(raw: sqlite3.Connection, kind: str, name: str) -> tuple[object, ...]:
    if kind == "trigger":
        return tuple(raw.execute("SELECT sql FROM sqlite_master WHERE name = ?", (name,)).fetchone())
    if kind == "index":
        return tuple(raw.execute("SELECT * FROM pragma_index_xinfo(?)", (name,)))
    (made,) = raw.execute("SELECT sql FROM sqlite_master WHERE name = ?", (name,)).fetchone()
    return (
        tuple(raw.execute("SELECT * FROM pragma_table_xinfo(?)", (name,))),
        frozenset(raw.execute('SELECT "table", "from", "to" FROM pragma_foreign_key_list(?)', (name,))),
        frozenset(found[2:] for found in raw.execute("SELECT * FROM pragma_index_list(?)", (name,))),
        "AUTOINCREMENT" in made,
        "WITHOUT ROWID" in made,
    )


async def test_A4_a_second_daemon_is_refused_and_told_what_to_do(open_store: Opener) -> None:
    first = await open_store()
    with pytest.raises(Conflict, match=f"process {os.getpid()}.*stop it first"):
        await open_store()
    await first.close()
    await open_store()


async def test_H2_a_database_of_a_newer_version_is_refused_untouched(open_store: Opener, data_dir: Path) -> None:
    await (await open_store()).close()
    with closing(sqlite3.connect(data_dir / "postern.db")) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
        raw.commit()
    before = (data_dir / "postern.db").read_bytes()
    with pytest.raises(Conflict, match="newer Postern"):
        await open_store()
    assert (data_dir / "postern.db").read_bytes() == before


async def test_H2_an_upgrade_leaves_a_snapshot_and_keeps_the_queue(
    open_store: Opener, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await open_store()
    await store.queue.add(entry("A", BIG), BIG)
    await store.close()
    next_version(tmp_path, monkeypatch, 'op.add_column("tally", sa.Column("extra", sa.Integer()))')
    again = await open_store()
    assert (await again.queue.get("A")).id == "A"
    (snapshot,) = found(data_dir, f"postern-{HEAD}-*.db")
    assert stat.S_IMODE(snapshot.stat().st_mode) == 0o600
    with closing(sqlite3.connect(snapshot)) as raw:
        assert raw.execute("SELECT id FROM queue_entry").fetchall() == [("A",)]
        assert raw.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]


async def test_H2_an_upgrade_that_fails_half_way_changes_nothing(
    open_store: Opener, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await (await open_store()).close()
    with monkeypatch.context() as context:
        next_version(tmp_path, context, 'op.drop_table("tally"); op.execute("SELECT * FROM nowhere")')
        with pytest.raises(TemporaryFailure):
            await open_store()
    assert migrate.revision_of(data_dir / "postern.db") == HEAD
    store = await open_store()
    assert await store.sync.states() == {}


def next_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: str) -> None:
    scripts = tmp_path / "scripts"
    (scripts / "versions").mkdir(parents=True)
    for path in (migrate.SCRIPTS / "env.py", *migrate.SCRIPTS.glob("versions/v*.py")):
        (scripts / path.relative_to(migrate.SCRIPTS)).write_text(path.read_text())
    (scripts / "versions" / "v9998_next.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n"
        f"revision = '9998'\ndown_revision = '{HEAD}'\n\ndef upgrade():\n    {work}\n"
    )
    monkeypatch.setattr(migrate, "SCRIPTS", scripts)
    monkeypatch.setattr(migrate, "HEAD", "9998")


async def test_G1_an_empty_or_missing_database_beside_stored_mail_is_not_taken_for_a_new_firm(
    open_store: Opener, data_dir: Path
) -> None:
    store = await open_store()
    await store.queue.add(entry("A", BIG), BIG)
    await store.close()
    (data_dir / "postern.db").write_bytes(b"")
    with pytest.raises(Conflict, match="restore it from the latest backup"):
        await open_store()
    (data_dir / "postern.db").unlink()
    with pytest.raises(Conflict, match="restore it from the latest backup"):
        await open_store()
    assert not (data_dir / "postern.db").exists()


async def test_G1_a_file_that_is_no_database_is_refused_and_left(open_store: Opener, data_dir: Path) -> None:
    await (await open_store()).close()
    (data_dir / "postern.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(TemporaryFailure, match="damaged"):
        await open_store()
    assert (data_dir / "postern.db").read_bytes() == b"not a database" * 1000


async def test_the_database_of_another_program_is_left_alone(open_store: Opener, data_dir: Path) -> None:
    files.make_root(data_dir)
    with closing(sqlite3.connect(data_dir / "postern.db")) as raw:
        raw.execute("CREATE TABLE theirs (x)")
    with pytest.raises(Conflict, match="another program"):
        await open_store()


async def test_files_are_private_whatever_the_umask(open_store: Opener, data_dir: Path) -> None:
    before = os.umask(0o000)
    try:
        store = await open_store()
        await store.queue.add(entry("A", BIG), BIG)
        await store.record.file(filing(mail("x"), "Al"))
    finally:
        os.umask(before)
    for path in [data_dir, *found(data_dir, "**/*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o750 if path.is_dir() else 0o600), path
    names = {path.name for path in found(data_dir, "*")}
    assert {"postern.db", "postern.db-wal", "postern.db-shm", "postern-search.db", "lock", "blobs", "tmp"} == names


async def test_a_tight_umask_is_no_obstacle(open_store: Opener, data_dir: Path) -> None:
    before = os.umask(0o777)
    try:
        store = await open_store()
        await store.queue.add(entry("A", BIG), BIG)
    finally:
        os.umask(before)
    assert stat.S_IMODE((data_dir / "blobs").stat().st_mode) == 0o750


@pytest.mark.parametrize("scheme", ["sqlite", "sqlite+aiosqlite"])
async def test_the_database_lies_where_its_url_says(open_store: Opener, tmp_path: Path, scheme: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    await open_store(url=f"{scheme}:///{tmp_path}/elsewhere/firm.db")
    assert (tmp_path / "elsewhere" / "firm.db").stat().st_size > 0
    assert not (tmp_path / "data" / "postern.db").exists()


@pytest.mark.parametrize(
    "url", ["postgresql://db/firm", "sqlite://", "sqlite:///:memory:", "nonsense", "sqlite:///a?b=c"]
)
async def test_other_urls_are_faults_with_their_path(open_store: Opener, url: str) -> None:
    with pytest.raises(Faulty) as refused:
        await open_store(url=url)
    assert refused.value.faults[0].path == "database.url"


async def test_what_a_crash_left_half_written_is_swept_at_the_start(open_store: Opener, data_dir: Path) -> None:
    await (await open_store()).close()
    (data_dir / "tmp" / "0123").write_bytes(b"half")
    store = await Store.open(data_dir, url=None, key=KEY)
    assert list((data_dir / "tmp").iterdir()) == []
    assert store.disk_free() > 0
    await store.close()


async def test_a_closed_store_says_so_and_closing_twice_is_harmless(open_store: Opener) -> None:
    store = await open_store()
    await store.close()
    await store.close()
    with pytest.raises(TemporaryFailure, match="shutting down"):
        await store.queue.list()
    with pytest.raises(TemporaryFailure, match="shutting down"):
        await store.queue.sent_due(NOW, 1)
