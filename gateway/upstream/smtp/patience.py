"""How long each step of a delivery may take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds, RFC 5321 section 4.5.3.2 but for ``connect``: a provider that needs longer is down."""

    connect: float = 30.0  # TCP with TLS; the greeting
    command: float = 300.0
    data: float = 120.0  # until 354
    block: float = 180.0  # until the server has taken a block: slow is not the same as stuck
    behind: float = 5.0  # behind another message: then it looks for another connection
    final: float = 600.0  # until the reply to the final dot: less makes doubles (RFC 1047)
