"""Says which member a login and password are, slowly for guessers and quickly for whom it knows."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable

import structlog

from gateway.domain.errors import TemporaryFailure
from gateway.domain.firm import Firm, Member
from gateway.office.attempts import Attempts, May
from gateway.office.passwords import Passwords

CACHED_FOR = 300.0  # seconds in which a password that was right costs no argon2 again
MAX_WAITING = 256  # sign-ins that wait for the end of others: an office in which all start their mail program at nine
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
        self._ended = asyncio.Event()  # set, and another one made, whenever a try has ended
        self._waiting = 0

    async def check(self, login: str, password: str, peer: str) -> Member | None:
        """The member, or None when the login is unknown or the password wrong: both cost and look the same.

        Raises TemporaryFailure when that peer, or others for that login, failed too often in the last minute; tries
        that are under way are waited for, as they may be right. ``peer`` is an IP address. A password that was right
        within CACHED_FOR is taken at once, whatever others tried.
        """
        member = self._firm().member_by_login.get(login)
        if member is not None and password and self._is_cached(member, password):
            return member
        while (may := self._attempts.may(login, peer)) is not May.NOW:
            if may is May.NOT or self._waiting >= MAX_WAITING:
                log.warning("sign-in limited", member=member.login if member else None, peer=peer)
                raise TemporaryFailure("Too many failed sign-ins. Wait a minute, then try again.")
            await self._until_one_ended()
            if member is not None and password and self._is_cached(member, password):
                return member
        return await self._try(member, login, password, peer)

    async def _try(self, member: Member | None, login: str, password: str, peer: str) -> Member | None:
        booking, right = self._attempts.book(login, peer), False
        try:
            verified = await self._passwords.verify(member.password_hash if member else "", password)
            right = verified and member is not None
        finally:
            self._attempts.end(booking, right=right)
            ended, self._ended = self._ended, asyncio.Event()
            ended.set()
        if not right or member is None:
            # A login that is nobody's may be a password typed into the wrong field.
            log.warning("sign-in refused", member=member.login if member else None, peer=peer)
            return None
        self._remember(member, password)
        return member

    async def _until_one_ended(self) -> None:
        self._waiting += 1
        try:
            await self._ended.wait()
        finally:
            self._waiting -= 1

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
