"""Compiled statements give and take what SQLAlchemy's own execution of them does."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, bindparam, delete, insert, select, update
from sqlalchemy.dialects.sqlite import insert as insert_new

from gateway.store.compiled import Compiled
from gateway.store.engine import connect
from gateway.store.schema import activity, metadata, noun, sent_copy
from tests.store.making import NOW, minutes

ROW = {"number": 7, "at": NOW, "who": "ana\0", "kind": "rule", "name": "\ud800", "verb": "added", "what": ""}


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    engine = connect(tmp_path / "compiled.db", writes=True)
    metadata.create_all(engine)
    with engine.connect() as opened:
        yield opened
    engine.dispose()


def test_values_become_what_the_columns_hold_and_come_back_as_sqlalchemy_gives_them(connection: Connection) -> None:
    everything = select(activity).where(activity.c.number == bindparam("of"))
    Compiled(insert(activity)).many(connection, [ROW])
    (ours,) = Compiled(everything).all(connection, {"of": 7})
    assert ours._asdict() == connection.execute(everything, {"of": 7}).one()._asdict()
    assert (ours.at, ours.who, ours.name) == (NOW, "ana\ufffd", "\ufffd")


def test_json_is_read_and_written(connection: Connection) -> None:
    row: dict[str, Any] = {"kind": "rule", "name": "a", "position": 1, "document": {"to": ["é", 1, None]}}
    Compiled(insert(noun)).many(connection, [row])
    assert Compiled(select(noun)).first(connection, {}).document == row["document"]


def test_what_the_statement_fixes_needs_no_value_and_what_it_asks_for_does(connection: Connection) -> None:
    put_off = Compiled(
        update(activity).where(activity.c.number == bindparam("of")).values(verb="changed", at=minutes(1))
    )
    Compiled(insert(activity)).many(connection, [ROW])
    put_off.run(connection, {"of": 7})
    found = Compiled(select(activity)).first(connection, {})
    assert (found.verb, found.at) == ("changed", minutes(1))
    with pytest.raises(KeyError, match="of"):
        put_off.run(connection, {})


def test_no_rows_and_no_result_are_no_trouble(connection: Connection) -> None:
    Compiled(insert(activity)).many(connection, [])
    assert Compiled(select(activity)).all(connection, {}) == []
    assert Compiled(select(activity)).first(connection, {}) is None


def test_a_constraint_is_the_drivers_error(connection: Connection) -> None:
    copy = {"entry": 99, "state": "due", "attempts": 0, "next_attempt": NOW, "last_error": ""}
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        Compiled(insert(sent_copy)).many(connection, [copy])


@pytest.mark.parametrize("count", [1, 2, 63, 64, 65, 150])
def test_rows_that_are_inserted_together_are_those_that_are_inserted_one_by_one(
    connection: Connection, count: int
) -> None:
    rows = [{**ROW, "number": number, "name": f"{number}\0", "at": minutes(number)} for number in range(count)]
    assert Compiled(insert(activity)).together(connection, rows) == count
    together = Compiled(select(activity)).all(connection, {})
    Compiled(delete(activity)).run(connection, {})
    Compiled(insert(activity)).many(connection, rows)
    assert together == Compiled(select(activity)).all(connection, {})


def test_rows_that_are_there_are_changed_together_as_the_statement_says(connection: Connection) -> None:
    rows = [{**ROW, "number": number} for number in range(5)]
    anew = insert_new(activity).on_conflict_do_update(
        index_elements=["number"], set_={"verb": "again", "what": insert_new(activity).excluded.name}
    )
    Compiled(insert(activity)).together(connection, rows[:3])
    assert Compiled(anew).together(connection, rows) == 5
    found = Compiled(select(activity)).all(connection, {})
    assert [(one.verb, one.what) for one in found] == [("again", "\ufffd")] * 3 + [("added", "")] * 2


def test_a_row_that_can_not_be_leaves_none_of_its_step(connection: Connection) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        Compiled(insert(activity)).together(connection, [ROW, {**ROW, "number": 8}, {**ROW, "number": 9}, ROW])
    assert Compiled(select(activity)).all(connection, {}) == []
