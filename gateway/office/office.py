"""Keeps the firm's settings: loads them, makes them as a file says, tells who depends on them, writes them out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

import structlog

from gateway.domain.access import OPERATOR, Caller
from gateway.domain.firm import Change, Firm, Member
from gateway.office.difference import differences
from gateway.office.draft import FirmDraft, parse
from gateway.office.passwords import Passwords
from gateway.policy.walls import Walls
from gateway.settings.firmfile import firm_document
from gateway.settings.toml import write_toml

log = structlog.get_logger()

HEADING = """\
# The firm, as it is. `postern apply` with this file changes nothing.
# Passwords are left out, and stay as they are where the file has none; a mailbox that is new to a gateway needs one.
"""


class FirmShelf(Protocol):
    """Where the firm is kept."""

    async def load(self) -> Firm:
        """Give back what the last ``replace`` put there; an empty firm before the first."""

    async def replace(self, firm: Firm, changes: Sequence[Change], by: str, at: datetime) -> None:
        """Keep the firm and book the changes, both or neither; durable on return."""


class Office:
    """The firm as it stands, and the only way to change it; one change at a time."""

    def __init__(self, shelf: FirmShelf, *, passwords: Passwords | None = None) -> None:
        self._shelf = shelf
        self._passwords = passwords or Passwords()
        self._firm = Firm()
        self._lock = asyncio.Lock()
        self.on_change: list[Callable[[Firm], None]] = []  # called on the loop, after the change is durable

    @property
    def firm(self) -> Firm:
        """The snapshot of now; decisions take it once and stay with it."""
        return self._firm

    async def load(self) -> Firm:
        """Take the firm from the shelf; nobody is told."""
        async with self._lock:
            self._firm = await self._shelf.load()
        return self._firm

    async def apply(
        self,
        document: Mapping[str, object],
        *,
        by: str,
        at: datetime,
        dry_run: bool = False,
        prune: bool = False,
        caller: Caller = OPERATOR,
    ) -> list[Change]:
        """Make the firm as the document says (see ``office.draft.parse``); what differed, empty the second time.

        Raises Faulty with every fault, Refusal for what ``caller`` may not change; then, and with ``dry_run``, nothing
        changed.
        """
        async with self._lock:
            old = self._firm
            firm = await self._with_hashes(parse(document, current=old, prune=prune))
            Walls(old, caller).require_change(firm)
            changes = differences(old, firm)
            if not changes or dry_run:
                return changes
            await self._shelf.replace(firm, changes, by, at)
            self._firm = firm
            log.info("firm changed", by=by, changes=[str(change) for change in changes])
        for tell in self.on_change:
            tell(firm)
        return changes

    def export(self) -> str:
        """Write the firm as TOML, secrets left out."""
        return HEADING + "\n" + write_toml(firm_document(self._firm))

    async def _with_hashes(self, draft: FirmDraft) -> Firm:
        """Hash the passwords that the document gives; one that is the member's already keeps its hash."""
        members = [await self._with_hash(member, draft) for member in draft.firm.members]
        return replace(draft.firm, members=tuple(members))

    async def _with_hash(self, member: Member, draft: FirmDraft) -> Member:
        password = draft.passwords.get(member.login)
        if password is None or await self._passwords.verify(member.password_hash, password.value):
            return member
        return replace(member, password_hash=await self._passwords.hashed(password.value))
