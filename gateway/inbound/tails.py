"""All tails of the firm: one for each mailbox, started, restarted and stopped as the firm's settings change."""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog

from gateway.domain.errors import NoSpace, TemporaryFailure
from gateway.domain.firm import Firm, Mailbox
from gateway.domain.record import SyncState
from gateway.inbound.tail import Tail
from gateway.inbound.watch import Watch

log = structlog.get_logger()

BROKEN_WAIT = 60.0  # seconds: a fault of ours does not go away by itself, and its trace is in the log each time


class Tails:
    """Runs until cancelled. One tail that breaks in an unforeseen way is started again and takes no other down."""

    def __init__(self, watch: Watch, *, trust: Path | None) -> None:
        self._watch = watch
        self._trust = trust
        self._changed = asyncio.Event()
        self._running: dict[str, tuple[Mailbox, Tail, asyncio.Task[None]]] = {}

    def firm_changed(self, old: Firm, new: Firm) -> None:
        """Tails follow the new accounts; those that stay look for history, and note whose mail is passed over now."""
        self._changed.set()
        if new.sought.keys() != old.sought.keys():
            for _, tail, _ in self._running.values():
                tail.wake()

    def restart(self, key: str) -> bool:
        """Look again now, also where a refused sign-in had stopped the tail; False when there is no such mailbox."""
        if key not in self._watch.firm().mailbox_by_key:
            return False
        running = self._running.get(key)
        if running is not None and not running[2].done():
            running[1].wake()
        else:
            self._running.pop(key, None)
            self._changed.set()
        return True

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._changed.clear()
                await self._end_changed()
                for key, mailbox in self._watch.firm().mailbox_by_key.items():
                    if key not in self._running:
                        tail = Tail(self._watch, mailbox, trust=self._trust)
                        task = tasks.create_task(self._keep(tail, mailbox), name=f"tail {key}")
                        self._running[key] = (mailbox, tail, task)
                await self._changed.wait()

    async def _end_changed(self) -> None:
        wanted = self._watch.firm().mailbox_by_key
        for key, (mailbox, _, task) in list(self._running.items()):
            if key not in wanted or _account(wanted[key]) != _account(mailbox):
                task.cancel()
                await asyncio.wait([task])
                del self._running[key]
                if key not in wanted:
                    await self._note_end(key)

    async def _note_end(self, key: str) -> None:
        try:
            await self._watch.store.sync.set_state(key, SyncState.OFF, self._watch.now())
        except (NoSpace, TemporaryFailure) as error:  # the other tails are worth more than what status says of this one
            log.error("state-not-kept", mailbox=key, state=SyncState.OFF.value, error=error.sentence)

    async def _keep(self, tail: Tail, mailbox: Mailbox) -> None:
        """A fault of ours in one tail is logged with its trace, shown in status, and tried again after a minute."""
        while True:
            try:
                await tail.run()
                return
            except Exception:
                log.exception("tail-broke", mailbox=mailbox.key)
                sentence = "an internal error; the gateway's log has the details, and it tries again every minute"
                await tail.broke(sentence)
                await asyncio.sleep(BROKEN_WAIT)

    async def halt(self, key: str) -> bool:
        """Follow it no more until `restart`, or until its account changes; also before `run`. False: there is none."""
        mailbox = self._watch.firm().mailbox_by_key.get(key)
        if mailbox is None:
            return False
        if key not in self._running:
            nothing = asyncio.create_task(asyncio.sleep(0), name=f"no tail {key}")
            self._running[key] = (mailbox, Tail(self._watch, mailbox, trust=self._trust), nothing)
        task = self._running[key][2]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return True

    def is_halted(self, key: str) -> bool:
        """Whether its tail has ended and waits for a person."""
        running = self._running.get(key)
        return running is not None and running[2].done()


def _account(mailbox: Mailbox) -> tuple[object, ...]:
    """What a tail depends on; all else it asks the firm for."""
    return (
        mailbox.imap,
        mailbox.username,
        mailbox.password,
        mailbox.folders,
        mailbox.save_attachments,
        mailbox.authserv_id,
    )
