"""How a mailbox's link stands, and what each happening makes of that: the one table of its states."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from gateway.domain.record import SyncState

OFF, CONNECTING, BACKFILLING = SyncState.OFF, SyncState.CONNECTING, SyncState.BACKFILLING
LIVE, RETRYING, STOPPED = SyncState.LIVE, SyncState.RETRYING, SyncState.STOPPED


class Happening(StrEnum):
    """What a tail meets."""

    STARTED = "started"  # it connects: at first, after a wait, or because somebody asked
    BEHIND = "behind"  # signed in, and there is history to look for
    CAUGHT_UP = "caught_up"  # a whole round over every folder is done
    FAILED = "failed"  # the connection, the server or our disk; it passes
    REFUSED = "refused"  # the sign-in: only a person can help
    REMOVED = "removed"  # the mailbox is not the firm's any more


NEXT: Mapping[SyncState, Mapping[Happening, SyncState]] = {
    OFF: {Happening.STARTED: CONNECTING},
    CONNECTING: {
        Happening.BEHIND: BACKFILLING,
        Happening.CAUGHT_UP: LIVE,
        Happening.FAILED: RETRYING,
        Happening.REFUSED: STOPPED,
    },
    BACKFILLING: {
        Happening.BEHIND: BACKFILLING,
        Happening.CAUGHT_UP: LIVE,
        Happening.FAILED: RETRYING,
        Happening.REFUSED: STOPPED,
    },
    LIVE: {
        Happening.BEHIND: BACKFILLING,
        Happening.CAUGHT_UP: LIVE,
        Happening.FAILED: RETRYING,
        Happening.REFUSED: STOPPED,
    },
    RETRYING: {Happening.STARTED: CONNECTING, Happening.FAILED: RETRYING},
    STOPPED: {Happening.STARTED: CONNECTING},
}


def after(state: SyncState, happening: Happening) -> SyncState:
    """The state that follows. ValueError for what can't happen in it: a fault of ours. A removed mailbox is off."""
    if happening is Happening.REMOVED:
        return OFF
    follows = NEXT[state].get(happening)
    if follows is None:
        raise ValueError(f"a link that is {state.value} can't meet {happening.value}")
    return follows
