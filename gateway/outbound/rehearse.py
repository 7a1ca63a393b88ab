"""What would become of a message if a member sent it: the steps of acceptance, and why each came out as it did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gateway.domain.address import Address
from gateway.domain.errors import BadMessage, Faulty, NotFound, Refusal
from gateway.domain.firm import Firm
from gateway.domain.mail import Decision, Submission
from gateway.mime.check import line_fault
from gateway.mime.facts import correspondents
from gateway.mime.header import Header
from gateway.outbound.prepare import Preparation
from gateway.policy.explain import RuleVerdict, explain
from gateway.policy.schedule import release_at


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """``refusal`` None: it would leave, as ``after``."""

    login: str
    asked: str  # the From that was asked for, as written
    recipients: tuple[Address, ...]
    before: bytes
    after: bytes | None = None
    refusal: str | None = None
    decision: Decision | None = None
    rules: tuple[RuleVerdict, ...] = ()
    notes: tuple[str, ...] = ()
    leaves_at: datetime | None = None  # were it sent now; None where no hours of the office are kept


class Rehearsal:
    """Sends and keeps nothing. NotFound for a login that is nobody's."""

    def __init__(self, prepare: Preparation, *, firm: Callable[[], Firm], now: Callable[[], datetime]) -> None:
        self._prepare = prepare
        self._firm = firm
        self._now = now

    async def __call__(self, login: str, raw: bytes, recipients: tuple[Address, ...] | None) -> Rehearsed:
        """``recipients`` None: those of the header, Bcc among them. A file's line ends may be LF."""
        if login not in self._firm().member_by_login:
            raise NotFound(f'There is no member "{login}": `postern member list` shows them.')
        if b"\r\n" not in raw:
            raw = raw.replace(b"\n", b"\r\n")
        envelope = correspondents(raw).recipients if recipients is None else recipients
        found = Rehearsed(login, Header.read(raw).text("From"), envelope, raw)
        try:
            return await self._tried(found)
        except Refusal as refusal:
            return replace(found, refusal=refusal.sentence)
        except Faulty as faulty:
            return replace(found, refusal=str(faulty))

    async def _tried(self, found: Rehearsed) -> Rehearsed:
        if fault := line_fault(found.before):
            raise BadMessage(fault)
        if not found.recipients:
            raise BadMessage("The message goes to nobody: name recipients in its header, or apart from it.")
        submission = Submission(
            login=found.login, sender=None, recipients=found.recipients, raw=found.before, received_at=self._now()
        )
        authorised = await self._prepare.authorise(submission)
        rules = explain(self._firm(), authorised)
        prepared = await self._prepare.render(authorised)
        hours = prepared.hours
        assert isinstance(prepared.raw, bytes), "nothing was foreseen"
        return replace(
            found,
            after=prepared.raw,
            decision=prepared.decision,
            rules=rules,
            notes=prepared.notes,
            leaves_at=release_at(None, prepared.at, timedelta(), hours) if hours else None,
        )
