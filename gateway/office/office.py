"""Keeps the firm's settings: loads them, makes them as a file says, tells who depends on them, writes them out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Protocol

import structlog

from gateway.domain.access import OPERATOR, Caller
from gateway.domain.errors import Conflict, NoSpace, PosternError, TemporaryFailure
from gateway.domain.firm import Change, Firm, Member
from gateway.domain.step import Refiling, Searched
from gateway.office.difference import differences
from gateway.office.draft import FirmDraft, parse
from gateway.office.passwords import Passwords
from gateway.office.undoing import require_sound
from gateway.policy.refiling import searched
from gateway.policy.walls import Walls
from gateway.settings.firmfile import firm_document
from gateway.settings.toml import write_toml

log = structlog.get_logger()

AGAIN = 30.0  # seconds until a change that was cut is gone on with, where the disk was full

HEADING = """\
# The firm, as it is. `postern apply` with this file changes nothing.
# Passwords are left out, and stay as they are where the file has none; a mailbox that is new to a gateway needs one.
"""


class FirmShelf(Protocol):
    """Where the firm is kept."""

    async def load(self) -> Firm:
        """Give back what the last ``replace`` put there; an empty firm before the first."""

    async def turn(
        self,
        firm: Firm,
        changes: Sequence[Change],
        by: str,
        at: datetime,
        *,
        undoes: int | None = None,
        turned: Callable[[int], None] | None = None,
    ) -> int:
        """Keep the firm and book the changes, all or nothing; durable on return of the step's number.

        ``turned`` is called with the firm's revision on the loop then, also when the caller was cancelled meanwhile.
        """

    def refile(self, ended: Callable[[int], None] | None = None) -> AsyncIterator[tuple[Refiling, ...]]:
        """Refile what is stored as the last step says, from where it was left; piece by piece, each durable.

        ``ended`` is called as ``turned`` is, with the last of them.
        """

    async def rehearse(self, firm: Firm, *, undoes: int | None = None) -> tuple[Refiling, ...]:
        """What would be refiled."""

    async def without(self, step: int) -> Firm:
        """The firm with that step taken back; NotFound, or Conflict where something depends on it."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What differed, and what became of stored mail by it; ``step`` None: nothing was made."""

    changes: Sequence[Change] = ()
    refilings: Sequence[Refiling] = ()
    searches: Sequence[Searched] = ()
    step: int | None = None


class Office:
    """The firm as it stands, and the only way to change it; one change at a time."""

    def __init__(self, shelf: FirmShelf, *, passwords: Passwords | None = None) -> None:
        self._shelf = shelf
        self._passwords = passwords or Passwords()
        self._firm = Firm()
        self._lock = asyncio.Lock()
        self._left = asyncio.Event()  # stored mail may be left to be refiled; at a start nobody knows
        self._left.set()
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

    async def run(self) -> None:
        """Until cancelled: goes on with a change whose refiling was cut, by a crash or by a full disk."""
        while True:
            await self._left.wait()
            self._left.clear()
            try:
                async with self._lock:
                    await self._refile()
            except PosternError as error:
                log.warning("refiling-put-off", error=error.sentence, detail=error.detail)
                await asyncio.sleep(AGAIN)
            except Exception:
                log.exception("refiling-broken")  # mail goes on, filed as the new firm has it; stored mail waits for us
                await asyncio.sleep(AGAIN)

    async def apply(
        self,
        document: Mapping[str, object],
        *,
        by: str,
        at: datetime,
        dry_run: bool = False,
        prune: bool = False,
        caller: Caller = OPERATOR,
    ) -> Applied:
        """Make the firm as the document says (see ``office.draft.parse``); what differed, nothing the second time.

        Raises Faulty with every fault, Refusal for what ``caller`` may not change; then, and with ``dry_run``, nothing
        changed.
        """
        async with self._lock:
            await self._refile()
            firm = await self._with_hashes(parse(document, current=self._firm, prune=prune))
            return await self._make(firm, by, at, caller=caller, dry_run=dry_run)

    async def undo(
        self, step: int, *, by: str, at: datetime, dry_run: bool = False, caller: Caller = OPERATOR
    ) -> Applied:
        """Take a step back: the firm's things, and where mail lies, are as before it; as a step of its own.

        NotFound; Conflict where something that it changed was changed again since; Faulty where the firm would not make
        sense; Refusal for what ``caller`` may not change. Passwords stay as they are.
        """
        async with self._lock:
            await self._refile()
            firm = await self._shelf.without(step)
            require_sound(firm, step)
            return await self._make(firm, by, at, caller=caller, dry_run=dry_run, undoes=step)

    async def _make(
        self, firm: Firm, by: str, at: datetime, *, caller: Caller, dry_run: bool, undoes: int | None = None
    ) -> Applied:
        """In the lock. Who depends on the firm is told before the lock is free, so in the order of the changes."""
        old = self._firm
        Walls(old, caller).require_change(firm)
        changes = differences(old, firm)
        if not changes and undoes is None:
            return Applied()
        searches = searched(old, firm)
        if dry_run or not changes:
            refilings = await self._shelf.rehearse(firm, undoes=undoes)
            if not changes and not refilings:
                raise Conflict(
                    f"Step {undoes} has nothing left to take back: what it changed is as it was before, "
                    "and passwords stay as they are."
                )
            if dry_run:
                return Applied(changes, refilings, searches)
        number = await self._shelf.turn(firm, changes, by, at, undoes=undoes, turned=partial(self._turned, firm))
        log.info("firm changed", by=by, step=number, changes=[str(change) for change in changes])
        return Applied(changes, await self._refile(number), searches, number)

    def _turned(self, firm: Firm, revision: int) -> None:
        """From now on it is this firm that decides; who depends on it is told before anybody goes on."""
        self._firm = replace(firm, revision=revision)
        for tell in self.on_change:
            asyncio.get_running_loop().call_soon(tell, self._firm)

    def _ended(self, revision: int) -> None:
        self._firm = replace(self._firm, revision=revision)

    async def _refile(self, step: int | None = None) -> tuple[Refiling, ...]:
        """In the lock: what the last step did to stored mail; empty where nothing was left."""
        try:
            return tuple([one async for some in self._shelf.refile(self._ended) for one in some])
        except BaseException as error:
            self._left.set()
            if step is None or not isinstance(error, (NoSpace, TemporaryFailure)):
                raise
            sentence = f"Step {step} is made, but not all stored mail is refiled yet; that goes on by itself. "
            raise type(error)(sentence + error.sentence, detail=error.detail) from error

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
