"""Sign-ins one after the other at the pace that each host may be asked at, however many mailboxes come back at once."""

from __future__ import annotations

import asyncio


class Doorway:
    """Shared by all mailboxes of one process; who comes first goes first."""

    def __init__(self) -> None:
        self._next: dict[str, float] = {}

    async def turn(self, host: str, a_second: float) -> None:
        """Return when it is this caller's turn to sign in at ``host``, of which it takes ``a_second``."""
        now = asyncio.get_running_loop().time()
        at = max(now, self._next.get(host, now))
        self._next[host] = at + 1 / a_second
        if at > now:
            await asyncio.sleep(at - now)
