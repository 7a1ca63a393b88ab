"""What the admin face works on; `app` fills it in, and the routes get it as parameters."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from gateway.domain.diagnosis import Diagnosis
from gateway.domain.firm import Mailbox
from gateway.domain.status import Status
from gateway.inbound.saving import Saving
from gateway.inbound.stops import Stops
from gateway.office.importing import Imports
from gateway.office.office import Office
from gateway.office.pages import Pages
from gateway.office.tokens import Tokens
from gateway.office.webhooks import Webhooks
from gateway.outbound.rehearse import Rehearsal
from gateway.outbound.signing_keys import FindTxt
from gateway.settings.gateway import Queue
from gateway.store.room import Room
from gateway.store.store import Store
from gateway.upstream.diagnose import diagnose
from gateway.upstream.dns import find_txt


@dataclass(frozen=True)
class Services:
    """``queue_changed`` wakes the dispatcher after a person's action; ``now`` is aware UTC.

    ``sync_now`` takes a mailbox's address key and has it looked at now, however it had stopped; NotFound.
    """

    store: Store
    office: Office
    status: Callable[[], Awaitable[Status]]
    queue_changed: Callable[[], None]
    sync_now: Callable[[str], Awaitable[None]]
    now: Callable[[], datetime]
    rehearse: Rehearsal
    stops: Stops | None = None  # None: nobody follows mailboxes here, so there is nothing to stop
    diagnose: Callable[[Mailbox], Awaitable[Diagnosis]] = diagnose
    give_up_after: Callable[[], timedelta] = lambda: Queue().give_up_after  # how long the queue tries
    find_txt: FindTxt = find_txt  # in whose DNS the records of signing keys are looked up
    webhooks: Webhooks | None = None  # None: nobody sends to webhooks here

    saving: Saving | None = None  # None: one without a scanner

    @cached_property
    def saves(self) -> Saving:
        """What makes documents of attachments."""
        return self.saving or Saving(self.store, room=Room(), now=self.now)

    @cached_property
    def pages(self) -> Pages:
        """What makes mail fit to be shown."""
        return Pages()

    @cached_property
    def imports(self) -> Imports:
        """What brings old mail into the record."""
        return Imports(self.store, firm=lambda: self.office.firm, now=self.now)

    @cached_property
    def tokens(self) -> Tokens:
        """Members' tokens."""
        return Tokens(self.store.tokens, firm=lambda: self.office.firm, now=self.now)
