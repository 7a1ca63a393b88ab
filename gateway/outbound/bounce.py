"""Tells the author what could not be delivered: a report by mail (RFC 3464) and a line in the feed, once each."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime

import structlog

from gateway.domain.address import Address
from gateway.domain.firm import Firm
from gateway.domain.mail import Delivery, QueueEntry, Recipient
from gateway.domain.record import EventKind
from gateway.mime.facts import facts
from gateway.mime.report import delivery_report
from gateway.outbound.accept import new_queue_id
from gateway.store.store import Store

log = structlog.get_logger()


class Bounces:
    """Reports the failed recipients of an entry that were not reported yet; a report itself is never reported."""

    def __init__(
        self, store: Store, *, firm: Callable[[], Firm], hostname: Callable[[], str], now: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._firm = firm
        self._hostname = hostname
        self._now = now

    async def report(self, entry: QueueEntry) -> None:
        """Order: the report is queued in the same transaction that marks the recipients as reported."""
        failed = await self._store.queue.unreported(entry.id)
        if not failed:
            return
        report = None if entry.sender is None else await self._compose(entry, failed)
        await self._store.queue.reported(entry.id, failed, report)
        names = ", ".join(str(one.address) for one in failed)
        log.warning("bounced", queue_id=entry.id, recipients=len(failed), report=report[0].id if report else "")
        await self._store.feed.add(
            EventKind.BOUNCE,
            self._now(),
            f"“{entry.subject}” could not be delivered to {names}: {_why(failed)}",
            mailbox=entry.mailbox,
            queue_id=entry.id,
        )

    async def _compose(self, entry: QueueEntry, failed: list[Recipient]) -> tuple[QueueEntry, bytes]:
        now = self._now()
        raw = delivery_report(
            entry=entry,
            failed=[(one, one.last) for one in failed if one.last is not None],
            original=await self._store.bodies.get(entry.sha256),
            hostname=self._hostname(),
            now=now,
            seed=secrets.token_hex(16),
            to=self._author(entry),
        )
        known = facts(raw)
        return QueueEntry(
            id=new_queue_id(),
            login=entry.login,
            mailbox=entry.mailbox,
            sender=None,
            recipients=(Recipient(self._author(entry)),),
            sha256=hashlib.sha256(raw).hexdigest(),
            size=len(raw),
            message_id=known.message_id,
            subject=known.subject,
            accepted_at=now,
            next_attempt=now,
        ), raw

    def _author(self, entry: QueueEntry) -> Address:
        """The author's own mailbox where they have one, else the one that the message left from."""
        assert entry.sender is not None
        return self._firm().own_address(entry.login) or entry.sender


def _why(failed: list[Recipient]) -> str:
    return next((one.last.text for one in failed if one.last and one.delivery is Delivery.FAILED), "no reason given")
