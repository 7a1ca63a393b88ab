"""The message on the wire: dots stuffed in octets, block by block; in memory are the message and two of them."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.upstream.smtp.conversation import Conversation

BLOCK = 256 * 1024  # octets; most messages are one


async def send(conversation: Conversation, raw: bytes, patience: float) -> bool:
    """Whether all of it has left, end of data included; False when the server spoke or went before.

    ``patience`` is for a block: slow is not the same as stuck. Raises Trouble when it is.
    """
    for block in blocks(raw):
        if not await conversation.room("final", patience):
            return False
        conversation.say(block)
    return True


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
