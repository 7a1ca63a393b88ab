"""Members' tokens for the admin socket: 256 bits of chance, shown once, known by their digest."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from gateway.domain.access import Caller, Token
from gateway.domain.errors import Fault, Faulty
from gateway.domain.firm import Firm, Secret
from gateway.store.tokens import TokenShelf

LIFE = timedelta(days=365)  # where nobody says how long: a year, after which somebody looks whether it is still needed
MAX_LIFE = timedelta(days=3_660)  # ten years: more is a mistake in writing
SECRET_OCTETS = 32
ID_OCTETS = 6

_FORM = re.compile(r"postern_([0-9a-f]{12})_[A-Za-z0-9_-]{43}")
_NOBODY = bytes(32)  # compared with where no token has that id, so that both take the same way

log = structlog.get_logger()


class Tokens:
    """Makes, revokes and recognises them; ``firm`` gives the snapshot of now, ``now`` aware UTC."""

    def __init__(self, shelf: TokenShelf, *, firm: Callable[[], Firm], now: Callable[[], datetime]) -> None:
        self._shelf = shelf
        self._firm = firm
        self._now = now

    async def make(self, login: str, by: str, life: timedelta = LIFE) -> tuple[Secret, Token]:
        """A new one, in place of the member's former; the secret is not kept. Faulty for a life that is none."""
        if not timedelta(0) < life <= MAX_LIFE:
            raise Faulty("token", [Fault("expires", f"must be more than nothing and at most {MAX_LIFE.days}d")])
        made_at, token_id = self._now(), secrets.token_hex(ID_OCTETS)
        text = f"postern_{token_id}_{secrets.token_urlsafe(SECRET_OCTETS)}"
        token = Token(token_id, login, _digest(text), made_at, made_at + life, by)
        await self._shelf.replace(token)
        log.info("token-made", member=login, by=by)
        return Secret(text), token

    async def revoke(self, login: str, by: str) -> None:
        """It opens nothing any more. NotFound where the member has none."""
        await self._shelf.revoke(login, by, self._now())
        log.info("token-revoked", member=login, by=by)

    async def recognise(self, text: str) -> Caller | None:
        """The member who has this token; None where it is nobody's, over, or its member is gone."""
        form = _FORM.fullmatch(text)
        if form is None:
            return None
        token = await self._shelf.find(form[1])
        same = hmac.compare_digest(token.digest if token else _NOBODY, _digest(text))
        if token is None or not same or self._now() >= token.expires_at:
            return None
        member = self._firm().member_by_login.get(token.login)
        return None if member is None else Caller.member(member.login, member.role)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
