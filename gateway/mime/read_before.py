"""Headers that were read a moment ago: what left comes back in Sent, and says the same."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from gateway.domain.record import HeaderFacts
from gateway.mime.facts import Correspondents, correspondents, facts, tags
from gateway.mime.header import Header

KEPT = 1024  # of them, about 10 KB each: those of ten seconds at a hundred letters a second
LARGEST = 4096  # octets of one that is kept

_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class ReadHeader:
    """A header, and what filing and matching take from it."""

    header: Header
    facts: HeaderFacts
    people: Correspondents
    tags: frozenset[str]


def read_before(octets: bytes) -> ReadHeader:
    """Of a message, or of its header alone, which says the same; never raises."""
    end = octets.find(_END)
    block = octets if end < 0 else octets[: end + len(_END)]
    return _kept(block) if len(block) <= LARGEST else _read(block)


def _read(block: bytes) -> ReadHeader:
    header = Header.read(block)
    known = facts(header)
    return ReadHeader(header, known, correspondents(header), tags(known.subject))


_kept = lru_cache(maxsize=KEPT)(_read)
