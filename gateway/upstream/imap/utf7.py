"""Folder names between text and wire: modified UTF-7, RFC 3501 section 5.1.3."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode

_FOREIGN = re.compile(r"&|[^\x20-\x7e]+")
_SHIFTED = re.compile(r"&([A-Za-z0-9+,]*)(-?)")


def encode(name: str) -> bytes:
    """The name in printable ASCII: whatever it holds, nothing of it can end a line or a command."""
    return _FOREIGN.sub(_shift, name).encode("ascii")


def decode(wire: bytes) -> str:
    """The reverse; ValueError when the server wrote something else than modified UTF-7."""
    return _SHIFTED.sub(_unshift, wire.decode("ascii"))


def _shift(match: re.Match[str]) -> str:
    if match.group() == "&":
        return "&-"
    packed = b64encode(match.group().encode("utf-16-be", "surrogatepass"), b"+,")
    return f"&{packed.decode('ascii').rstrip('=')}-"


def _unshift(match: re.Match[str]) -> str:
    packed, end = match.groups()
    if not end:
        raise ValueError("a shift into base64 is not closed")
    if not packed:
        return "&"
    return b64decode(packed + "=" * (-len(packed) % 4), b"+,").decode("utf-16-be")
