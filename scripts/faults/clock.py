"""E1: the wall clock jumps under the daemon; what waits goes on as if nothing had been, and nothing expires early."""

from __future__ import annotations

import asyncio
import shutil
import struct
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

from gateway.trial.faults import Refuse
from scripts.faults.accounting import Outcome
from scripts.faults.stand import Stand, stand
from tests.journey.seen import entries
from tests.peers.ground import MISSING
from tests.waiting import until

HOUR, DAY = 3600, 86_400
LETTERS = 3
WATCHED = 3.0  # seconds
MOST_CPU = 0.05  # of one core: hostile.md
LEAVES_WITHIN = 15.0  # seconds after the upstream takes mail again; its next attempt was due after one


class Unable(Exception):
    """There is no C compiler; the text says so."""


def jumps() -> dict[str, int]:
    """The jumps, in seconds from now."""
    now = time.time()
    return {
        "+1 h": HOUR,
        "-1 h": -HOUR,
        "+1 day": DAY,
        "-1 day": -DAY,
        "to 1970": int(60 - now),
        "to 2038": int(datetime(2038, 1, 19, 3, 14, tzinfo=UTC).timestamp() - now),
    }


class Clock:
    """A library to preload, and the page through which it is told how far to be off."""

    def __init__(self, folder: Path) -> None:
        self._library = folder / "clockshim.so"
        self._page = folder / "shift"
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            raise Unable(f"{MISSING}: no C compiler (the package gcc)")
        source = Path(__file__).with_name("clockshim.c")
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", self._library, source], check=True)
        self.set(0)

    def set(self, seconds: int) -> None:
        """In place: the daemon has the page mapped."""
        if not self._page.exists():
            self._page.write_bytes(struct.pack("l", seconds))
            return
        with self._page.open("r+b") as file:
            file.write(struct.pack("l", seconds))

    @property
    def prefix(self) -> tuple[str, ...]:
        return ("env", f"LD_PRELOAD={self._library}", f"POSTERN_CLOCK_SHIFT={self._page}")


async def run(*, long: bool, rounds: int | None = None) -> AsyncIterator[Outcome]:
    chosen = dict(list(jumps().items())[:rounds])
    with tempfile.TemporaryDirectory() as name:
        clock = Clock(Path(name))
        for what, seconds in chosen.items():
            clock.set(0)
            yield await jump(clock, what, seconds)


async def jump(clock: Clock, what: str, seconds: int) -> Outcome:
    """While letters wait for their next attempt, the clock jumps; then the upstream takes mail again."""
    outcome = Outcome("E1", f"the clock jumps {what}")
    async with stand(prefix=clock.prefix) as now:
        now.trial.faults.smtp("rcpt", Refuse(450, "4.2.1 not now"), times=None)
        await now.load(1, LETTERS)

        async def tried() -> bool:
            rows = await entries(now.daemon)
            return all(row["state"] == "queued" and row["attempts"] for row in rows)

        await until(tried, timeout=30, what="an attempt of each")
        clock.set(seconds)
        spent = now.daemon.cpu
        await asyncio.sleep(WATCHED)
        share = (now.daemon.cpu - spent) / WATCHED
        now.trial.faults.clear()
        waited = set(now.ledger.acknowledged)
        await arrived(now, outcome, waited, "what waited")
        await now.load(1, 1)
        await arrived(now, outcome, now.ledger.acknowledged - waited, "a new letter")
        outcome.settle(await now.count())
        outcome.expect(f"{share:.0%} of a core", kept=share <= MOST_CPU)
        outcome.seen.append(f"{share:.0%} of a core")
    return outcome


async def arrived(now: Stand, outcome: Outcome, marks: set[str], what: str) -> None:
    """Wait until letters are delivered or came back."""

    async def ended() -> bool:
        return marks <= {*now.delivered(), *now.bounced()}

    begun = time.monotonic()
    try:
        await until(ended, timeout=LEAVES_WITHIN)
    except TimeoutError:
        outcome.broken.append(f"{what} has not left after {LEAVES_WITHIN:.0f} s")
        return
    outcome.seen.append(f"{what} ended in {time.monotonic() - begun:.1f} s")
