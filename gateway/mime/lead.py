"""How a large message will leave, as far as that can be told while the end of it has not come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gateway.mime.header import Header
from gateway.mime.splice import Splice, spliced
from gateway.mime.tree import parts


class Lead(NamedTuple):
    """The first octets as they leave; what came from ``end`` on leaves as it came."""

    octets: bytes
    end: int


def lead(head: bytes, header: Header, splices: Sequence[Splice]) -> Lead | None:
    """What the edits make of a message of which only its ``head`` has come; ``header`` was read from that.

    None where they reach into the part that is cut off there: they would be others, were it whole. They may be others
    all the same, so whoever relies on it compares them with those of the whole message.
    """
    end = max((one.end for one in splices), default=0)
    if end > parts(head, header)[-1].header_end or end == len(head):
        return None
    return Lead(spliced(head[:end], splices), end)
