"""Members' passwords as argon2 hashes, computed off the event loop."""

from __future__ import annotations

import asyncio
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from gateway.settings.firmtables import MAX_PASSWORD
from gateway.store.pools import pool

MEMORY_KIB = 19_456  # with the two below: the least that OWASP's cheat sheet recommends for argon2id,
PASSES = 2  # about 20 ms and 19 MiB, which a small box can pay for every sign-in
LANES = 1
THREADS = 2  # computed at once: bounds what a flood of sign-ins takes of memory and processors


class Passwords:
    """Hashes and checks passwords; all members' hashes cost the same, and so does the check for nobody."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)
        self._threads = pool(THREADS, "argon2")
        self._nobodys = self._hasher.hash("nobody's")

    async def hashed(self, password: str) -> str:
        """The password's argon2id string with a salt of its own."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._hasher.hash, _prepared(password))

    async def verify(self, password_hash: str, password: str) -> bool:
        """Whether the password is the hash's; an empty hash costs as much as a real one and is nobody's."""
        if not password or len(password) > MAX_PASSWORD:
            password, password_hash = "", ""
        loop = asyncio.get_running_loop()
        wanted = password_hash or self._nobodys
        right = await loop.run_in_executor(self._threads, self._matches, wanted, _prepared(password))
        return right and bool(password_hash)

    def _matches(self, password_hash: str, password: bytes) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False


def _prepared(password: str) -> bytes:
    """Composed as RFC 8265 section 4.2 asks, so that "é" is the same from every keyboard."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
