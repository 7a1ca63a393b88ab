"""A message that is too large to be in memory, as those see it who read it: its size, its hash, and pieces of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol


class Large(Protocol):
    """All of its octets lie somewhere, and none of them in memory for longer than they are looked at.

    Raises `NoSpace` or `TemporaryFailure` where what it lies on fails.
    """

    def __len__(self) -> int:
        """Octets."""
        ...

    @property
    def sha256(self) -> str:
        """Of all of it, in hex."""
        ...

    def head(self, most: int) -> bytes:
        """Its first octets, so many or all there are."""
        ...

    def slices(self, start: int = 0) -> Iterator[bytes]:
        """The octets from there on, in order, in pieces of some hundred KB at most; none of them is empty."""
        ...


Mail = bytes | Large
