"""How long a message takes through a system that does nothing else: from the connection to the sink, one at a time."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from statistics import median, quantiles

from scripts.bench.outbound import load
from scripts.bench.outbound.running import Running
from tests.waiting import until_now

PATIENCE = 60.0  # seconds for one message
REST = 0.05  # seconds until the next one: what is done behind a delivery is over by then


def lines(running: Sequence[Running], size: int, count: int) -> Iterator[str]:
    """A row a candidate; they take turns message by message."""
    took: dict[str, list[float]] = {one.candidate.mark: [] for one in running}
    for _ in range(count):
        for one in running:
            took[one.candidate.mark].append(_seconds(one, size))
            time.sleep(REST)
    yield f"{size // 1000} KB, nothing else going on: from the connection until the sink has it, and each copy of it"
    for one in running:
        each = took[one.candidate.mark]
        p99 = quantiles(each, n=100, method="inclusive")[98]
        name = f"({one.candidate.mark}) {one.candidate.name}"
        yield f"  {name:50} median {median(each) * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms of {count}"


def _seconds(one: Running, size: int) -> float:
    wanted = one.sink.count + one.candidate.copies
    server = one.server
    begun, _ = load.run(load.Load(server.port, 1, 1, size, False, server.sign_in, uuid.uuid4().hex[:12]))
    until_now(lambda: one.sink.count >= wanted, timeout=PATIENCE, what="the message in the sink")
    return one.sink.last - begun
