"""The daily sweep takes what was settled long enough ago, batch by batch, and nothing else."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from gateway.outbound.sweep import Sweep
from gateway.settings.gateway import parse
from gateway.store.pruning import BATCH
from tests.outbound.test_dispatch import dispatching, settled
from tests.rig import letter, rig


async def test_it_keeps_what_was_settled_for_as_long_as_the_settings_say(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r:
        r.settings = parse({"data_dir": "data", "queue": {"keep_done": "2d"}}, base=tmp_path)
        sweep = Sweep(r.store, settings=lambda: r.settings, now=r.clock)
        async with dispatching(r):
            entry = await settled(r, await r.accepted(letter()))
        await r.store.queue.sent_done(entry.id)
        waiting = await r.accepted(letter(subject="waits"))
        r.clock.forward(timedelta(days=2))
        await sweep.once()
        assert {one.id for one in await r.store.queue.list()} == {entry.id, waiting.id}
        r.clock.forward(timedelta(seconds=1))
        await sweep.once()
        assert {one.id for one in await r.store.queue.list()} == {waiting.id}


async def test_it_goes_on_until_everything_that_is_due_went(tmp_path: Path) -> None:
    async with rig(tmp_path, rules=()) as r:
        made = [await r.accepted(letter(subject=f"{number}")) for number in range(BATCH + 1)]
        for entry in made:
            await r.store.queue.act(entry.id, "cancel", r.clock())
        r.clock.forward(timedelta(days=31))
        await Sweep(r.store, settings=lambda: r.settings, now=r.clock).once()
        assert await r.store.queue.list() == []
