"""One round in one mailbox: whose copies lie in Sent already, those that are ours to put there, and the marks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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
from gateway.upstream.imap.session import Letter

log = structlog.get_logger()

TOGETHER = 50  # copies of one command: a line of the log names them, and a refusal has them looked for
OCTETS = 1024 * 1024  # of them

Duty = SentCopy | Errand
Task = tuple[Duty, QueueEntry]
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
        sent: Sent,
        *,
        now: Callable[[], datetime],
        provider_files: bool,
    ) -> None:
        self._store = store
        self._record = record
        self._mailbox = mailbox
        self._sent = sent
        self._now = now
        self._provider_files = provider_files
        self._there: frozenset[str] = frozenset()
        self._apart: set[Duty] = set()

    async def look(self, tasks: Sequence[Task]) -> None:
        """Which of the copies lie in Sent: one look for all, and none where nobody can have put one there."""
        self._there = await self._found(
            entry.message_id
            for duty, entry in tasks
            if _is_copy(duty) and must_look(entry, duty.attempts, provider_files=self._files(duty))
        )

    def next_of(self, tasks: Sequence[Task]) -> Sequence[Task]:
        """The first; with those behind it, where they are all to be appended and the server takes many at once."""
        if not self._sent.session.takes_many:
            return tasks[:1]
        octets = 0
        for number, task in enumerate(tasks):
            octets += task[1].size
            if number == TOGETHER or octets > OCTETS or not self._is_plain(task):
                return tasks[: max(number, 1)]
        return tasks

    async def part(self, tasks: Sequence[Task]) -> None:
        """Something was wrong with one of these: each comes alone, and is looked for should it be there after all."""
        self._apart.update(duty for duty, _ in tasks)
        self._there |= await self._found(entry.message_id for _, entry in tasks)

    async def do(self, tasks: Sequence[Task]) -> list[str]:
        """Do them, and return what is to be said of each, if anything. Raises `Wait`, and what the server makes of it.

        ``tasks``: as `next_of` gave them.
        """
        if len(tasks) > 1:
            return await self._append([entry for _, entry in tasks])
        ((duty, entry),) = tasks
        if isinstance(duty, Errand) and duty.kind is ErrandKind.ANSWERED:
            return [await mark(self._sent.session, self._store, self._mailbox, duty, entry)]
        if entry.message_id in self._there:
            log.info("sent-copy-was-there", queue_id=entry.id, mailbox=self._mailbox.key, folder=self._sent.folder)
            return [THERE]
        again = self._awaited(duty, entry)
        if again is not None:
            log.info("sent-copy-awaited", queue_id=entry.id, mailbox=self._mailbox.key, until=again.isoformat())
            raise Wait(again, WAITS)
        return await self._append([entry])

    def _is_plain(self, task: Task) -> bool:
        """Whether it is to be appended now, and nothing else."""
        duty, entry = task
        ours = _is_copy(duty) and duty not in self._apart and entry.message_id not in self._there
        return ours and self._awaited(duty, entry) is None

    def _awaited(self, duty: Duty, entry: QueueEntry) -> datetime | None:
        """Until when the provider's own copy is waited for."""
        return next_look(entry, duty.attempts, self._now()) if self._files(duty) else None

    def _files(self, duty: Duty) -> bool:
        """The provider of the author's own mailbox did not send it."""
        return self._provider_files and isinstance(duty, SentCopy)

    async def _found(self, message_ids: Iterable[str]) -> frozenset[str]:
        return await self._sent.session.find_message_ids(self._sent.folder, frozenset(message_ids))

    async def _append(self, entries: Sequence[QueueEntry]) -> list[str]:
        folder = self._sent.folder
        async with self._record.raws(entries) as raws:
            letters = [Letter(raw, entry.accepted_at) for raw, entry in zip(raws, entries, strict=True)]
            placed = await self._sent.session.append_all(folder, letters, flags=("\\Seen",))
        self._tell([entry.id for entry in entries])
        both = zip(entries, placed, strict=True)
        await self._record.sight_all([(one, Location(self._mailbox.key, folder, *at)) for one, at in both if at])
        return [""] * len(entries)

    def _tell(self, queue_ids: Sequence[str]) -> None:
        ids = {"queue_id": queue_ids[0]} if len(queue_ids) == 1 else {"queue_ids": queue_ids}
        log.info("sent-copy", **ids, mailbox=self._mailbox.key, folder=self._sent.folder)


def _is_copy(duty: Duty) -> bool:
    return isinstance(duty, SentCopy) or duty.kind is ErrandKind.AUTHOR_COPY
