"""Messages that are filed together, with a statement for all rows of a kind, lie as they do one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from gateway.domain.record import Direction, Duty, HeaderFacts, Mark, NewFiling
from gateway.domain.verdict import Check, Result, Source, Standing, Verdict
from gateway.store.bodies import Body
from gateway.store.engine import connect, driver
from gateway.store.filing import Transaction, run_all
from gateway.store.schema import metadata
from tests.store.making import filing, inbox, mail, minutes

# Few of each, so that they meet; an unpaired surrogate and a NUL, which no database can hold.
NAMES = ("<0@x>", "<1@x>", "<2@x>", "<\ud8003@x>", "<4\0@x>", "")
SUBJECTS = ("Contract of house 1204", "Re: Contract of house 1204", "Lease of the barn", "Invoice", "")
PEOPLE = (("al@pacino.example", "support@firm.example"), ("al@pacino.example", "support@firm.example", "x@y.example"))
CLIENTS = ("Al", "Diane")
VERDICTS = (
    None,
    Verdict(Standing.UNVERIFIED, "Forged.", Source.HERE, "", (Check("dmarc", Result.FAIL, "x.example", "\0"),)),
)
SERIALS = {"thread"}  # numbers that only tell what belongs together

headers = st.builds(
    lambda name, answers, references, subject, people, at: HeaderFacts(
        NAMES[name],
        tuple(NAMES[one] for one in answers),
        tuple(NAMES[one] for one in references),
        SUBJECTS[subject],
        "Al <al@pacino.example>",
        "support@firm.example",
        minutes(at),
        PEOPLE[people],
    ),
    st.integers(0, 5),
    st.lists(st.integers(0, 5), max_size=1),
    st.lists(st.integers(0, 5), max_size=2),
    st.integers(0, 4),
    st.integers(0, 1),
    st.sampled_from((0, 60, 60 * 24 * 40)),
)
letters = st.builds(
    lambda which, known, clients, news, duty, verdict, doubt: replace(
        filing(mail(f"letter {which}"), *clients, known=known, at=inbox(which + 1), duty=duty),
        announce=news,
        verdict=verdict,
        held=verdict is not None,
        withheld=verdict is not None and news,
        saves=news,
        marks={clients[0]: (Mark.AMBIGUOUS,)} if doubt else {},
    ),
    st.integers(0, 11),
    headers,
    st.lists(st.sampled_from(CLIENTS), min_size=1, max_size=2, unique=True),
    st.booleans(),
    st.sampled_from((None, Duty.LOOK, Duty.SAVE)),
    st.sampled_from(VERDICTS),
    st.booleans(),
)


@cache
def empty() -> bytes:
    """A database with all tables; it is made once, since that takes longer than a test."""
    with TemporaryDirectory() as folder:
        engine = connect(Path(folder) / "empty.db", writes=True)
        metadata.create_all(engine)
        engine.dispose()
        return (Path(folder) / "empty.db").read_bytes()


@contextmanager
def database() -> Iterator[Connection]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "together.db"
        path.write_bytes(empty())
        engine = connect(path, writes=True)
        with engine.connect() as opened:
            driver(opened).execute("BEGIN")
            yield opened
        engine.dispose()


def file(connection: Connection, items: Sequence[NewFiling]) -> list[object]:
    ready = [Transaction(item, Body.of(item.raw)) for item in items]
    return [*run_all(connection, ready)[0]]


def rows(connection: Connection) -> dict[str, list[dict[str, object]]]:
    """Of every table; threads by the messages that lie in them, and those that are empty by no number."""
    found = {}
    for table in metadata.sorted_tables:
        order = [column for column in table.primary_key if column.name not in SERIALS]
        all_rows = connection.execute(select(table).order_by(*order)).mappings()
        found[table.name] = [{key: row[key] for key in row if key not in SERIALS} for row in all_rows]
    del found["thread"]
    return found


def conversations(connection: Connection) -> set[tuple[str, frozenset[int]]]:
    filed = metadata.tables["filing"].c
    found: dict[tuple[str, int], set[int]] = {}
    for row in connection.execute(select(filed.client, filed.thread, filed.message)):
        found.setdefault((row.client, row.thread), set()).add(row.message)
    assert len(found) == len(connection.execute(select(metadata.tables["thread"])).all()), "a thread of nothing"
    return {(client, frozenset(messages)) for (client, _), messages in found.items()}


@settings(max_examples=60, deadline=None)
@given(st.lists(letters, max_size=4), st.lists(letters, min_size=2, max_size=9))
def test_what_is_filed_together_lies_as_it_does_one_by_one(before: list[NewFiling], items: list[NewFiling]) -> None:
    with database() as one_by_one, database() as together:
        for item in before:
            file(one_by_one, [item])
            file(together, [item])
        apart = [filed for item in items for filed in file(one_by_one, [item])]
        assert file(together, items) == apart
        assert rows(together) == rows(one_by_one)
        assert conversations(together) == conversations(one_by_one)


def test_threads_that_a_later_one_ties_together_are_one_among_those_filed_with_it() -> None:
    """The first two know nothing of each other, nor of what both are named by."""
    known = [
        HeaderFacts("<1@x>", (), (), "", "", "", None),
        HeaderFacts("<2@x>", (), (), "", "", "", None),
        HeaderFacts("<3@x>", ("<1@x>",), ("<2@x>",), "", "", "", None),
    ]
    items = [filing(mail(str(number)), "Al", known=one) for number, one in enumerate(known)]
    with database() as connection:
        file(connection, items)
        assert conversations(connection) == {("Al", frozenset({1, 2, 3}))}


def test_a_copy_among_those_filed_together_is_one_message_for_both_its_clients() -> None:
    first, again = (filing(mail("the same"), client, at=inbox(uid)) for uid, client in enumerate(CLIENTS, 1))
    with database() as connection:
        filed = file(connection, [first, replace(again, clients=((CLIENTS[1], Direction.INBOX),))])
        assert [(one.message, one.new) for one in filed] == [(1, True), (1, True)]  # type: ignore[attr-defined]
        assert conversations(connection) == {("Al", frozenset({1})), ("Diane", frozenset({1}))}


def test_a_message_finds_those_that_named_it_before_it_came_and_were_filed_together() -> None:
    known = [
        HeaderFacts("<1@x>", ("<0@x>",), (), "", "", "", None),
        HeaderFacts("<2@x>", (), ("<9@x>", "<0@x>"), "", "", "", None),
        HeaderFacts("<0@x>", (), (), "", "", "", None),
    ]
    *answers, asked = [filing(mail(str(number)), "Al", known=one) for number, one in enumerate(known)]
    with database() as connection:
        file(connection, answers)
        file(connection, [asked])
        assert conversations(connection) == {("Al", frozenset({1, 2, 3}))}
