"""One run: a load against one server until the last message reached the sink, and what the server spent on it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass
from typing import Protocol

from scripts.bench.outbound.load import Load
from scripts.bench.outbound.sink import Sink
from scripts.bench.outbound.usage import TICK, Peak, cpu_ms
from tests.waiting import until_now

ARRIVAL = 300.0  # seconds after the last 250 in which everything must have reached the sink
CALM = 0.3  # seconds in which a server that has nothing left to do spends no more than a tick


class Server(Protocol):
    """What is measured: a port, who must sign in there, and the processes that do the work."""

    port: int
    sign_in: bool

    def roots(self) -> list[int]: ...

    def owes(self) -> bool:
        """Whether it knows of something that it has to do yet for what was delivered."""
        ...

    def stop(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Case:
    """``size`` in octets; ``many``: many messages over one session, else one."""

    size: int
    sessions: int
    many: bool


@dataclass(frozen=True, slots=True)
class Figures:
    """Messages a second end to end, milliseconds of processor time a message, octets of memory at most."""

    rate: float
    cpu: float
    peak: float


def run(server: Server, sink: Sink, case: Case, messages: int, copies: int) -> Figures:
    """``copies``: how often the sink counts one message. RuntimeError where the load or the delivery fails."""
    load = Load(server.port, case.sessions, messages, case.size, case.many, server.sign_in, uuid.uuid4().hex[:12])
    roots = server.roots()
    before, spent = sink.count, cpu_ms(roots)
    with Peak(roots) as peak:
        child = subprocess.run([sys.executable, *load.words()], capture_output=True, check=False, text=True)
        if child.returncode != 0:
            raise RuntimeError(f"the load failed: {child.stderr}")
        begun, _ = json.loads(child.stdout)
        wanted = before + messages * copies
        until_now(lambda: sink.count >= wanted, timeout=ARRIVAL, what=f"{messages} messages in the sink")
        took = sink.last - begun
        settle(server)
    if sink.count != wanted:
        raise RuntimeError(f"{sink.count - before} messages reached the sink instead of {messages * copies}")
    return Figures(messages / took, (cpu_ms(roots) - spent) / messages, peak.octets)


def settle(server: Server) -> None:
    """Wait until what is done after delivery is done as well: it belongs to the message's cost."""
    until_now(lambda: not server.owes(), timeout=ARRIVAL, what="the last sent copy")
    roots = server.roots()
    spent, end = cpu_ms(roots), time.monotonic() + ARRIVAL
    while time.monotonic() < end:
        time.sleep(CALM)
        before, spent = spent, cpu_ms(roots)
        if spent - before <= TICK:
            return
    raise RuntimeError("the server does not come to rest")
