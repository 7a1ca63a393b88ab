"""A mail that may be a bounce: which message of ours it is about, and what is kept of it; of any other mail nothing."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import structlog

from gateway.domain.errors import Outdated
from gateway.domain.firm import Firm
from gateway.domain.history import CameBack
from gateway.domain.large import Mail
from gateway.domain.mail import Delivery, QueueEntry
from gateway.domain.record import Cursor, Direction, HeaderFacts, Location, Mark, NewFiling
from gateway.inbound.watch import Watch
from gateway.mime.bounce import Returned, returned
from gateway.mime.facts import correspondents, facts
from gateway.mime.large import read_header
from gateway.policy.returned import Tie, as_sent, envids, sentence, ties
from gateway.store.returns import Line, Returning

log = structlog.get_logger()

OFF_THE_LOOP = 256 * 1024  # octets; reading more than this would hold other mailboxes up
MAX_LOOKED_AT = 1024 * 1024  # octets of a large one: what a server says stands above the message that it returns


@dataclass(frozen=True, slots=True)
class Tied:
    """What a mail says about recipients of one message."""

    entry: QueueEntry
    ties: tuple[Tie, ...]

    @property
    def failed(self) -> tuple[Tie, ...]:
        return tuple(tie for tie in self.ties if tie.outcome.delivery is Delivery.FAILED)


class Returns:
    """Shared by all followers; it remembers nothing."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    async def take(self, mail: Mail, location: Location, cursor: Cursor | None) -> bool | None:
        """Whether it is news about a message of ours; None where it is about none, and nothing was kept.

        A delay or a confirmation stands with the queue entry. A failure is filed too, in the thread of what failed,
        under the clients whom that did not reach, and told in the feed; whatever comes twice is told once.
        """
        raw = mail if isinstance(mail, bytes) else await asyncio.to_thread(mail.head, MAX_LOOKED_AT)
        found = await asyncio.to_thread(returned, raw) if len(raw) > OFF_THE_LOOP else returned(raw)
        if found is None or await self._watch.store.returns.is_own_report(facts(raw).message_id):
            return None
        tied = await self._tied(found)
        if tied is None:
            return None
        try:
            new = await self._watch.store.returns.keep(self._told(tied, mail, facts(raw), location, cursor))
        except Outdated:
            new = await self._watch.store.returns.keep(self._told(tied, mail, facts(raw), location, cursor))
        log.warning(
            "came-back" if tied.failed else "heard-later",
            queue_id=tied.entry.id,
            mailbox=location.mailbox,
            uid=location.uid,
            recipients=len(tied.ties),  # unnamed: one may be a blind copy, see gateway.outbound.telling
            statuses=sorted({tie.outcome.status for tie in tied.ties}),
            new=new,
        )
        return new

    async def _tied(self, found: Returned) -> Tied | None:
        """The newest entry that it says something about; the clients' record remembers those that were swept."""
        entries = await self._watch.store.returns.entries(found.message_id, envids(found))
        for entry in entries or await self._remembered(found.message_id):
            said = ties(found, entry)
            if said:
                return Tied(entry, said)
        return None

    async def _remembered(self, message_id: str) -> Sequence[QueueEntry]:
        message = await self._watch.store.returns.filed(message_id)
        if message is None:
            return ()
        mail = await self._watch.store.bodies.find(message.sha256)
        people = correspondents(await asyncio.to_thread(read_header, mail))
        return [as_sent(message, sender, people.recipients) for sender in people.senders[:1]]

    def _told(self, tied: Tied, mail: Mail, known: HeaderFacts, location: Location, cursor: Cursor | None) -> Returning:
        now = self._watch.now()
        firm = self._watch.firm()
        by_client = self._by_client(firm, tied.failed)
        item = None
        if any(by_client):
            item = NewFiling(
                raw=mail,
                facts=replace(known, references=(*known.references, tied.entry.message_id)),  # its thread
                clients=tuple((name, Direction.INBOX) for name in by_client if name),
                filed_at=now,
                location=location,
                revision=firm.revision,
                announce=False,  # the line of the feed says more than "new mail"
                marks={name: (Mark.BOUNCE,) for name in by_client if name},
            )
        return Returning(
            about=tied.entry.sha256,
            queue_id=tied.entry.id,
            login=tied.entry.login,
            said=tuple(CameBack(tie.recipient.address.key, now, tie.outcome) for tie in tied.ties),
            at=now,
            location=location,
            cursor=cursor,
            item=item,
            lines=tuple(Line(sentence(tied.entry, told), name) for name, told in by_client.items()),
            sha256=hashlib.sha256(mail).hexdigest() if isinstance(mail, bytes) else mail.sha256,
        )

    def _by_client(self, firm: Firm, failed: Sequence[Tie]) -> Mapping[str, list[Tie]]:
        """Who looks after one client is not told of another's; under the empty name whoever is nobody's client."""
        found = dict[str, list[Tie]]()
        for tie in failed:
            entries = firm.clients_with(tie.recipient.address)
            for name in {client.name for client, synced in entries if synced} or {""}:
                found.setdefault(name, []).append(tie)
        return found
