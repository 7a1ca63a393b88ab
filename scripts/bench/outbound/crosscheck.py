"""The same letters sent by Postfix's smtp-source, where nobody signs in: it shows how quick our load is."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from scripts.bench.outbound.candidates import Candidate
from scripts.bench.outbound.letters import CLIENT, asked, letter
from scripts.bench.outbound.measure import ARRIVAL, Case, Server, settle
from scripts.bench.outbound.sink import Sink
from tests.peers import ground
from tests.waiting import until_now


class Started(Protocol):
    """A candidate that runs."""

    @property
    def candidate(self) -> Candidate: ...

    @property
    def server(self) -> Server: ...

    @property
    def sink(self) -> Sink: ...


def lines(running: Iterable[Started], case: Case) -> list[str]:
    """One run each; smtp-source has one sender and one letter for all of its messages."""
    rates = [f"({one.candidate.mark}) {_rate(one, case):.0f}" for one in running]
    return [f"  smtp-source, one run, messages/s: {'  '.join(rates)}", ""]


def _rate(one: Started, case: Case) -> float:
    program = ground.program("smtp-source")
    assert program is not None
    count = one.candidate.messages
    wanted = one.sink.count + count * one.candidate.copies
    with tempfile.NamedTemporaryFile(suffix=".eml") as file:
        Path(file.name).write_bytes(letter(case.size, 0).numbered("0"))
        command = [program, *(["-d"] if case.many else []), "-s", str(case.sessions), "-m", str(count)]
        envelope = ["-f", asked(0), "-t", CLIENT, "-F", file.name]
        begun = time.monotonic()
        subprocess.run([*command, *envelope, f"127.0.0.1:{one.server.port}"], check=True)
        until_now(lambda: one.sink.count >= wanted, timeout=ARRIVAL, what="the messages of smtp-source in the sink")
    rate = count / (one.sink.last - begun)
    settle(one.server)
    return rate
