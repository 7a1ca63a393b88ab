"""One round in one mailbox: whose copies lie in Sent already, those that are ours to put there, and the marks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import structlog

from gateway.domain.firm import Mailbox
from gateway.domain.mail import Errand, ErrandKind, QueueEntry, SentCopy
from gateway.domain.record import Location
from gateway.outbound.answered import mark
from gateway.outbound.sent_record import SentRecord
from gateway.outbound.sent_sessions import Sent
from gateway.policy.sent import must_look, next_look
from gateway.store.store import Store

log = structlog.get_logger()

Duty = SentCopy | Errand
THERE = "it lay there already: saved by the provider, by the mail program, or by us before a connection was lost"
WAITS = "waits for the copy that the provider puts into Sent itself"


class Wait(Exception):
    """Not now: somebody else's copy is waited for, and that is no error."""

    def __init__(self, until: datetime, sentence: str) -> None:
        super().__init__(sentence)
        self.until = until
        self.sentence = sentence


class Round:
    """Of the due duties of one mailbox; ``provider_files``: what leaves through it appears in its Sent without us."""

    def __init__(
        self,
        store: Store,
        record: SentRecord,
        mailbox: Mailbox,
        *,
        now: Callable[[], datetime],
        provider_files: bool,
    ) -> None:
        self._store = store
        self._record = record
        self._mailbox = mailbox
        self._now = now
        self._provider_files = provider_files
        self._there: frozenset[str] = frozenset()

    async def look(self, sent: Sent, duties: Sequence[Duty], entries: Mapping[str, QueueEntry]) -> None:
        """Which of the copies lie in Sent: one look for all, and none where nobody can have put one there."""
        wanted = {
            entries[duty.queue_id].message_id
            for duty in duties
            if _is_copy(duty) and must_look(entries[duty.queue_id], duty.attempts, provider_files=self._files(duty))
        }
        self._there = await sent.session.find_message_ids(sent.folder, wanted)

    async def do(self, sent: Sent, duty: Duty, entry: QueueEntry) -> str:
        """Do it, and return what is to be said of it, if anything. Raises `Wait`, and what the server makes of it."""
        if isinstance(duty, Errand) and duty.kind is ErrandKind.ANSWERED:
            return await mark(sent.session, self._store, self._mailbox, duty, entry)
        if entry.message_id in self._there:
            log.info("sent-copy-was-there", queue_id=entry.id, mailbox=self._mailbox.key, folder=sent.folder)
            return THERE
        again = next_look(entry, duty.attempts, self._now()) if self._files(duty) else None
        if again is not None:
            log.info("sent-copy-awaited", queue_id=entry.id, mailbox=self._mailbox.key, until=again.isoformat())
            raise Wait(again, WAITS)
        await self._append(sent, entry)
        return ""

    def _files(self, duty: Duty) -> bool:
        """The provider of the author's own mailbox did not send it."""
        return self._provider_files and isinstance(duty, SentCopy)

    async def _append(self, sent: Sent, entry: QueueEntry) -> None:
        async with self._record.raw(entry) as raw:
            placed = await sent.session.append(sent.folder, raw, flags=("\\Seen",), at=entry.accepted_at)
        log.info("sent-copy", queue_id=entry.id, mailbox=self._mailbox.key, folder=sent.folder)
        if placed is not None:
            await self._record.file(entry, Location(self._mailbox.key, sent.folder, *placed))


def _is_copy(duty: Duty) -> bool:
    return isinstance(duty, SentCopy) or duty.kind is ErrandKind.AUTHOR_COPY
