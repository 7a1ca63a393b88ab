"""`python -m scripts.faults [NAME…] [--long]`: does each fault, prints its account, exits 1 where a promise broke."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import sys
import time

from scripts.faults.accounting import COLUMNS, Outcome

FAULTS = (
    "kill9",
    "sigterm",
    "backfill",
    "powercut",
    "syscalls",
    "descriptors",
    "readonly",
    "memory",
    "names",
    "clock",
    "crowd",
    "large",
    "backlog",
)


async def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.faults", description=__doc__)
    parser.add_argument("name", nargs="*", help=f"one or more of {', '.join(FAULTS)}; all without any")
    parser.add_argument("--long", action="store_true", help="as many rounds as hostile.md asks for")
    parser.add_argument("--rounds", type=int, help="that many instead, where the fault has rounds")
    given = parser.parse_args()
    if unknown := set(given.name) - set(FAULTS):
        parser.error(f"there is no fault {', '.join(sorted(unknown))}")
    broken = 0
    print(COLUMNS)
    for name in given.name or FAULTS:
        broken += await one(name, long=given.long, rounds=given.rounds)
    return 1 if broken else 0


async def one(name: str, *, long: bool, rounds: int | None) -> int:
    """Do one fault in all its forms; how many promises broke."""
    module = importlib.import_module(f"scripts.faults.{name}")
    begun = time.monotonic()
    broken = 0
    outcome: Outcome
    async for outcome in module.run(long=long, rounds=rounds):
        print(outcome.line(), flush=True)
        broken += len(outcome.broken)
    print(f"{'':6} {name} took {time.monotonic() - begun:.0f} s", flush=True)
    return broken


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
