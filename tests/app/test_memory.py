"""What a large block was is the system's again."""

from __future__ import annotations

import subprocess
import sys

import pytest

_PROBE = """
import sys
from pathlib import Path
from gateway.app.memory import give_back_large
if len(sys.argv) > 1 and not give_back_large():
    sys.exit(3)
def rss():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
large = [bytearray(b"x" * 25_000_000) for _ in range(3)]
del large
held = [bytearray(b"x" * 20_000_000) for _ in range(4)]
above = bytearray(200_000)
before = rss()
del held
print(before - rss())
"""


def given_back(*given: str) -> int:
    found = subprocess.run([sys.executable, "-c", _PROBE, *given], capture_output=True, text=True, check=False)
    if found.returncode == 3:
        pytest.skip("not glibc")
    return int(found.stdout)


def test_F7_large_blocks_go_back_to_the_system_when_they_are_freed() -> None:
    assert given_back("on") >= 75_000_000
