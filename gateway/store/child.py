"""A process of ours for work that a letter could make endless: it may be killed, and knows nothing of the daemon's."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process


async def start_child(module: str, max_line: int) -> Process:
    """Run ``module``, asked by stdin; a line it answers has at most ``max_line`` octets. OSError: it did not start."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-m", module),
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
        limit=max_line,
        env={"LC_ALL": "C.UTF-8"},  # no secret of the daemon's environment is its business
        start_new_session=True,
    )
