"""Tells the author what became of a message, as they wished: failure, delay, and that it was handed over; once each."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from gateway.domain.address import Address
from gateway.domain.errors import Conflict, NotFound
from gateway.domain.firm import Firm
from gateway.domain.mail import Delivery, QueueEntry, Recipient, Wish
from gateway.domain.record import EventKind
from gateway.mime.facts import facts
from gateway.mime.report import delivery_report
from gateway.mime.report_status import Action
from gateway.outbound.queue_id import new_queue_id, queue_id_about
from gateway.policy.dsn import overdue, to_report
from gateway.store.store import Store

log = structlog.get_logger()

Report = tuple[QueueEntry, bytes]


class Bounces:
    """Reports are queued like any message, from ``<>``; nothing of a message from ``<>`` is ever reported."""

    def __init__(
        self, store: Store, *, firm: Callable[[], Firm], hostname: Callable[[], str], now: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._firm = firm
        self._hostname = hostname
        self._now = now

    async def report(self, entry: QueueEntry) -> None:
        """Tells of the failed recipients that were not told of yet: by mail who wished it, and in the feed.

        Order: the report is queued in the same transaction that marks the recipients as reported. The feed is the
        firm's, not the author's: it names also those about whom the author wants no mail. Who failed, the queue knows
        better than ``entry``, which may be older; the wishes never change.
        """
        failed = await self._store.queue.unreported(entry.id)
        if not failed:
            return
        wishes = {one.address.key: one.wish for one in entry.recipients}
        known = [replace(one, wish=wishes[one.address.key]) for one in failed]
        wished = [one for one in known if to_report(one) is Action.FAILED]
        report = await self._compose(new_queue_id(), entry, wished, Action.FAILED)
        await self._store.queue.reported(entry.id, failed, report)
        log.warning("bounced", queue_id=entry.id, recipients=len(failed), report=report[0].id if report else "")
        for client, theirs in self._by_client(failed).items():
            names = ", ".join(str(one.address) for one in theirs)
            await self._store.feed.add(
                EventKind.BOUNCE,
                self._now(),
                f"“{entry.subject}” could not be delivered to {names}: {_why(theirs)}",
                client=client,
                mailbox=entry.mailbox,
                queue_id=entry.id,
                login=entry.login,
            )

    def _by_client(self, failed: Sequence[Recipient]) -> dict[str, list[Recipient]]:
        """A line for each client, so that nobody learns of another; "" for whoever is no client's."""
        found: dict[str, list[Recipient]] = {}
        for one in failed:
            clients = [client.name for client, _ in self._firm().clients_with(one.address)]
            for name in dict.fromkeys(clients) or ("",):
                found.setdefault(name, []).append(one)
        return found

    async def delayed(self, entry: QueueEntry, *, since: datetime | None = None, until: datetime | None = None) -> bool:
        """Warns once of an entry that has waited for long; whether it did now. To be called after each attempt.

        ``since``: when it was to leave, where that was later than its acceptance; ``until``: when it will be given up.
        """
        waiting = overdue(entry, self._now(), since=since)
        return await self._once(f"{entry.id} delayed", entry, waiting, Action.DELAYED, until)

    async def relayed(self, entry: QueueEntry, keys: Collection[str]) -> bool:
        """Tells of the recipients with these address keys that the next server took them, where that was wished.

        ``entry`` as it stands after the attempt; ``keys``: whom that delivered to a server without DSN. A second call
        for the same ones tells nothing new.
        """
        taken = [one for one in entry.recipients if one.address.key in keys and to_report(one) is Action.RELAYED]
        name = " ".join((entry.id, "relayed", *sorted(one.address.key for one in taken)))
        return await self._once(name, entry, taken, Action.RELAYED)

    async def _once(
        self,
        name: str,
        entry: QueueEntry,
        told: Sequence[Recipient],
        action: Action,
        until: datetime | None = None,
    ) -> bool:
        """The report's id follows from what it is about, so that the queue itself refuses it a second time."""
        queue_id = queue_id_about(name)
        if not told or await self._is_queued(queue_id):
            return False
        report = await self._compose(queue_id, entry, told, action, until)
        if report is None:
            return False
        try:
            await self._store.queue.add(*report)
        except Conflict:
            return False
        log.info("reported", queue_id=entry.id, action=action.value, recipients=len(told), report=queue_id)
        return True

    async def _is_queued(self, queue_id: str) -> bool:
        try:
            await self._store.queue.get(queue_id)
        except NotFound:
            return False
        return True

    async def _compose(
        self,
        queue_id: str,
        entry: QueueEntry,
        told: Sequence[Recipient],
        action: Action,
        until: datetime | None = None,
    ) -> Report | None:
        """None where nobody wrote it, or there is nothing to tell."""
        known = [(one, one.last) for one in told if one.last is not None]
        if entry.sender is None or not known:
            return None
        now, author = self._now(), self._firm().own_address(entry.login) or entry.sender
        raw = delivery_report(
            entry=entry,
            told=known,
            original=await self._store.bodies.get(entry.sha256),
            hostname=self._hostname(),
            now=now,
            seed=secrets.token_hex(16),
            action=action,
            to=author,
            until=until,
        )
        return _entry(queue_id, entry, author, raw, now), raw


def _entry(queue_id: str, entry: QueueEntry, author: Address, raw: bytes, now: datetime) -> QueueEntry:
    """To the author's own mailbox where they have one, else to the one that the message left from.

    Wished is NEVER: of a report no server is to report (RFC 3461 section 6.1).
    """
    known = facts(raw)
    return QueueEntry(
        id=queue_id,
        login=entry.login,
        mailbox=entry.mailbox,
        sender=None,
        recipients=(Recipient(author, wish=Wish(notify=frozenset())),),
        sha256=hashlib.sha256(raw).hexdigest(),
        size=len(raw),
        message_id=known.message_id,
        subject=known.subject,
        accepted_at=now,
        next_attempt=now,
        in_reply_to=known.in_reply_to[0] if known.in_reply_to else "",  # the message that it is about
    )


def _why(failed: list[Recipient]) -> str:
    return next((one.last.text for one in failed if one.last and one.delivery is Delivery.FAILED), "no reason given")
