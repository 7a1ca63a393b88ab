"""How much of each mailbox may be in hand: its share of the house, its provider's pace, less while it is in trouble.

One slow or dead account holds up nobody: it fills its own share and no more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.domain.firm import Mailbox
from gateway.policy.pace import Limits, Pace, fresh, limits_for, pause

AT_ONCE = 256  # entries in hand; each may hold its message in memory
PER_MAILBOX = 32  # of one account: enough that its connections never wait for the disk
LEAST = 4  # of one account, however many others have filled the house
WAKE_AT = PER_MAILBOX // 2  # in hand: claiming half a share costs little more than claiming one


@dataclass(slots=True)
class _State:
    mailbox: Mailbox | None  # as it was when its limits were looked at
    limits: Limits
    pace: Pace
    failures: int = 0  # of the account as a whole, in a row
    closed_until: float = 0.0
    in_hand: int = 0


@dataclass(slots=True)
class Flow:
    """``clock`` gives seconds that nobody sets (monotonic)."""

    clock: Callable[[], float]
    _states: dict[str, _State] = field(default_factory=dict)
    _total: int = 0

    @property
    def each(self) -> int:
        """How many may be claimed of a mailbox that is not in `rooms`."""
        return self._share

    @property
    def _share(self) -> int:
        return PER_MAILBOX if self._total < AT_ONCE else LEAST

    def rooms(self) -> dict[str, int]:
        """How many may be claimed of each mailbox that we know something of."""
        now, share = self.clock(), self._share
        return {key: self._room(state, now, share) for key, state in self._states.items()}

    def _room(self, state: _State, now: float, share: int) -> int:
        if state.failures:  # one at a time shows whether it is over
            return int(state.in_hand == 0 and state.closed_until <= now)
        return max(0, state.pace.room(now, share - state.in_hand))

    def has_room(self, mailbox: str) -> bool:
        """Whether one more of it may be in hand now."""
        state = self._states.get(mailbox)
        return state is None or self._room(state, self.clock(), self._share) > 0

    def wait(self, mailbox: str) -> float | None:
        """Seconds until more of it may be claimed; None: when something that is in hand has ended."""
        state = self._states.get(mailbox)
        if state is None:
            return 0.0
        now = self.clock()
        if state.failures:
            return None if state.in_hand else max(0.0, state.closed_until - now)
        return None if state.in_hand >= self._share else state.pace.wait(now)

    def begun(self, mailbox: Mailbox | None, key: str, recipients: int) -> None:
        """An entry is in hand."""
        now, state = self.clock(), self._states.get(key)
        if state is None or state.mailbox is not mailbox:
            state = self._known(mailbox, key, now)
        state.in_hand += 1
        state.pace = state.pace.begun(recipients, now)
        self._total += 1

    def _known(self, mailbox: Mailbox | None, key: str, now: float) -> _State:
        """Its limits as they are now."""
        limits = limits_for(mailbox)
        state = self._states.setdefault(key, _State(mailbox, limits, fresh(limits, now)))
        if state.limits != limits:  # the firm has changed them
            state.limits, state.pace = limits, fresh(limits, now)
        state.mailbox = mailbox
        return state

    def ended(self, key: str) -> bool:
        """The entry is out of hand; whether it is time to claim more."""
        state = self._states[key]
        state.in_hand -= 1
        self._total -= 1
        return state.in_hand <= WAKE_AT

    def failed(self, key: str) -> bool:
        """The account failed as a whole; whether this is news. What was in hand together fails together, and is one."""
        state = self._states[key]
        now = self.clock()
        if state.closed_until <= now:
            state.failures += 1
            state.closed_until = now + pause(state.failures)
            return state.failures == 1
        return False

    def worked(self, key: str) -> None:
        """The account took or refused a message: it is there."""
        state = self._states[key]
        state.failures, state.closed_until = 0, 0.0

    def reopen(self, key: str) -> None:
        """Its server answers: one entry may try at once whether it works."""
        self._states[key].closed_until = 0.0
