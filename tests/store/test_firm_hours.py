"""Office hours come back as they were put, and rows from before there were any are read."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import date, time
from pathlib import Path

from gateway.domain.firm import Rule
from gateway.domain.schedule import Opening
from gateway.store.store import Store
from tests.store.making import NOW
from tests.store.test_firm import FIRM

OPENING = Opening(time(8, 30), time(0), frozenset({0, 6}), frozenset({date(2026, 12, 25), date(2027, 1, 1)}))


async def test_office_hours_come_back_as_they_were_put(store: Store) -> None:
    firm = replace(FIRM, office_hours=OPENING, rules=(Rule("open", office_hours=True), Rule("any", office_hours=False)))
    await store.firm.replace(firm, (), "root", NOW)
    assert await store.firm.load() == firm


async def test_rows_from_before_there_were_office_hours_are_read(store: Store, data_dir: Path) -> None:
    await store.firm.replace(FIRM, (), "root", NOW)
    with closing(sqlite3.connect(data_dir / "postern.db")) as raw:
        raw.execute("UPDATE noun SET document = json_remove(document, '$.office_hours')")
        raw.commit()
        assert not raw.execute("SELECT 1 FROM noun WHERE document LIKE '%office_hours%'").fetchall()
    assert await store.firm.load() == FIRM
