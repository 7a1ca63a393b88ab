"""Verdicts in the store: kept with the message, looked up by its bytes, approved once."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.domain.errors import Conflict
from gateway.domain.record import EventKind
from gateway.domain.verdict import Check, Result, Source, Standing, Verdict, Weighed
from gateway.store.store import Store
from tests.store.making import NOW, filing, mail

FORGED = Verdict(
    Standing.UNVERIFIED,
    "The mailbox's provider says that DMARC fails.",
    Source.PROVIDER,
    "mx.google.com",
    (Check("dkim", Result.PASS, "attacker.example"), Check("dmarc", Result.FAIL, "pacino.example", "p=reject")),
)
RAW = mail("forged")
SHA = hashlib.sha256(RAW).hexdigest()


async def test_a_verdict_comes_back_as_it_was_kept(store: Store) -> None:
    held = replace(filing(RAW, "Al Pacino"), verdict=FORGED, held=True, withheld=True)
    number = (await store.record.file(held)).message
    assert (await store.record.message(number)).weighed == Weighed(FORGED, withheld=True)
    assert await store.verdicts.known([SHA, "x"]) == {SHA: Weighed(FORGED, withheld=True)}
    assert await store.verdicts.known([]) == {}


async def test_mail_that_nobody_weighed_has_none(store: Store) -> None:
    number = (await store.record.file(filing(RAW, "Al Pacino"))).message
    assert (await store.record.message(number)).weighed is None
    assert await store.verdicts.known([SHA]) == {}


async def test_the_first_verdict_stays_and_what_waits_is_added_until_it_was_approved(store: Store) -> None:
    number = (await store.record.file(replace(filing(RAW, "Al Pacino"), verdict=FORGED, held=True))).message
    other = replace(FORGED, standing=Standing.VERIFIED, reason="another")
    await store.record.file(replace(filing(RAW, "Al Pacino"), verdict=other, withheld=True))
    assert (await store.record.message(number)).weighed == Weighed(FORGED, withheld=True)
    await store.verdicts.approve(await store.record.filings(number), 2, by="ana", at=NOW)
    await store.record.file(replace(filing(RAW, "Al Pacino"), verdict=FORGED, withheld=True))
    assert (await store.record.message(number)).weighed == Weighed(FORGED, False, "ana", NOW)


async def test_an_approval_is_booked_and_announced_once(store: Store, data_dir: Path) -> None:
    number = (
        await store.record.file(replace(filing(RAW, "Al Pacino"), verdict=FORGED, held=True, announce=False))
    ).message
    filings = await store.record.filings(number)
    await store.verdicts.approve(filings, 1, by="ana", at=NOW)
    with pytest.raises(Conflict):
        await store.verdicts.approve(filings, 1, by="ion", at=NOW)
    (event,) = await store.feed.after(0)
    assert (event.kind, event.message, event.text.startswith("ana approved")) == (EventKind.CLIENT_MAIL, number, True)
    with closing(sqlite3.connect(data_dir / "postern.db")) as database:
        rows = database.execute("SELECT who, kind, name, verb, what FROM activity WHERE kind = 'message'").fetchall()
    assert rows == [("ana", "message", str(number), "approved", "unverified mail, 1 document saved")]
