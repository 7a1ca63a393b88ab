"""Says which member a login and password are, slowly for guessers and quickly for whom it knows."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable

import structlog

from gateway.domain.errors import TemporaryFailure
from gateway.domain.firm import Firm, Member
from gateway.office.attempts import Attempts
from gateway.office.passwords import Passwords

CACHED_FOR = 300.0  # seconds in which a password that was right costs no argon2 again
MAX_CACHED = 1_000  # members; a firm has fewer

log = structlog.get_logger()


class SignIn:
    """Checks passwords; ``firm`` gives the snapshot of now, ``clock`` monotonic seconds."""

    def __init__(
        self,
        firm: Callable[[], Firm],
        *,
        clock: Callable[[], float] = time.monotonic,
        passwords: Passwords | None = None,
    ) -> None:
        self._firm = firm
        self._clock = clock
        self._passwords = passwords or Passwords()
        self._attempts = Attempts(clock)
        self._key = secrets.token_bytes(32)
        self._cache: dict[str, tuple[bytes, float]] = {}

    async def check(self, login: str, password: str, peer: str) -> Member | None:
        """The member, or None when the login is unknown or the password wrong: both cost and look the same.

        Raises TemporaryFailure when that peer, or others for that login, failed too often in the last minute. ``peer``
        is an IP address. A password that was right within CACHED_FOR is taken at once, whatever others tried.
        """
        member = self._firm().member_by_login.get(login)
        if member is not None and password and self._is_cached(member, password):
            return member
        if not self._attempts.book(login, peer):
            log.warning("sign-in limited", member=member.login if member else None, peer=peer)
            raise TemporaryFailure("Too many failed sign-ins. Wait a minute, then try again.")
        password_hash = member.password_hash if member else ""
        if not await self._passwords.verify(password_hash, password) or member is None:
            # A login that is nobody's may be a password typed into the wrong field.
            log.warning("sign-in refused", member=member.login if member else None, peer=peer)
            return None
        self._attempts.succeeded(login, peer)
        self._remember(member, password)
        return member

    def _digest(self, member: Member, password: str) -> bytes:
        """Keyed, and over the hash too: a member's new password makes the old one's digest useless."""
        text = f"{member.login}\0{member.password_hash}\0{password}"
        return hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), hashlib.sha256)

    def _is_cached(self, member: Member, password: str) -> bool:
        digest, until = self._cache.get(member.login, (b"", 0.0))
        return hmac.compare_digest(digest, self._digest(member, password)) and self._clock() < until

    def _remember(self, member: Member, password: str) -> None:
        if len(self._cache) >= MAX_CACHED:
            self._cache.clear()
        self._cache[member.login] = (self._digest(member, password), self._clock() + CACHED_FOR)
