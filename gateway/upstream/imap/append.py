"""Puts messages into a folder: many in one command where the server takes them so (MULTIAPPEND, RFC 3502)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gateway.upstream.imap.command import Argument, Command, Literal, date_time
from gateway.upstream.imap.connection import Connection
from gateway.upstream.imap.parse import Status

MULTI = "MULTIAPPEND"

_RUN = r"[0-9]{1,10}(?::[0-9]{1,10})?"
_TOLD = re.compile(rf"([0-9]{{1,10}}) ({_RUN}(?:,{_RUN})*)")

Place = tuple[int, int]
"""UIDVALIDITY and UID."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that is to be put somewhere; ``at``: when it was written, an aware moment."""

    raw: bytes = field(repr=False)
    at: datetime | None = None


async def append(
    connection: Connection, folder: Argument, letters: Sequence[Letter], flags: Sequence[str]
) -> list[Place | None]:
    """All of them or none, in their order; where each lies now, as far as the server says so (RFC 4315).

    Several only where the server has MULTIAPPEND. CommandRefused does not say which of them it was that is refused.
    """
    listed = f"({' '.join(flags)})".encode("ascii")
    arguments: list[Argument] = [folder]
    for letter in letters:
        arguments += [listed, *([date_time(letter.at)] if letter.at is not None else []), Literal(letter.raw)]
    status = await connection.run(Command("APPEND", tuple(arguments)))
    return _places(status, len(letters))


def _places(status: Status, number: int) -> list[Place | None]:
    """The first UID is the first message's, and so on; what is said otherwise is as good as not said."""
    told = _TOLD.fullmatch(status.code_text) if status.code == "APPENDUID" else None
    if told is None:
        return [None] * number
    found: list[Place | None] = []
    for run in told[2].split(","):
        first, _, last = run.partition(":")
        end = min(int(last or first), int(first) + number)  # a run may say that there are four thousand million
        found += [(int(told[1]), uid) for uid in range(int(first), end + 1)]
    return found if len(found) == number else [None] * number
