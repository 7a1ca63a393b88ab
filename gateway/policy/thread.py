"""Which conversation of a client a message belongs to (RFC 5322 section 3.6.4); the store asks within one client."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.domain.record import HeaderFacts

MAX_RELATED = 100  # Message-IDs that one message may name: real threads trim theirs, and each costs a look-up


def related_ids(facts: HeaderFacts) -> tuple[str, ...]:
    """Collect the Message-IDs that tie a message to others, its own first, the nearest before the farthest.

    Its own counts because an answer may have been filed before what it answers.
    """
    nearest = (facts.message_id, *facts.answers)
    return tuple(dict.fromkeys(name for name in nearest if name))[:MAX_RELATED]


def choose_thread(related: Sequence[int]) -> int | None:
    """Choose the oldest of the threads that a message ties together; None: it starts one.

    The others are to be merged into the chosen one. Which message came first does not change the outcome.
    """
    return min(related, default=None)
