"""One more message costs the database no more when the record is large: counted in the steps that SQLite takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Self

import pytest
from sqlalchemy import Connection

from gateway.domain.record import Location, NewFiling
from gateway.store.bodies import Body
from gateway.store.engine import connect, driver
from gateway.store.filing import Transaction, run_all
from gateway.store.locations import lookalikes
from gateway.store.schema import metadata
from tests.store.making import facts, filing, inbox, mail

FEW, MANY = 20, 600  # messages in the record
GROWS_LESS = 2  # times: the pages of a tree are a little deeper, what goes through all of it takes thirty times as long
GRAIN = 10  # steps from one count to the next


class Steps:
    """Counts those of everything that runs on the connection inside it."""

    def __init__(self, connection: Connection) -> None:
        self._raw = driver(connection)
        self.taken = 0

    def __enter__(self) -> Self:
        self._raw.set_progress_handler(self._count, GRAIN)
        return self

    def __exit__(self, *_: object) -> None:
        self._raw.set_progress_handler(None, 0)

    def _count(self) -> int:
        self.taken += GRAIN
        return 0


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    engine = connect(tmp_path / "growth.db", writes=True)
    metadata.create_all(engine)
    with engine.connect() as opened:
        driver(opened).execute("BEGIN")  # never committed: only the steps matter
        yield opened
    engine.dispose()


def letter(number: int) -> NewFiling:
    """Of a matter of its own, as a provider that numbers messages shows it."""
    known = replace(facts(f"<{number}@x>", answers=[f"<{number}.before@x>"]), subject=f"Contract of house {number:04}")
    at = replace(inbox(number), number=10_000 + number)
    return filing(mail(f"letter {number}"), "Al", known=known, at=at)


def file(connection: Connection, number: int) -> None:
    item = letter(number)
    run_all(connection, [Transaction(item, Body.of(item.raw))])


def place(number: int) -> Location:
    at = letter(number).location
    assert at is not None
    return at


def test_a_message_is_filed_in_as_many_steps_after_many_as_after_few(connection: Connection) -> None:
    costs = {}
    for number in range(1, MANY + 1):
        with Steps(connection) as steps:
            file(connection, number)
        costs[number] = steps.taken
    assert costs[MANY] < costs[FEW] * GROWS_LESS


def test_a_message_that_its_provider_numbers_is_found_in_as_many_steps_after_many_as_after_few(
    connection: Connection,
) -> None:
    costs = {}
    for number in range(1, MANY + 1):
        file(connection, number)
        if number in {FEW, MANY}:
            with Steps(connection) as steps:
                found = lookalikes(connection, place(number), "<another@x>", len(letter(number).raw), 5)
            assert found
            costs[number] = steps.taken
    assert costs[MANY] < costs[FEW] * GROWS_LESS
