"""The ids that people know queue entries by: unguessable, sortable by nothing, easy to read over the phone."""

from __future__ import annotations

import hashlib
import secrets

_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # without 0, 1, I, O; 256 is a multiple of 32: all alike
_LENGTH = 12


def new_queue_id() -> str:
    """Twelve letters and digits, another each time."""
    return _spelled(secrets.token_bytes(_LENGTH))


def queue_id_about(name: str) -> str:
    """Of what happens once only: the same for the same name, so that the queue itself refuses it a second time."""
    return _spelled(hashlib.sha256(name.encode()).digest()[:_LENGTH])


def _spelled(octets: bytes) -> str:
    return "".join([_LETTERS[octet % len(_LETTERS)] for octet in octets])
