"""Export and import of a large record in processes of their own: what they hold does not grow with it."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

from gateway.domain.record import Direction, NewFiling
from gateway.mime.facts import facts
from tests.admin.house import CLIENT, NOW, House

LETTER = b"From: al@pacino.example\r\nTo: support@firm.example\r\nSubject: %d\r\n\r\n"
MOST = 12_000_000  # octets more than for a record with nothing in it: one message of three megabytes and its copies


RUN = """
import sys
from gateway.cli import run
code = run(sys.argv[1:])
sys.stderr.write(open("/proc/self/status").read())
sys.exit(code)
"""


def peak(*arguments: object) -> int:
    """Octets that the command had in memory at most (what the kernel counts for a child would be ours); it succeeds."""
    command = [sys.executable, "-c", RUN, *map(str, arguments)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    found = re.search(r"VmHWM:\s+(\d+) kB", ran.stderr)
    assert found is not None
    return int(found[1]) * 1024


async def fill(house: House, numbers: range, size: int) -> int:
    octets = 0
    items = []
    for number in numbers:
        raw = LETTER % number + os.urandom(size // 2).hex().encode()
        octets += len(raw)
        items.append(NewFiling(raw, facts(raw), ((CLIENT, Direction.INBOX),), NOW, announce=False))
    await house.store.record.file_all(items)
    return octets


async def test_what_an_export_and_an_import_hold_is_not_the_size_of_the_record(house: House, tmp_path: Path) -> None:
    async def export(name: str) -> int:
        call = ("--socket", house.socket, "mail", "export", "--mbox", "--client", CLIENT, tmp_path / name)
        return await asyncio.to_thread(peak, *call)

    async def bring(name: str) -> int:
        call = ("--socket", house.socket, "mail", "import", "--client", CLIENT, tmp_path / name)
        return await asyncio.to_thread(peak, *call)

    await fill(house, range(1), 100)
    little, little_in = await export("little"), await bring("little")
    octets = await fill(house, range(1, 301), 2_000) + await fill(house, range(2_000, 2_020), 3_000_000)
    much, much_in = await export("much"), await bring("much")
    print(
        f"export of {octets / 1e6:.0f} MB: {(much - little) / 1e6:.1f} MB more than of nothing; {much / 1e6:.0f} in all"
    )
    print(f"import of it: {(much_in - little_in) / 1e6:.1f} MB more; {much_in / 1e6:.0f} in all")
    assert octets > 60_000_000
    assert much - little < MOST
    assert much_in - little_in < MOST
