"""Whether the time of a refusal tells a login that there is from one that there is not: means and Welch's t (row S15).

python -m scripts.figures.guesses [--each 2000]
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from statistics import fmean, variance

from gateway.domain.firm import Firm, Member
from gateway.office.attempts import WINDOW
from gateway.office.passwords import Passwords
from gateway.office.signin import SignIn

EACH = 2_000
MOST_APART, MOST_T = 0.05, 3.0  # of the mean; hostile.md
KNOWN, UNKNOWN = "ana", "eve"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--each", type=int, default=EACH)
    return asyncio.run(compare(parser.parse_args().each))


async def compare(each: int) -> int:
    spans = await measured(each)
    known, unknown = spans[KNOWN], spans[UNKNOWN]
    apart = abs(fmean(known) - fmean(unknown)) / fmean(known)
    t = abs(welch(known, unknown))
    for login, what in ((KNOWN, "wrong password"), (UNKNOWN, "unknown login")):
        print(f"{what:15} {fmean(spans[login]) * 1000:8.3f} ms of CPU on average, n={each}")
    print(f"means {apart:.2%} apart, Welch t {t:.2f}")
    return int(apart >= MOST_APART or t >= MOST_T)


async def measured(each: int) -> dict[str, list[float]]:
    """Seconds of CPU, in random order: the wall's would tell more of what else the machine does."""
    passwords, now = Passwords(), 0.0
    firm = Firm(members=(Member(KNOWN, "Ana", password_hash=await passwords.hashed("right")),))
    sign_in = SignIn(lambda: firm, clock=lambda: now, passwords=passwords)
    spans: dict[str, list[float]] = {KNOWN: [], UNKNOWN: []}
    order = [KNOWN, UNKNOWN] * each
    random.shuffle(order)
    for login in order:
        now += WINDOW
        begun = time.process_time()
        await sign_in.check(login, "wrong", "192.0.2.1")
        spans[login].append(time.process_time() - begun)
    return spans


def welch(one: list[float], other: list[float]) -> float:
    """The difference of the means in units of its own error."""
    error: float = (variance(one) / len(one) + variance(other) / len(other)) ** 0.5
    return (fmean(one) - fmean(other)) / error


if __name__ == "__main__":
    sys.exit(main())
