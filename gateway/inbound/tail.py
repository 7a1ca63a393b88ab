"""The tail of one mailbox: connects, keeps its folders up to date, waits in IDLE, and comes back after any failure."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path

import structlog

from gateway.domain.errors import NoSpace, PosternError, SignInRefused, TemporaryFailure, UpstreamError
from gateway.domain.firm import Mailbox
from gateway.domain.record import EventKind, SyncState
from gateway.inbound.folder import FolderRounds, Watch
from gateway.upstream.imap.folders import default_folders
from gateway.upstream.imap.session import ImapSession, open_session

log = structlog.get_logger()

RENEW_IDLE = 9 * 60.0  # seconds; below the ten minutes after which some providers and NATs drop a silent connection
POLL = 5 * 60.0  # seconds between rounds over folders that no connection idles on
IDLING = 2  # folders with a connection of their own: INBOX and Sent; the others share a third
FIRST_WAIT = 1.0  # seconds; doubled with each failure in a row
LONGEST_WAIT = 5 * 60.0
OUTSIDE = (UpstreamError, NoSpace, TemporaryFailure)  # what comes and goes without a fault of ours


class Tail:
    """Runs until cancelled, or until the provider refuses the sign-in: then it stops and says so, once."""

    def __init__(self, watch: Watch, mailbox: Mailbox, *, trust: Path | None) -> None:
        self._watch = watch
        self._mailbox = mailbox
        self._trust = trust
        self._failures = 0
        self._behind: set[str] = set()
        self._idle: set[ImapSession] = set()
        self._restless = asyncio.Event()

    def wake(self) -> None:
        """Look again now: an address was added, or somebody asked."""
        self._restless.set()
        for session in self._idle:
            session.wake()

    async def run(self) -> None:
        while True:
            error = await self._until_failure()
            if isinstance(error, SignInRefused):
                await self._stop(error)
                return
            await self._retry(error)

    async def _until_failure(self) -> PosternError:
        """Follows until something outside fails; a fault of ours is raised as it is."""
        try:
            await self.say(SyncState.CONNECTING)
            await self._follow()
        except BaseExceptionGroup as group:
            outside, ours = group.split(OUTSIDE)
            if outside is None or ours is not None:
                raise
            return _telling(outside)
        except OUTSIDE as error:
            return error
        raise AssertionError("following ends only by a failure")

    async def _follow(self) -> None:
        """One connection a folder for the first ones, one for all the rest; any that fails ends them all."""
        async with asyncio.TaskGroup() as followers:
            session = await self._open()
            folders = await self._folders(session)
            self._behind = set(folders)
            first, *others = folders[:IDLING]
            followers.create_task(self._stay(session, first), name=f"{self._mailbox.key} {first}")
            for folder in others:
                followers.create_task(self._connect_and_stay(folder), name=f"{self._mailbox.key} {folder}")
            if folders[IDLING:]:
                followers.create_task(self._rove(folders[IDLING:]), name=f"{self._mailbox.key} other folders")

    async def _open(self) -> ImapSession:
        box = self._mailbox
        return await open_session(box.imap, box.username, box.password, trust=self._trust)

    async def _folders(self, session: ImapSession) -> Sequence[str]:
        if self._mailbox.folders:
            return self._mailbox.folders
        return default_folders(await session.folders())

    async def _connect_and_stay(self, folder: str) -> None:
        await self._stay(await self._open(), folder)

    async def _stay(self, session: ImapSession, folder: str) -> None:
        """Rounds on one folder, each after something happened there (or nothing for a while)."""
        rounds = FolderRounds(self._watch, self._mailbox, folder)
        try:
            while True:
                await self._round(session, rounds, folder)
                self._idle.add(session)
                await session.idle(RENEW_IDLE)
                self._idle.discard(session)
        finally:
            self._idle.discard(session)
            session.abort()

    async def _rove(self, folders: Sequence[str]) -> None:
        session = await self._open()
        try:
            while True:
                self._restless.clear()
                for folder in folders:
                    await self._round(session, FolderRounds(self._watch, self._mailbox, folder), folder)
                try:
                    async with asyncio.timeout(POLL):
                        await self._restless.wait()
                except TimeoutError:
                    continue
        finally:
            session.abort()

    async def _round(self, session: ImapSession, rounds: FolderRounds, folder: str) -> None:
        if await rounds.waiting():
            self._behind.add(folder)
            await self.say(SyncState.BACKFILLING)
        await rounds.round(session)
        self._behind.discard(folder)
        if not self._behind:
            self._failures = 0  # only now: a server that lets us in and then fails must not be hammered
            await self._watch.store.sync.synced(self._mailbox.key, self._watch.now())
            await self.say(SyncState.LIVE)

    async def _retry(self, error: PosternError) -> None:
        self._failures += 1
        wait = min(FIRST_WAIT * 2 ** min(self._failures - 1, 20), LONGEST_WAIT) * random.uniform(0.5, 1)  # noqa: S311
        log.warning("tail-retries", mailbox=self._mailbox.key, error=error.sentence, wait=round(wait, 1))
        await self.say(SyncState.RETRYING, error.sentence)
        self._restless.clear()
        try:
            async with asyncio.timeout(wait):
                await self._restless.wait()
        except TimeoutError:
            return

    async def _stop(self, error: PosternError) -> None:
        sentence = (
            f"{self._mailbox.address} is not synced: the provider refuses its user name or password. "
            "Put the right ones in the firm file and run `postern apply`."
        )
        log.error("tail-stopped", mailbox=self._mailbox.key, error=error.sentence, detail=error.detail)
        await self.say(SyncState.STOPPED, sentence)
        await self._watch.store.feed.add(EventKind.SYNC_STOPPED, self._watch.now(), sentence, mailbox=self._mailbox.key)

    async def say(self, state: SyncState, detail: str = "") -> None:
        """Keeps how the link stands; what can't be kept is logged."""
        try:
            await self._watch.store.sync.set_state(self._mailbox.key, state, self._watch.now(), detail)
        except (NoSpace, TemporaryFailure) as error:  # the tail is worth more than what status says of it
            log.error("state-not-kept", mailbox=self._mailbox.key, state=state.value, error=error.sentence)


def _telling(group: BaseExceptionGroup[PosternError]) -> PosternError:
    """The refused sign-in if there is one, else any: followers of a mailbox fail for one reason."""
    refused = group.subgroup(SignInRefused)
    leaf: BaseException = group if refused is None else refused
    while isinstance(leaf, BaseExceptionGroup):
        leaf = leaf.exceptions[0]
    assert isinstance(leaf, PosternError)
    return leaf
