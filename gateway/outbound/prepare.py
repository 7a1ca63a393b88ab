"""From a submission to the bytes that leave: authorised, decided, rendered, signed; nothing is kept or sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date, datetime
from typing import NamedTuple

from gateway.domain.address import Address
from gateway.domain.firm import Firm
from gateway.domain.large import Mail
from gateway.domain.mail import Decision, Submission
from gateway.domain.schedule import OfficeHours
from gateway.mime.facts import facts
from gateway.mime.header import Header
from gateway.mime.lead import lead
from gateway.mime.render import Edits, plan
from gateway.mime.splice import Splice, spliced
from gateway.outbound.compose import Stamp, edits_for
from gateway.outbound.hours import hours_for, zone_of
from gateway.outbound.queue_id import new_marks
from gateway.outbound.signing import Signing
from gateway.policy.authorise import Authorised, authorise
from gateway.policy.letter import Letter
from gateway.policy.rules import decide
from gateway.settings.gateway import Settings
from gateway.store.spool import Ahead
from gateway.store.store import Store

OFF_THE_LOOP = 256 * 1024  # octets; rendering more than this takes longer than other sessions should wait


class Prepared(NamedTuple):
    """What leaves, and how that came about."""

    authorised: Authorised
    decision: Decision
    stamp: Stamp
    at: datetime  # when that was settled
    raw: Mail
    notes: tuple[str, ...]  # why a signature is missing where it is
    hours: OfficeHours | None = None  # in which it may leave, where a rule says so


class Foreseen(NamedTuple):
    """How a large message will leave, should nothing in the rest of it change that; ``file``: as far as it came."""

    stamp: Stamp
    edits: Edits
    splices: tuple[Splice, ...]
    file: Ahead

    def came_true(self, edits: Edits, splices: tuple[Splice, ...]) -> bool:
        """Whether the whole message is to be changed as was said of its beginning."""
        return (edits, splices) == (self.edits, self.splices)


class Preparation:
    """The steps that acceptance and rehearsal share, each once a message."""

    def __init__(
        self,
        store: Store,
        *,
        firm: Callable[[], Firm],
        settings: Callable[[], Settings],
        now: Callable[[], datetime],
        signing: Signing,
    ) -> None:
        self._store = store
        self._firm = firm
        self._settings = settings
        self._now = now
        self._signing = signing

    async def authorise(self, submission: Submission) -> Authorised:
        """Raises `Refusal` with its sentence, `TemporaryFailure` where the firm's day can't be told."""
        firm, settings = self._firm(), self._settings()
        header = Header.read(submission.raw)
        names = header.by_name
        may_answer = "in-reply-to" in names or "references" in names
        return authorise(
            firm,
            submission,
            header,
            today=today(firm, self._now()),
            answered=await self._answered(firm, submission, header) if may_answer else (),
            without_sync=settings.policy.client_without_sync,
            without_access=settings.policy.client_without_access,
        )

    async def foresee(self, submission: Submission) -> Foreseen | None:
        """Take the steps for what has come of a large message so far; None where that says nothing of the whole.

        Most say all: what is edited stands above the first attachment. So the large rest can be hashed and written as
        it will leave while it comes. Raises as the steps themselves do.
        """
        authorised = await self.authorise(submission)
        firm, header = self._firm(), authorised.letter.header
        decision = await _decide(firm, authorised)
        if self._signing.signs(decision.mailbox.address.domain):  # above all else, and of all else
            return None
        stamp = self._stamp()
        edits = edits_for(firm, authorised, decision, stamp)

        def work() -> Foreseen | None:
            splices = plan(submission.raw, edits, header).splices
            found = lead(submission.raw, header, splices)
            if found is None or len(found.octets) < found.end:
                return None
            return Foreseen(stamp, edits, splices, self._store.bodies.ahead(*found))

        return await asyncio.to_thread(work)

    async def render(self, authorised: Authorised, foreseen: Foreseen | None = None) -> Prepared:
        """Settles everything; raises `Faulty` where a rule or template of the firm is wrong, `BadMessage`.

        What was ``foreseen`` is taken where it came out so: then nothing is left to be hashed, and little to write.
        """
        firm, now = self._firm(), self._now()
        decision = await _decide(firm, authorised)
        stamp = foreseen.stamp if foreseen else self._stamp(now)
        edits = edits_for(firm, authorised, decision, stamp)
        raw, domain = authorised.submission.raw, decision.mailbox.address.domain

        def work() -> tuple[Mail, tuple[str, ...]]:
            splices, notes = plan(raw, edits, authorised.letter.header)
            if foreseen and foreseen.came_true(edits, splices) and not self._signing.signs(domain):
                foreseen.file.turn()
                return foreseen.file, notes
            return self._signing.sign(spliced(raw, splices), domain, now), notes

        leaves, notes = await asyncio.to_thread(work) if len(raw) > OFF_THE_LOOP else work()
        return Prepared(authorised, decision, stamp, now, leaves, notes, hours_for(firm, decision))

    def _stamp(self, now: datetime | None = None) -> Stamp:
        return Stamp(*new_marks(), self._settings().submission.hostname, now or self._now())

    async def _answered(self, firm: Firm, submission: Submission, header: Header) -> tuple[Address, ...]:
        """To which of the firm's mailboxes the client had written whom this answers; empty for anything but replies.

        Only mail of clients that are written to and that the member may see is looked at: what they can't read must
        not show in what they send.
        """
        clients = {
            client.name
            for recipient in submission.recipients
            for client, _ in firm.clients_with(recipient)
            if client.open_to(submission.login)
        }
        if not clients or not Letter(header).is_reply:
            return ()
        addresses = await self._store.record.addressed(facts(header).answers, clients)
        return tuple(address for address in addresses if address.key in firm.mailbox_by_key)


def today(firm: Firm, now: datetime) -> date:
    """The day of the firm's calendar; TemporaryFailure where this machine does not know its time zone (any more)."""
    return now.astimezone(zone_of(firm)).date()


async def _decide(firm: Firm, authorised: Authorised) -> Decision:
    """Off the loop where a rule may have to decode a large message to know of its attachments."""
    is_large = authorised.letter.size > OFF_THE_LOOP
    if is_large and any(rule.when.attachments is not None for rule in firm.rules):
        return await asyncio.to_thread(decide, firm, authorised)
    return decide(firm, authorised)
