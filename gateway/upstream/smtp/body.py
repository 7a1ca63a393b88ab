"""The message on the wire: dots stuffed in octets, block by block; in memory are the message and two of them."""

from __future__ import annotations

from collections.abc import Iterator

BLOCK = 256 * 1024  # octets; most messages are one


def blocks(raw: bytes, size: int = BLOCK) -> Iterator[bytes]:
    """RFC 5321 section 4.5.2; nothing but dots is added, and a line end where the last line has none."""
    start, total = 0, len(raw)
    while True:
        stop = min(start + size, total)
        if stop < total and raw[stop - 1] == 13:  # a line end stays in one piece
            stop += 1
        block = raw[start:stop].replace(b"\r\n.", b"\r\n..")
        if block.startswith(b".") and (start == 0 or raw[start - 2 : start] == b"\r\n"):
            block = b"." + block
        if stop == total:
            yield block + (b".\r\n" if raw.endswith(b"\r\n") or not raw else b"\r\n.\r\n")
            return
        yield block
        start = stop
