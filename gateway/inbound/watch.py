"""What every follower of every mailbox shares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from gateway.domain.firm import Firm
from gateway.inbound.histories import Histories
from gateway.inbound.weighing import Ask, AtHand, Weigher, nothing_at_hand, unanswered
from gateway.store.room import Room
from gateway.store.store import Store
from gateway.upstream.imap.doorway import Doorway
from gateway.upstream.providers import Facts, facts_of


@dataclass(frozen=True, slots=True)
class Watch:
    """``facts`` tells of the provider behind an IMAP host.

    ``ask`` answers questions from DNS, ``at_hand`` says what it would answer at once.
    """

    store: Store
    firm: Callable[[], Firm]
    now: Callable[[], datetime]
    facts: Callable[[str], Facts] = facts_of
    room: Room = field(default_factory=Room)
    door: Doorway = field(default_factory=Doorway)
    histories: Histories = field(default_factory=Histories)
    ask: Ask = unanswered
    at_hand: AtHand = nothing_at_hand

    @property
    def weigher(self) -> Weigher:
        return Weigher(self.store, self.ask, self.at_hand)
