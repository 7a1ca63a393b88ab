"""The ids that people know queue entries by: unguessable, sortable by nothing, easy to read over the phone."""

from __future__ import annotations

import hashlib
import secrets

_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # without 0, 1, I, O; 256 is a multiple of 32: all alike
_SPELLING = _LETTERS.encode() * 8
_LENGTH = 12


def new_queue_id() -> str:
    """Twelve letters and digits, another each time."""
    return _spelled(secrets.token_bytes(_LENGTH))


def new_marks() -> tuple[str, str]:
    """Such an id, and 32 hex digits that nobody can tell from it: the machine is asked for chance once."""
    octets = secrets.token_bytes(_LENGTH + 16)
    return _spelled(octets[:_LENGTH]), octets[_LENGTH:].hex()


def queue_id_about(name: str) -> str:
    """Of what happens once only: the same for the same name, so that the queue itself refuses it a second time."""
    return _spelled(hashlib.sha256(name.encode()).digest()[:_LENGTH])


def _spelled(octets: bytes) -> str:
    return octets.translate(_SPELLING).decode("ascii")
