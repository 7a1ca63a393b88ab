"""Runs every candidate under the same load, in turns, and prints a table: python -m scripts.bench.outbound --quick."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import product

from scripts.bench.outbound import alone, crosscheck, table
from scripts.bench.outbound.candidates import CANDIDATES
from scripts.bench.outbound.letters import MEMBERS
from scripts.bench.outbound.measure import Case, Figures
from scripts.bench.outbound.running import Running
from scripts.bench.outbound.sink import Sink

ROUNDS = 3
SIZES = (2_000, 20_000)  # octets
SESSIONS = (1, 10, 50)
FEWER = 3  # times as few messages over one session, which takes as many times longer
WARM_UP = 100  # messages: every member has signed in, every pool of processes is filled

NOTE = """\
Medians of {rounds} rounds, the candidates in turns; end to end until the last message reached the sink; CPU: user and
system time of all server processes until they have come to rest, without the sink, the load and the provider of (d);
peak: resident memory of all processes, shared pages counted for each. Only ratios within a run hold on a busy machine.
"""


@contextlib.contextmanager
def started(marks: str) -> Iterator[list[Running]]:
    """Those that are asked for and whose programs are there; all are stopped at the end."""
    with contextlib.ExitStack() as stack:
        found: list[Running] = []
        for one in CANDIDATES:
            if one.mark not in marks:
                continue
            if lacks := one.lacks():
                print(f"LEFT OUT: ({one.mark}) {one.name}: run `apt-get install {lacks}`\n", file=sys.stderr)
                continue
            sink = Sink()
            stack.callback(sink.stop)
            server = one.make(sink.port)
            stack.callback(server.stop)
            found.append(Running(one, server, sink))
            found[-1].measure(Case(SIZES[0], MEMBERS, many=True), WARM_UP)
        yield found


def measured(running: Sequence[Running], case: Case, rounds: int, share: float) -> table.Rounds:
    """``share`` of the usual number of messages."""
    found: defaultdict[str, list[Figures]] = defaultdict(list)
    for _ in range(rounds):
        for one in running:
            messages = round(one.candidate.messages * share / (FEWER if case.sessions == 1 else 1))
            found[one.candidate.mark].append(one.measure(case, messages))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m scripts.bench.outbound", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="2 KB over 10 sessions only")
    parser.add_argument("--only", default="abcd", metavar="MARKS", help="which candidates: abcd")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--share", type=float, default=1.0, help="how much of the usual number of messages")
    parser.add_argument("--cross-check", action="store_true", help="the same with smtp-source, without signing in")
    parser.add_argument("--alone", type=int, metavar="COUNT", help="instead: so many messages, one after the other")
    given = parser.parse_args()
    cases = [Case(*one) for one in product(SIZES, SESSIONS, (False, True))]
    if given.quick:
        cases = [Case(SIZES[0], 10, many) for many in (False, True)]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # so that no server is left behind
    with started(given.only) as running:
        if not running:
            sys.exit("nothing to measure")
        if given.alone:
            print(*alone.lines(running, SIZES[0], given.alone), sep="\n", flush=True)
            return
        print(NOTE.format(rounds=given.rounds))
        for case in cases:
            print(*table.lines(case, measured(running, case, given.rounds, given.share)), sep="\n", flush=True)
            if given.cross_check:
                print(*crosscheck.lines([one for one in running if not one.server.sign_in], case), sep="\n", flush=True)


if __name__ == "__main__":
    main()
