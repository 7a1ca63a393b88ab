"""Commands on their way to the server: arguments that can't be mistaken for anything else, RFC 9051 section 4."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

MAX_QUOTED = 1000  # octets; servers limit command lines to 8 KB and less (RFC 7162 section 4), longer ones are literals
# Octets of a literal that go out without an invitation, by what the server offers (RFC 7888); a larger one can be
# refused before it is sent. Most letters are smaller than the second.
UNASKED = {"LITERAL+": 64 * 1024, "LITERAL-": 4096}
TOGETHER = 64 * 1024  # octets joined to one write: a call of the kernel costs more than to copy them

_QUOTABLE = re.compile(rb"[\x20-\x7e]*")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Literal:
    """Octets that go out counted, not quoted: they may hold anything but NUL."""

    content: bytes = field(repr=False)


Argument = bytes | Literal


@dataclass(frozen=True, slots=True)
class Piece:
    """What is written in one go; ``wait``: the next piece goes out only when the server invites it."""

    octets: bytes = field(repr=False)
    wait: bool


@dataclass(frozen=True, slots=True)
class Command:
    """One command; arguments of plain bytes are ours and go out as they are, ``answers`` to later invitations."""

    verb: str
    arguments: tuple[Argument, ...] = field(default=(), repr=False)
    answers: tuple[bytes, ...] = field(default=(), repr=False)

    @property
    def size(self) -> int:
        """Octets of its literals: what its time limit depends on."""
        return sum(len(argument.content) for argument in self.arguments if isinstance(argument, Literal))

    def pieces(self, tag: str, *, unasked: int) -> Iterator[Piece]:
        """In order; ``unasked``: octets of the largest literal that the server takes without an invitation."""
        said = bytearray(f"{tag} {self.verb}", "ascii")
        for argument in self.arguments:
            if isinstance(argument, bytes):
                said += b" " + argument
                continue
            small = len(argument.content) <= unasked
            said += b" {%d%s}\r\n" % (len(argument.content), b"+" if small else b"")
            if not small or len(said) + len(argument.content) > TOGETHER:
                yield Piece(bytes(said), wait=not small)
                said.clear()
            if len(argument.content) > TOGETHER:
                yield Piece(argument.content, wait=False)
            else:
                said += argument.content
        yield Piece(bytes(said) + b"\r\n", wait=bool(self.answers))
        for index, answer in enumerate(self.answers):
            yield Piece(answer + b"\r\n", wait=index + 1 < len(self.answers))


def unasked(capabilities: Collection[str]) -> int:
    """Octets of the largest literal that such a server takes without an invitation; -1: not even an empty one."""
    return max((octets for name, octets in UNASKED.items() if name in capabilities), default=-1)


def string(value: bytes) -> Argument:
    """Quoted where that is safe, else a literal; ValueError for NUL, which neither can carry."""
    if b"\0" in value:
        raise ValueError("NUL has no place in an IMAP string")
    if len(value) > MAX_QUOTED or not _QUOTABLE.fullmatch(value):
        return Literal(value)
    return b'"' + value.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def uid_set(uids: Sequence[int]) -> bytes:
    """A sequence set of ascending ``uids``, runs written as ranges."""
    runs: list[list[int]] = []
    for uid in uids:
        if runs and uid == runs[-1][1] + 1:
            runs[-1][1] = uid
        else:
            runs.append([uid, uid])
    return ",".join(str(low) if low == high else f"{low}:{high}" for low, high in runs).encode("ascii")


def date_time(at: datetime) -> bytes:
    """INTERNALDATE as the command wants it; ``at`` is aware. Month names don't depend on the locale."""
    return f'"{at.day:02d}-{_MONTHS[at.month - 1]}-{at.year:04d} {at:%H:%M:%S %z}"'.encode("ascii")
