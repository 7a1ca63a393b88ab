"""Threads that all run before anybody needs them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor


def pool(threads: int, name: str) -> ThreadPoolExecutor:
    """Make a pool that starts no thread later. RuntimeError where the system has none to give.

    `threading.Thread.start` waits until the new thread says that it runs; one that finds no memory for its first call
    never says so, and whoever started it, the event loop of all people, waits for ever.
    """
    made = ThreadPoolExecutor(threads, name)
    all_run = threading.Barrier(threads + 1)
    try:
        for _ in range(threads):
            made.submit(all_run.wait)
    except RuntimeError:
        all_run.abort()
        made.shutdown(wait=False)
        raise
    all_run.wait()
    return made
