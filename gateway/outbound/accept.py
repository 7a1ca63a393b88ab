"""Acceptance: from a submission to a durable queue entry, or a refusal; after it nothing of the message changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial

import structlog

from gateway.domain.errors import BadMessage, PosternError
from gateway.domain.mail import QueueEntry, Recipient, Submission, Wish
from gateway.mime.deferred import deferred_until
from gateway.mime.facts import answered, message_id, subject
from gateway.outbound.compose import new_message_id
from gateway.outbound.prepare import Foreseen, Preparation, Prepared
from gateway.policy.hold import latest
from gateway.policy.schedule import release_at
from gateway.settings.gateway import Settings
from gateway.store.queue import AcceptedAlready, Desk
from gateway.store.scratch import Scratch
from gateway.store.spool import Ahead
from gateway.store.store import Store

log = structlog.get_logger()

USUAL = Wish()
NOTHING = Wish(notify=frozenset())  # of blind copies nobody is told: the author does not know of them


class Acceptance:
    """Called with each submission; returns the queue id once bytes and rows are durable.

    Raises `Refusal` when the message may not leave as asked, `NoSpace` or `TemporaryFailure` when it could not be
    kept; in each case nothing was queued.
    """

    def __init__(
        self,
        store: Store,
        prepare: Preparation,
        *,
        settings: Callable[[], Settings],
        now: Callable[[], datetime],
        desk: Desk,
    ) -> None:
        self._store = store
        self._prepare = prepare
        self._settings = settings
        self._now = now
        self._desk = desk

    async def begin(self, submission: Submission) -> tuple[Scratch | Ahead, Callable[[Submission], Awaitable[str]]]:
        """For a large message of which ``submission`` has what came so far: the file for all of it, and who takes it.

        Whether it may leave is said of the whole alone.
        """
        try:
            foreseen = await self._prepare.foresee(submission)
        except PosternError:
            foreseen = None
        if foreseen is None:
            return self._store.bodies.scratch(), self
        return foreseen.file, partial(self.__call__, foreseen=foreseen)

    async def __call__(self, submission: Submission, foreseen: Foreseen | None = None) -> str:
        authorised = await self._prepare.authorise(submission)
        asked = _asked_moment(submission, deferred_until(authorised.letter.header), self._now())
        prepared = await self._prepare.render(authorised, foreseen)
        body = await self._store.bodies.prepare(prepared.raw)
        entry = _entry(prepared, body.sha256, asked, self._settings())
        try:
            await self._store.queue.enter(entry, body, submission.fingerprint, desk=self._desk)
        except AcceptedAlready as known:  # its 250 got lost on the way: the same one again
            log.info("accepted-again", queue_id=known.queue_id, member=entry.login, peer=submission.peer)
            return known.queue_id
        _say(entry, prepared)
        return entry.id


def _asked_moment(submission: Submission, deferred: datetime | None, now: datetime) -> datetime | None:
    """When the author wants it to leave: the later of what the envelope and the header say."""
    if deferred is not None and deferred > latest(now):
        raise BadMessage(f"Deferred-Delivery lies too far ahead: {latest(now):%Y-%m-%d} is the last day that we take.")
    asked = [moment for moment in (submission.not_before, deferred) if moment is not None]
    return max(asked, default=None)


def _entry(prepared: Prepared, sha256: str, asked: datetime | None, settings: Settings) -> QueueEntry:
    header = prepared.authorised.letter.header  # what is read from it here leaves as it came
    answers = answered(header)
    submission, decision, at = prepared.authorised.submission, prepared.decision, prepared.at
    leaves = release_at(asked, at, settings.queue.undo_window, prepared.hours)
    return QueueEntry(
        id=prepared.stamp.queue_id,
        login=decision.member.login,
        mailbox=decision.mailbox.key,
        sender=decision.mailbox.address,
        recipients=_recipients(prepared),
        sha256=sha256,
        size=len(prepared.raw),
        message_id=_message_id(prepared),
        subject=subject(header),
        accepted_at=at,
        next_attempt=leaves,
        smtputf8=submission.smtputf8,
        grant=decision.grant,
        rules=decision.rules,
        in_reply_to=answers[0] if answers else "",
        envid=submission.envid,
        return_full=submission.return_full,
        not_before=leaves if leaves > at + settings.queue.undo_window else None,
    )


def _message_id(prepared: Prepared) -> str:
    """The author's, or where there was none the one that it was given."""
    header = prepared.authorised.letter.header
    if "message-id" in header.by_name:
        return message_id(header)
    return new_message_id(prepared.stamp, prepared.decision.mailbox.address)


def _recipients(prepared: Prepared) -> tuple[Recipient, ...]:
    """The envelope as asked for, then the rule's copies, of which the decision holds none that is in it already."""
    submission = prepared.authorised.submission
    wishes = submission.wishes or (USUAL,) * len(submission.recipients)
    asked = [Recipient(address, wish=wish) for address, wish in zip(submission.recipients, wishes, strict=True)]
    return (*asked, *[Recipient(address, bcc=True, wish=NOTHING) for address in prepared.decision.bcc])


def _say(entry: QueueEntry, prepared: Prepared) -> None:
    log.info(
        "accepted",
        queue_id=entry.id,
        member=entry.login,
        mailbox=entry.mailbox,
        recipients=len(entry.recipients),
        size=entry.size,
        rules=list(entry.rules),
        grant=entry.grant,
        identity=prepared.decision.identity,
        peer=prepared.authorised.submission.peer,
        left_alone=list(prepared.notes),
    )
