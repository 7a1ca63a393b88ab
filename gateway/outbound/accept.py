"""Acceptance: from a submission to a durable queue entry, or a refusal; after it nothing of the message changes."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime

import structlog

from gateway.domain.firm import Firm
from gateway.domain.mail import Decision, QueueEntry, Recipient, Submission
from gateway.mime.facts import facts
from gateway.mime.header import Header
from gateway.mime.render import Rendered, render
from gateway.outbound.compose import Stamp, edits_for
from gateway.policy.authorise import Authorised, authorise
from gateway.policy.rules import decide
from gateway.settings.gateway import Settings
from gateway.store.store import Store

log = structlog.get_logger()

OFF_THE_LOOP = 256 * 1024  # octets; rendering more than this takes longer than other sessions should wait


class Acceptance:
    """Called with each submission; returns the queue id once bytes and rows are durable.

    Raises `Refusal` when the message may not leave as asked, `NoSpace` or `TemporaryFailure` when it could not be
    kept; in each case nothing was queued.
    """

    def __init__(
        self,
        store: Store,
        *,
        firm: Callable[[], Firm],
        settings: Callable[[], Settings],
        now: Callable[[], datetime],
        wake: Callable[[], None],
    ) -> None:
        self._store = store
        self._firm = firm
        self._settings = settings
        self._now = now
        self._wake = wake

    async def __call__(self, submission: Submission) -> str:
        firm, settings = self._firm(), self._settings()
        header = Header.read(submission.raw)
        authorised = authorise(
            firm,
            submission,
            header,
            without_sync=settings.policy.client_without_sync,
            without_access=settings.policy.client_without_access,
        )
        decision = decide(firm, authorised)
        stamp = Stamp(new_queue_id(), secrets.token_hex(16), settings.submission.hostname, self._now())
        rendered = await _render(firm, authorised, decision, stamp)
        entry = _entry(authorised, decision, rendered, stamp, settings)
        await self._store.queue.add(entry, rendered.raw)
        self._wake()
        _say(entry, decision, rendered, submission)
        return entry.id


def new_queue_id() -> str:
    """Unguessable, sortable by nothing, easy to read over the phone: twelve letters and digits without 0, 1, I, O."""
    alphabet = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
    return "".join(secrets.choice(alphabet) for _ in range(12))


async def _render(firm: Firm, authorised: Authorised, decision: Decision, stamp: Stamp) -> Rendered:
    edits = edits_for(firm, authorised, decision, stamp)
    raw = authorised.submission.raw
    if len(raw) > OFF_THE_LOOP:
        return await asyncio.to_thread(render, raw, edits)
    return render(raw, edits)


def _entry(
    authorised: Authorised, decision: Decision, rendered: Rendered, stamp: Stamp, settings: Settings
) -> QueueEntry:
    known = facts(rendered.raw)
    return QueueEntry(
        id=stamp.queue_id,
        login=decision.member.login,
        mailbox=decision.mailbox.key,
        sender=decision.mailbox.address,
        recipients=_recipients(authorised.submission, decision),
        sha256=hashlib.sha256(rendered.raw).hexdigest(),
        size=len(rendered.raw),
        message_id=known.message_id,
        subject=known.subject,
        accepted_at=stamp.at,
        next_attempt=stamp.at + settings.queue.undo_window,
        smtputf8=authorised.submission.smtputf8,
        grant=decision.grant,
        rules=decision.rules,
        in_reply_to=known.in_reply_to[0] if known.in_reply_to else "",
    )


def _recipients(submission: Submission, decision: Decision) -> tuple[Recipient, ...]:
    """The envelope as asked for, then the rule's copies, of which the decision holds none that is in it already."""
    return tuple(Recipient(address) for address in submission.recipients) + tuple(
        Recipient(address, bcc=True) for address in decision.bcc
    )


def _say(entry: QueueEntry, decision: Decision, rendered: Rendered, submission: Submission) -> None:
    log.info(
        "accepted",
        queue_id=entry.id,
        member=entry.login,
        mailbox=entry.mailbox,
        recipients=len(entry.recipients),
        size=entry.size,
        rules=list(entry.rules),
        grant=decision.grant,
        peer=submission.peer,
        left_alone=list(rendered.notes),
    )
