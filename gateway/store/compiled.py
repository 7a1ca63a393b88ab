"""Statements of the way of a message: compiled once from the tables, then handed to SQLite with nothing in between.

SQLAlchemy spends 100 microseconds and more on a statement that SQLite runs in five; a message needs a dozen of them.
"""

from __future__ import annotations

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, Delete, Insert, Select, Update
from sqlalchemy.dialects.sqlite.pysqlite import dialect

from gateway.store.engine import driver

_DIALECT = dialect()

Process = Callable[[Any], Any] | None


class Compiled:
    """Runs on the driver's own connection, in whatever transaction that is in; values and rows as the columns say.

    It is compiled when it is first needed; an insert's columns are those of the first row there ever was, and each
    row must have the same. Raises what the driver raises. No expanding parameters.

    ``kept``: the values come as the database keeps them, and are not converted.
    """

    def __init__(self, statement: Select[Any] | Insert | Update | Delete, *, kept: bool = False) -> None:
        self._statement = statement
        self._kept = kept
        self._columns: list[str] | None = None

    def all(self, connection: Connection, values: Mapping[str, object]) -> list[Any]:
        """Named tuples, converted as the columns' types have it."""
        sql, bind = self._text
        make, converted = self._made
        found = driver(connection).execute(sql, bind(values)).fetchall()
        if not converted:
            return [make(row) for row in found]
        rows = []
        for row in found:
            fields = list(row)
            for at, convert in converted:
                fields[at] = convert(fields[at])
            rows.append(make(fields))
        return rows

    def first(self, connection: Connection, values: Mapping[str, object]) -> Any:
        """The first row, or None."""
        return next(iter(self.all(connection, values)), None)

    def run(self, connection: Connection, values: Mapping[str, object]) -> int:
        """For what gives no rows; how many it changed."""
        return self._execute(connection, values).rowcount

    def add(self, connection: Connection, values: Mapping[str, object]) -> int:
        """Insert a row into a table that numbers its rows; its number."""
        number = self._execute(connection, values).lastrowid
        assert number is not None
        return number

    def _execute(self, connection: Connection, values: Mapping[str, object]) -> sqlite3.Cursor:
        self._know(values)
        sql, bind = self._text
        return driver(connection).execute(sql, bind(values))

    def many(self, connection: Connection, rows: Sequence[Mapping[str, object]]) -> int:
        """Once for each; how many rows it changed in all."""
        if not rows:
            return 0
        self._know(rows[0])
        sql, bind = self._text
        return driver(connection).executemany(sql, [bind(row) for row in rows]).rowcount

    def _know(self, row: Mapping[str, object]) -> None:
        if self._columns is None and isinstance(self._statement, Insert):
            self._columns = list(row)

    @cached_property
    def _text(self) -> tuple[str, Callable[[Mapping[str, object]], list[object]]]:
        compiled = self._statement.compile(dialect=_DIALECT, column_keys=self._columns)
        names = list(compiled.positiontup or ())
        fixed = {name: compiled.params[name] for name in names if not compiled.binds[name].required}
        found: list[tuple[int, Process]] = [
            (at, compiled.binds[name].type.dialect_impl(_DIALECT).bind_processor(_DIALECT))
            for at, name in enumerate(names)
        ]
        converted = [(at, convert) for at, convert in found if convert is not None and not self._kept]

        def bind(values: Mapping[str, object]) -> list[object]:
            given = {**fixed, **values} if fixed else values
            fields = [given[name] for name in names]
            for at, convert in converted:
                fields[at] = convert(fields[at])
            return fields

        return compiled.string, bind

    @cached_property
    def _made(self) -> tuple[Callable[[Iterable[object]], Any], list[tuple[int, Callable[[Any], Any]]]]:
        assert isinstance(self._statement, Select)
        columns = list(self._statement.selected_columns)
        row = namedtuple("Row", [column.key for column in columns])  # type: ignore[misc]  # noqa: PYI024 - known late
        found: list[tuple[int, Process]] = [
            (at, column.type.dialect_impl(_DIALECT).result_processor(_DIALECT, None))
            for at, column in enumerate(columns)
        ]
        return row._make, [(at, convert) for at, convert in found if convert is not None]
