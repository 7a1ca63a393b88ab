"""Runs all of it against a Dovecot of its own and prints tables: python -m scripts.bench.inbound --messages 2000."""

from __future__ import annotations

import argparse
import asyncio
import signal
import statistics
import sys
from collections.abc import Sequence

from scripts.bench.inbound import latency, quiet
from scripts.bench.inbound.backfill import READERS, Figures, Reader
from scripts.bench.inbound.server import Server
from tests.peers import dovecot

PARTS = ("backfill", "latency", "quiet")
MB = 1_000_000

NOTE = """\
Only ratios within a run hold on a busy machine. CPU: user and system time of the reading program, without Dovecot's.
Peak: resident memory. All over TLS on loopback, each program with its own defaults about fsync.
"""


def backfill(server: Server, messages: int, rounds: int) -> None:
    octets = server.fill(messages)
    print(f"Backfill: {messages} messages, {octets / MB:.0f} MB, medians of {rounds} rounds in turns", flush=True)
    readers = [reader for reader in READERS if _there(reader)]
    runs: dict[str, list[Figures]] = {reader.name: [] for reader in readers}
    for _ in range(rounds):
        for reader in readers:
            runs[reader.name].append(reader.run(server, messages))
    middle = {name: _middle(found) for name, found in runs.items()}
    ours = middle[READERS[0].name]
    print(f"{'':44} {'msg/s':>7} {'MB/s':>6} {'CPU ms/msg':>10} {'peak MB':>8} {'Postern is':>11}")
    for name, one in middle.items():
        speed = f"{one.seconds / ours.seconds:.2f} x as fast" if one is not ours else ""
        print(
            f"{name:44} {messages / one.seconds:7.0f} {octets / MB / one.seconds:6.1f} {one.cpu_ms / messages:10.3f} "
            f"{one.peak / MB:8.1f} {speed}"
        )
    print(flush=True)


def soon(server: Server, letters: int) -> None:
    found = asyncio.run(latency.measured(server, letters))
    print(f"Latency: {letters} letters by LMTP, one by one; Dovecot gathers changes for 500 ms before it tells")
    print(f"  delivered to filed:      {_quantiles(found.whole)}")
    print(f"  told by IDLE to filed:   {_quantiles(found.own)}\n", flush=True)


def idle(server: Server, mailboxes: int) -> None:
    found = asyncio.run(quiet.measured(server, mailboxes))
    grown = found.full - found.bare
    print(f"{mailboxes} idle mailboxes, {len(quiet.FOLDERS)} TLS connections each")
    print(
        f"  memory: {found.bare / MB:.1f} MB bare, {grown / MB:.1f} MB above it, {grown / mailboxes / 1000:.0f} KB each"
    )
    print(f"  CPU:    {found.cpu_ms_a_minute:.0f} ms a minute, {found.cpu_ms_a_minute / mailboxes:.2f} ms each")
    print(f"  all live {found.first:.1f} s after the apply, {found.again:.1f} s after a restarted Dovecot answers\n")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m scripts.bench.inbound", description=__doc__)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--letters", type=int, default=100, help="how many for the latency")
    parser.add_argument("--mailboxes", type=int, default=200, help="how many are idle")
    parser.add_argument("--only", choices=PARTS, action="append", help="one part; may be given more than once")
    given = parser.parse_args()
    if reason := dovecot.why_missing():
        sys.exit(reason)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # so that no server is left behind
    parts = given.only or PARTS
    print(NOTE)
    with Server() as server:
        if "backfill" in parts:
            backfill(server, given.messages, given.rounds)
        if "latency" in parts:
            soon(server, given.letters)
        if "quiet" in parts:
            idle(server, given.mailboxes)


def _there(reader: Reader) -> bool:
    if package := reader.lacks():
        print(f"LEFT OUT: {reader.name}: run `apt-get install {package}`\n", file=sys.stderr)
        return False
    return True


def _middle(runs: Sequence[Figures]) -> Figures:
    return Figures(
        statistics.median(run.seconds for run in runs),
        statistics.median(run.cpu_ms for run in runs),
        round(statistics.median(run.peak for run in runs)),
    )


def _quantiles(seconds: Sequence[float]) -> str:
    ordered = sorted(seconds)
    p99 = ordered[min(len(ordered) - 1, round(len(ordered) * 0.99))]
    return f"p50 {statistics.median(ordered) * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms"


if __name__ == "__main__":
    main()
