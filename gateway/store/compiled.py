"""Statements of the way of a message: compiled once from the tables, then handed to SQLite with nothing in between.

SQLAlchemy spends 100 microseconds and more on a statement that SQLite runs in five; a message needs a dozen of them.
"""

from __future__ import annotations

import re
import sqlite3
from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, Delete, Insert, Select, Update
from sqlalchemy.dialects.sqlite.pysqlite import dialect

from gateway.store.columns import Moment, Words, clean, to_ticks
from gateway.store.engine import driver

_DIALECT = dialect()
_IN: dict[type, Callable[[Any], Any]] = {Moment: to_ticks, Words: clean}  # our own types, without what is around them

AT_ONCE = 64  # rows of one statement: with 16 columns a thousand values, where SQLite takes 32,766

_ROW = re.compile(r" VALUES (\([?, ]+\))")

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
        self._widened: dict[int, tuple[str, int]] = {}

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

    def together(self, connection: Connection, rows: Sequence[Mapping[str, object]]) -> int:
        """As `many`, for an insert of small rows: up to `AT_ONCE` of them in one step of SQLite's.

        Behind each step the thread has to wait for its turn among all that run Python.
        """
        if not rows:
            return 0
        self._know(rows[0])
        raw, (_, bind) = driver(connection), self._text
        done = changed = 0
        while done < len(rows):
            size = min(1 << (len(rows) - done).bit_length() - 1, AT_ONCE)  # so that there are few texts to be prepared
            sql, width = self._wide(size)
            fields = [bind(row) for row in rows[done : done + size]]
            flat = [value for some in fields for value in some[:width]]
            changed += raw.execute(sql, [*flat, *fields[0][width:]]).rowcount
            done += size
        return changed

    def _wide(self, rows: int) -> tuple[str, int]:
        """The text for so many rows, and how many values each has; what follows them is the same for all."""
        if rows not in self._widened:
            sql, _ = self._text
            found = _ROW.search(sql)
            assert found is not None, "no insert of values"
            wide = sql[: found.start(1)] + ", ".join([found[1]] * rows) + sql[found.end(1) :]
            self._widened[rows] = wide, found[1].count("?")
        return self._widened[rows]

    def _know(self, row: Mapping[str, object]) -> None:
        if self._columns is None and isinstance(self._statement, Insert):
            self._columns = list(row)

    @cached_property
    def _text(self) -> tuple[str, Callable[[Mapping[str, object]], list[object]]]:
        compiled = self._statement.compile(dialect=_DIALECT, column_keys=self._columns)
        names = list(compiled.positiontup or ())
        fixed = {name: compiled.params[name] for name in names if not compiled.binds[name].required}
        types = [compiled.binds[name].type for name in names]
        ours = [(at, _IN[type(one)]) for at, one in enumerate(types) if type(one) in _IN and not self._kept]
        found: list[tuple[int, Process]] = [
            (at, one.dialect_impl(_DIALECT).bind_processor(_DIALECT))
            for at, one in enumerate(types)
            if type(one) not in _IN
        ]
        converted = [(at, convert) for at, convert in found if convert is not None and not self._kept]

        def bind(values: Mapping[str, object]) -> list[object]:
            given = {**fixed, **values} if fixed else values
            fields = [given[name] for name in names]
            for at, convert in ours:
                if fields[at] is not None:
                    fields[at] = convert(fields[at])
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
