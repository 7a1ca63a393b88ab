"""Large pieces of memory go back to the system as soon as nobody uses them."""

from __future__ import annotations

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h of glibc
LARGE = 1024 * 1024  # octets
KEPT = 8 * 1024 * 1024  # octets at the end of the heap that are not given back: what is read next is put there again


def give_back_large() -> bool:
    """Has each large block mapped on its own; whether the C library can.

    glibc raises its threshold to the largest block that was ever freed, and keeps what comes below it in one arena a
    thread: after twenty messages of 25 MB that was a third of all that the daemon held. Once that is set, it gives the
    end of the heap back whenever 128 KB are free there, unless that is set too.
    """
    try:
        malloc = ctypes.CDLL(None)
        return bool(malloc.mallopt(M_MMAP_THRESHOLD, LARGE) and malloc.mallopt(M_TRIM_THRESHOLD, KEPT))
    except AttributeError:  # another C library, with other habits
        return False
