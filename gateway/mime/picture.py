"""How many pixels a picture has, read from its first octets: GIF, PNG, JPEG and BMP, which is what mail carries."""

from __future__ import annotations

from typing import Literal

MAX_SEGMENTS = 200  # of a JPEG before its frame; a profile takes a few dozen

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0 to SOF15, ITU T.81 table B.1
_BARE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length


def pixels(content: bytes) -> tuple[int, int] | None:
    """Width and height as the file claims them; None where it is no such picture. Decodes nothing."""
    if content.startswith((b"GIF87a", b"GIF89a")) and len(content) >= 10:
        return _pair(content, 6, 2, "little")
    if content.startswith(b"\x89PNG\r\n\x1a\n") and len(content) >= 24:
        return _pair(content, 16, 4, "big")
    if content.startswith(b"BM") and len(content) >= 26:
        width, height = _pair(content, 18, 4, "little")
        return width, min(height, 2**32 - height)  # counted from the top where it is negative
    return _jpeg(content) if content.startswith(b"\xff\xd8") else None


def _pair(content: bytes, at: int, size: int, order: Literal["big", "little"]) -> tuple[int, int]:
    middle = at + size
    return int.from_bytes(content[at:middle], order), int.from_bytes(content[middle : middle + size], order)


def _jpeg(content: bytes) -> tuple[int, int] | None:
    at = 2
    for _ in range(MAX_SEGMENTS):
        if at + 9 > len(content) or content[at] != 0xFF:
            return None
        marker = content[at + 1]
        if marker in _FRAMES:
            height, width = _pair(content, at + 5, 2, "big")
            return width, height
        if marker == 0xFF or marker in _BARE:
            at += 1 if marker == 0xFF else 2
        else:
            at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    return None
