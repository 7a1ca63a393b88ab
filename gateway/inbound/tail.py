"""The tail of one mailbox: connects, keeps its folders up to date, waits in IDLE, and comes back after any failure."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import structlog

from gateway.domain.errors import (
    CommandRefused,
    NoSpace,
    PosternError,
    SignInRefused,
    TemporaryFailure,
    UpstreamError,
)
from gateway.domain.firm import Mailbox
from gateway.domain.record import SyncState
from gateway.inbound.allowance import Allowance
from gateway.inbound.folder import FolderRounds
from gateway.inbound.outage import Outage
from gateway.inbound.watch import Watch
from gateway.policy.cursor import Sight
from gateway.policy.link import Happening, after
from gateway.policy.patience import asked_for, wait_after
from gateway.upstream.imap.folders import Folder, followed, sent_folder
from gateway.upstream.imap.session import ImapSession, open_session

log = structlog.get_logger()

OUTSIDE = (UpstreamError, NoSpace, TemporaryFailure)  # what comes and goes without a fault of ours
SHORTEST_IDLE = 1.0  # seconds: a look over the folders that is due while IDLE starts can wait as long, and news of them
SENT_REST = 2.0  # seconds from one round in Sent to the next: nearly all that comes there is ours, copy after copy


class Tail:
    """Runs until cancelled, or until the provider refuses the sign-in: then it stops and says so, once.

    The first folder has a connection that idles there, and from time to time or when the server tells of them (NOTIFY)
    looks over all the others; the second (Sent) has one that idles too. A third is opened for as long as something in
    the rest has changed.
    """

    def __init__(self, watch: Watch, mailbox: Mailbox, *, trust: Path | None) -> None:
        self._watch = watch
        self._mailbox = mailbox
        self._trust = trust
        self._facts = watch.facts(mailbox.imap.host)
        self._allowance = Allowance(self._facts.download_a_day)
        self._rounds: dict[str, FolderRounds] = {}
        self._sights: dict[str, Sight] = {}  # of the rest, when they were last brought up to date
        self._outage = Outage(watch, mailbox)
        self._state = SyncState.OFF
        self._failures = 0
        self._asked = 0  # how often somebody wanted a look
        self._waking = asyncio.Event()
        self._call = asyncio.Event()  # another one after each call
        self._sent = ""
        self._idle: set[ImapSession] = set()
        self._behind: set[str] = set()
        self._followed: set[str] = set()
        self._due: dict[str, Sight | None] = {}
        self._errand = asyncio.Event()
        self._unread: dict[str, str] = {}  # folders that can't be read now, and why

    def wake(self) -> None:
        """Look again now: an address was added, or somebody asked."""
        self._asked += 1
        self._waking.set()
        self._call.set()
        self._call = asyncio.Event()
        for session in self._idle:
            session.wake()

    async def run(self) -> None:
        today = self._watch.now().date()
        self._allowance.resume(await self._watch.store.sync.downloaded(self._mailbox.key, today), today)
        while True:
            await self._meet(Happening.STARTED)
            error = await self._until_failure()
            if not isinstance(error, SignInRefused):
                await self._retry(error)
                continue
            asked = self._asked
            await self._stop(error)
            if asked == self._asked:  # else somebody has put it right while we said so
                return

    async def broke(self, sentence: str) -> None:
        """Somebody else noticed that we failed."""
        await self._meet(Happening.FAILED, sentence)

    async def _until_failure(self) -> PosternError:
        """Follows until something outside fails; a fault of ours is raised as it is."""
        try:
            await self._follow_apart()
        except BaseExceptionGroup as group:
            outside, ours = group.split(OUTSIDE)
            if outside is None or ours is not None:
                raise
            return _telling(outside)
        except OUTSIDE as error:
            return error
        raise AssertionError("following ends only by a failure")

    async def _follow_apart(self) -> None:
        """In a task of its own: where a follower fails as we are cancelled, Python 3.11 would lose the cancellation."""
        following = asyncio.create_task(self._follow(), name=f"{self._mailbox.key} following")
        try:
            await asyncio.wait([following])
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
        following.result()

    async def _follow(self) -> None:
        """Any connection that fails ends them all."""
        self._behind.clear()
        self._followed.clear()
        self._due.clear()
        async with asyncio.TaskGroup() as followers:
            session = await self._open()
            followers.create_task(self._lead(session, followers), name=f"{self._mailbox.key} first folder")
            followers.create_task(self._rove(), name=f"{self._mailbox.key} other folders")

    async def _open(self) -> ImapSession:
        box = self._mailbox
        await self._watch.door.turn(box.imap.host, self._facts.logins_a_second)
        return await open_session(box.imap, box.username, box.password, trust=self._trust, timeout=self._facts.answer)

    # the first folder, and all of them from time to time

    async def _lead(self, session: ImapSession, followers: asyncio.TaskGroup) -> None:
        clock = asyncio.get_running_loop()
        first, looked_for, looked_at, look_at = "", -1, 0.0, 0.0
        changed = True
        try:
            while True:
                asked = self._asked
                await session.notify()  # again, where it told that it would tell no more
                elsewhere = session.heard_elsewhere()
                if elsewhere:
                    look_at = min(look_at, looked_at + SHORTEST_IDLE)  # however much it has to tell
                if asked != looked_for or clock.time() >= look_at:
                    looked_for, looked_at = asked, clock.time()
                    first = await self._look_around(session, followers)
                    look_at = clock.time() + self._facts.poll
                if changed or not elsewhere:  # news of others say nothing of the first
                    await self._round(session, first)
                limit = min(self._facts.renew_idle, max(look_at - clock.time(), SHORTEST_IDLE))
                changed = asked != self._asked or await self._wait(session, limit)
        finally:
            session.abort()

    async def _look_around(self, session: ImapSession, followers: asyncio.TaskGroup) -> str:
        """Which folders there are, and in which something changed; the first one."""
        listed = await session.folders()
        chosen, missing = followed(listed, self._mailbox.folders)
        if not chosen:
            raise CommandRefused(
                "None of the folders that the mailbox is to be synced from exists there. "
                "Leave `folders` out of its settings, or name those that there are."
            )
        await self._forget_missing(listed)
        self._unread = dict.fromkeys(missing, "there is no such folder")
        sent = sent_folder(listed)
        self._sent = sent.name if sent is not None else ""
        idling, rest = chosen[: self._facts.idled_on], chosen[self._facts.idled_on :]
        for folder in idling:
            if folder not in self._followed:
                self._followed.add(folder)
                self._behind.add(folder)
                if folder != idling[0]:
                    followers.create_task(self._stay(folder), name=f"{self._mailbox.key} {folder}")
        session.listen_for(rest)
        if rest:
            await self._send_out(rest, await session.sights(rest))
        return idling[0]

    async def _forget_missing(self, listed: Sequence[Folder]) -> None:
        """What lay in a folder that was deleted or renamed lies there no more; a list without INBOX is none."""
        there = {folder.name for folder in listed if folder.selectable}
        if "INBOX" not in there:
            return
        for folder in await self._watch.store.sync.folders(self._mailbox.key) - there:
            log.info("folder-gone", mailbox=self._mailbox.key, folder=folder)
            await self._watch.store.sync.forget_folder(self._mailbox.key, folder)
            self._rounds.pop(folder, None)
            self._sights.pop(folder, None)

    async def _send_out(self, rest: Sequence[str], sights: dict[str, Sight]) -> None:
        for folder in rest:
            sight, rounds = sights.get(folder), self._rounds_of(folder)
            if sight is None or sight != self._sights.get(folder) or rounds.is_due() or await rounds.waiting():
                self._due[folder] = sight
                self._behind.add(folder)
        if self._due:
            self._errand.set()

    # the second folder, and the rest

    async def _stay(self, folder: str) -> None:
        """Rounds on one folder, each after something happened there (or nothing for a while)."""
        session, clock = await self._open(), asyncio.get_running_loop()
        try:
            while True:
                asked, begun = self._asked, clock.time()
                await self._round(session, folder)
                if asked == self._asked:
                    await self._wait(session, self._facts.renew_idle)
                if asked == self._asked and folder == self._sent:
                    await self._rest(begun + SENT_REST)
        finally:
            session.abort()

    async def _rest(self, until: float) -> None:
        """Unless somebody asks."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                await self._call.wait()

    async def _rove(self) -> None:
        """Whenever folders are due: a connection, a round on each, and goodbye."""
        while True:
            await self._errand.wait()
            self._errand.clear()
            if not self._due:
                continue
            session = await self._open()
            try:
                while self._due:
                    folder, sight = next(iter(self._due.items()))
                    del self._due[folder]
                    await self._visit(session, folder, sight)
            except BaseException:
                session.abort()
                raise
            await session.close()

    async def _visit(self, session: ImapSession, folder: str, sight: Sight | None) -> None:
        """One that the server refuses is shown and tried again with the next look; the others go on."""
        try:
            await self._round(session, folder)
        except CommandRefused as error:
            if asked_for(f"{error.sentence} {error.detail}"):  # it is we who are refused, and not the folder
                raise
            log.warning("folder-refused", mailbox=self._mailbox.key, folder=folder, error=error.detail)
            self._unread[folder] = error.sentence
            self._behind.discard(folder)
            await self._caught_up()
            return
        if sight is not None and not self._rounds_of(folder).paused:
            self._sights[folder] = sight

    async def _wait(self, session: ImapSession, limit: float) -> bool:
        """Whether something came or went there, or somebody asked."""
        self._idle.add(session)
        try:
            return await session.idle(limit)
        finally:
            self._idle.discard(session)

    def _rounds_of(self, folder: str) -> FolderRounds:
        if folder not in self._rounds:
            self._rounds[folder] = FolderRounds(self._watch, self._mailbox, folder, self._allowance)
        return self._rounds[folder]

    async def _round(self, session: ImapSession, folder: str) -> None:
        rounds = self._rounds_of(folder)
        if await rounds.waiting():
            self._behind.add(folder)
            await self._meet(Happening.BEHIND)
        await rounds.round(session)
        self._unread.pop(folder, None)
        if not rounds.paused:
            self._behind.discard(folder)
        await self._caught_up()

    # how the link stands

    async def _caught_up(self) -> None:
        if self._behind:
            return
        self._failures = 0  # only now: a server that lets us in and then fails must not be hammered
        unread = [f"the folder {folder} is not synced: {why}" for folder, why in sorted(self._unread.items())]
        self._state = after(self._state, Happening.CAUGHT_UP)
        await self._watch.store.sync.synced(self._mailbox.key, self._state, self._watch.now(), "; ".join(unread))
        await self._outage.ended()

    async def _retry(self, error: PosternError) -> None:
        self._waking.clear()  # before anybody can see that we wait
        self._failures += 1
        words = f"{error.sentence} {error.detail}"
        wait = wait_after(self._failures, words, random.random(), first=self._facts.first_wait)  # noqa: S311
        log.warning("tail-retries", mailbox=self._mailbox.key, error=error.sentence, wait=round(wait, 1))
        await self._meet(Happening.FAILED, error.sentence)
        await self._outage.failed(error.sentence)
        try:
            async with asyncio.timeout(wait):
                await self._waking.wait()
        except TimeoutError:
            return

    async def _stop(self, error: PosternError) -> None:
        sentence = (
            f"{self._mailbox.address} is not synced: {error.sentence} "
            "Put what is right in the firm file and run `postern apply`, or let it try again with "
            f"`postern mailbox sync {self._mailbox.key}`."
        )
        log.error("tail-stopped", mailbox=self._mailbox.key, error=error.sentence, detail=error.detail)
        await self._meet(Happening.REFUSED, sentence)
        await self._outage.stopped(sentence)

    async def _meet(self, happening: Happening, detail: str = "") -> None:
        """Keeps how the link stands after this; what can't be kept is logged."""
        self._state = after(self._state, happening)
        try:
            await self._watch.store.sync.set_state(self._mailbox.key, self._state, self._watch.now(), detail)
        except (NoSpace, TemporaryFailure) as error:  # the tail is worth more than what status says of it
            log.error("state-not-kept", mailbox=self._mailbox.key, state=self._state.value, error=error.sentence)


def _telling(group: BaseExceptionGroup[PosternError]) -> PosternError:
    """The refused sign-in if there is one, else any: followers of a mailbox fail for one reason."""
    refused = group.subgroup(SignInRefused)
    leaf: BaseException = group if refused is None else refused
    while isinstance(leaf, BaseExceptionGroup):
        leaf = leaf.exceptions[0]
    assert isinstance(leaf, PosternError)
    return leaf
