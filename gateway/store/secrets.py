"""Passwords at rest: sealed under the gateway's key, each bound to its row, so that neither can be moved or read."""

from __future__ import annotations

import os
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.domain.errors import Conflict, Fault, Faulty
from gateway.domain.firm import Secret

MIN_KEY = 16  # octets: AES-128's strength, the least that is worth sealing with
NONCE = 12  # octets, NIST SP 800-38D section 8.2


@dataclass(frozen=True, slots=True)
class Sealed:
    """AES-256-GCM: what a row holds of a password."""

    nonce: bytes
    box: bytes


class Seal:
    """Seals and opens under one key; `Faulty` for a key that is too short to protect anything."""

    def __init__(self, key: bytes) -> None:
        if len(key) < MIN_KEY:
            raise Faulty("key", [Fault("", f"the key of the store needs at least {MIN_KEY} octets: make a new one")])
        derived = HKDF(SHA256(), length=32, salt=None, info=b"postern mailbox passwords").derive(key)
        self._cipher = AESGCM(derived)

    def close(self, secret: Secret, row: str) -> Sealed:
        nonce = os.urandom(NONCE)
        return Sealed(nonce, self._cipher.encrypt(nonce, secret.value.encode(), _identity(row)))

    def open(self, sealed: Sealed, row: str) -> Secret:
        """`Conflict` when the key is another than the one it was sealed with, or the row was changed."""
        try:
            return Secret(self._cipher.decrypt(sealed.nonce, sealed.box, _identity(row)).decode())
        except InvalidTag as error:
            raise Conflict(
                f"the password of {row} can't be opened: give the gateway the key that its database was made with",
                detail=row,
            ) from error


def _identity(row: str) -> bytes:
    return b"mailbox password of " + row.encode()
