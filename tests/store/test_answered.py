"""What the store knows of the mail that a reply answers."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gateway.domain.record import Direction
from gateway.store.answered import _NEWEST, MAX_NAMED
from gateway.store.store import Store
from tests.store.making import facts, filing, inbox


def mail(to: str, *, cc: str = "", text: str = "x") -> bytes:
    return f"From: al@pacino.example\r\nTo: {to}\r\nCc: {cc}\r\n\r\n{text}\r\n".encode()


async def addressed(store: Store, *ids: str, clients: tuple[str, ...] = ("Al",)) -> list[str]:
    return [str(one) for one in await store.record.addressed(ids, clients)]


async def test_whom_the_client_wrote_to_comes_in_its_order_and_where_it_was_seen_behind(store: Store) -> None:
    raw = mail("S <support@firm.example>, x@y.example", cc="ana@firm.example, SUPPORT@firm.example")
    for number, box in enumerate(("support@firm.example", "hidden@firm.example", "odd name@firm.example"), 1):
        await store.record.file(filing(raw, "Al", known=facts("<1@x>"), at=inbox(number, mailbox=box)))
    assert await addressed(store, "<1@x>") == [
        "support@firm.example",
        "x@y.example",
        "ana@firm.example",
        "hidden@firm.example",
        '"odd name"@firm.example',
    ]


async def test_the_first_id_that_is_known_decides_and_of_its_messages_the_newest(store: Store) -> None:
    for text, name in (("old", "<1@x>"), ("new", "<1@x>"), ("other", "<2@x>")):
        await store.record.file(filing(mail(f"{text}@firm.example"), "Al", known=facts(name)))
    assert await addressed(store, "<0@x>", "<1@x>", "<2@x>") == ["new@firm.example"]
    assert await addressed(store, "<2@x>", "<1@x>") == ["other@firm.example"]


async def test_only_mail_that_came_from_one_of_the_clients_counts(store: Store) -> None:
    await store.record.file(filing(mail("al@pacino.example"), "Al", direction=Direction.SENT, known=facts("<1@x>")))
    await store.record.file(filing(mail("b@firm.example"), "Secret", known=facts("<2@x>")))
    assert await addressed(store, "<1@x>", "<2@x>") == []
    assert await addressed(store, "<1@x>", "<2@x>", clients=("Al", "Secret")) == ["b@firm.example"]
    assert await addressed(store, "<2@x>", clients=()) == []
    assert await addressed(store, clients=("Secret",)) == []


@pytest.mark.parametrize("name", ["' OR 1=1 --", "<%>", "", "\0", "\udcff", "x" * 5_000])
async def test_I10_a_hostile_id_finds_nothing_and_breaks_nothing(store: Store, name: str) -> None:
    await store.record.file(filing(mail("a@firm.example"), "Al", known=facts("<1@x>")))
    assert await addressed(store, name) == []
    assert await addressed(store, name, "<1@x>") == ["a@firm.example"]


async def test_I10_ids_beyond_what_a_header_of_ordinary_length_holds_are_not_looked_for(store: Store) -> None:
    await store.record.file(filing(mail("a@firm.example"), "Al", known=facts("<1@x>")))
    others = [f"<{number}@y>" for number in range(MAX_NAMED)]
    assert await addressed(store, *others, "<1@x>") == []
    assert await addressed(store, *others[1:], "<1@x>") == ["a@firm.example"]


async def test_the_newest_is_found_by_the_index_without_sorting(store: Store, data_dir: Path) -> None:
    await store.record.file(filing(mail("a@firm.example"), "Al", known=facts("<1@x>")))
    query = str(_NEWEST).replace("(__[POSTCOMPILE_clients])", "('Al')")
    with closing(sqlite3.connect(data_dir / "postern.db")) as raw:
        values = {"name": "<1@x>", "direction_1": "inbox", "param_1": 1}
        plan = " ".join(row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {query}", values))
    assert "message_message_id" in plan
    assert "TEMP B-TREE" not in plan
