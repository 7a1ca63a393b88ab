"""Questions for DNS that a decision needs answered on its way, asked without asking: the flow answers them.

A decision is a generator: it yields a `Question`, is sent an `Answer`, and returns what it came to. So it does no I/O,
and a test answers from a table.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

T = TypeVar("T")


class Kind(StrEnum):
    """The types of records that are asked for."""

    TXT = "TXT"
    A = "A"
    AAAA = "AAAA"
    MX = "MX"
    PTR = "PTR"


@dataclass(frozen=True, slots=True)
class Question:
    """Of a name without its final dot; for PTR the name below in-addr.arpa or ip6.arpa."""

    kind: Kind
    name: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What there is: ``texts`` for TXT (each record's strings joined), ``names`` for all else.

    Addresses are text; names of MX come in the order of preference. ``failed``: nobody could say, which is not the same
    as both being empty.
    """

    texts: tuple[bytes, ...] = ()
    names: tuple[str, ...] = ()
    failed: bool = False

    @property
    def is_void(self) -> bool:
        return not (self.texts or self.names or self.failed)


Lookup = Generator[Question, Answer, T]

FAILED = Answer(failed=True)


def answered(lookup: Lookup[T], ask: Callable[[Question], Answer]) -> T:
    """What it comes to where every answer is at hand."""
    try:
        question = next(lookup)
        while True:
            question = lookup.send(ask(question))
    except StopIteration as done:
        value: T = done.value
        return value
