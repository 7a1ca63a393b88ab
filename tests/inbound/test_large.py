"""A message of 64 MB on a real Dovecot is filed without ever being in memory."""

from __future__ import annotations

import asyncio
import hashlib
import tracemalloc
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.store.spool import Blob
from gateway.trial.faults import HangUp
from tests.inbound.test_faults import padded
from tests.inbound.test_folders import QUICK, tailing
from tests.inbound.test_on_dovecot import Followed, followed
from tests.inbound.test_tails import live
from tests.rig import SUPPORT, client_letter, rig
from tests.waiting import until

__all__ = ["followed"]

LINE = b"It is a line of text that somebody wrote.   \r\n"
PEAK = 8 * 1024 * 1024  # octets that Python may hold at once beyond what it held before; the message has 64 MB


def large(size: int) -> bytes:
    return client_letter(message_id="<large@pacino.example>").replace(
        b"Here it is.", b"Here it is.\r\n" + LINE * (size // len(LINE))
    )


@pytest.mark.real
async def test_a_message_of_64_MB_is_filed_with_little_memory(followed: Followed) -> None:
    await asyncio.to_thread(followed.dovecot.deliver, followed.address, large(1_000_000))
    await followed.reach(1, ("INBOX", 1))  # so that all that is imported once is there
    raw = large(64_000_000).replace(b"<large@", b"<larger@")
    tail, size = hashlib.sha256(raw[-32_000_000:]).hexdigest(), len(raw)
    followed.tails.restart(followed.address)
    await asyncio.to_thread(followed.dovecot.deliver, followed.address, raw)
    del raw
    tracemalloc.start()
    try:
        await followed.reach(2, ("INBOX", 1), ("INBOX", 2))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    (newest, _) = await followed.store.record.list("Al Pacino", None)
    found = await followed.store.bodies.find(newest.message.sha256)
    assert isinstance(found, Blob)
    assert len(found) >= size
    digest = hashlib.sha256()
    for piece in found.slices(len(found) - 32_000_000):
        digest.update(piece)
    assert digest.hexdigest() == tail
    assert peak < PEAK


async def test_D4_a_connection_that_breaks_in_a_large_message_leaves_no_file_and_the_next_try_files_it(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path) as r:
        for after in (300_000, 900_000):
            r.provider.faults.imap("fetch", HangUp(after_bytes=after), match="BODY.PEEK[]")
        r.provider.deliver(SUPPORT, padded(1, 1_500_000))
        async with tailing(r, QUICK):

            async def filed() -> bool:
                return len(await r.store.record.list("Al Pacino", None)) == 1

            await until(filed, timeout=30, what="the large message")
            await live(r)
            assert list((tmp_path / "tmp").iterdir()) == []
        r.clock.forward(timedelta(days=1))
        assert await r.store.verify() == []
