"""Large pieces of memory go back to the system as soon as nobody uses them."""

from __future__ import annotations

import ctypes

M_MMAP_THRESHOLD = -3  # malloc.h of glibc
LARGE = 1024 * 1024  # octets


def give_back_large() -> bool:
    """Has each large block mapped on its own; whether the C library can.

    glibc raises its threshold to the largest block that was ever freed, and keeps what comes below it in one arena a
    thread: after twenty messages of 25 MB that was a third of all that the daemon held.
    """
    try:
        return bool(ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, LARGE))
    except AttributeError:  # another C library, with other habits
        return False
