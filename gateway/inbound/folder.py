"""One folder of one mailbox, brought up to date: what is new, history of clients' addresses, and what is gone.

A round is idempotent: it may be cut anywhere, and the next one finds what is missing. Messages are filed in one
transaction with the cursor, in the order of UIDs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import structlog

from gateway.domain.errors import CommandRefused, UpstreamError
from gateway.domain.firm import Mailbox
from gateway.domain.record import Cursor, Location
from gateway.inbound.allowance import Allowance
from gateway.inbound.filing import is_sent
from gateway.inbound.hits import Hit, cut, hits, looked_at
from gateway.inbound.line import Line
from gateway.inbound.progress import Progress
from gateway.inbound.reading import Looked, Reading
from gateway.inbound.watch import Watch
from gateway.policy.cursor import PlanKind, Sight, may_have_lost, reconcile, within
from gateway.policy.patience import asked_for
from gateway.store.sync import Stand
from gateway.upstream.imap.session import FolderState, HeaderRow, ImapSession, Since

log = structlog.get_logger()

T = TypeVar("T")

HEADERS_AT_ONCE = 200  # headers of one command: about half a megabyte
ROWS_ON_THE_LOOP = 10  # more headers are looked at in a thread, so that nobody waits for it
ADDRESSES_AT_ONCE = 10  # in one SEARCH: measured as a sixth of the server's time of one SEARCH an address
AGAIN = timedelta(days=1)  # what was set aside is tried as often
ASK_AGAIN = timedelta(hours=1)  # what went is searched for meanwhile, which costs little


class FolderRounds:
    """Brings one folder up to date, round by round; it outlives the connections that the rounds run on."""

    def __init__(self, watch: Watch, mailbox: Mailbox, folder: str, allowance: Allowance) -> None:
        self._watch = watch
        self._store = watch.store
        self._firm = watch.firm
        self._now = watch.now
        self._mailbox = mailbox
        self._folder = folder
        self._allowance = allowance
        self._reading = Reading(watch, mailbox, folder, allowance)
        self._progress = Progress(watch, mailbox, folder)
        self._stride = HEADERS_AT_ONCE
        self._sight: Sight | None = None  # when we last compared what lies there with what we know
        self._settled = False
        self._tried_again: datetime | None = None
        self._compared: datetime | None = None  # when all that lies there was last compared, or we began to follow
        self._exists = 0
        self._broke: datetime | None = None  # when the server was asked what went since, and that had no end
        self._stand: tuple[int, Stand] | None = None  # as the database has it, and after how many resets
        self.paused = False  # history waits: the provider's allowance for today is used up

    async def round(self, session: ImapSession) -> int:
        """One round; how many messages were filed. Raises `UpstreamError` when the connection fails."""
        try:
            return await self._round(session)
        except BaseException:
            self._stand = None
            raise

    async def _round(self, session: ImapSession) -> int:
        state = await self._examined(session, (await self._known()).cursor)
        known = (await self._known()).cursor  # a reset may have come in between
        plan = reconcile(known, self._mailbox.key, self._folder, state.uidvalidity, state.uidnext, state.highestmodseq)
        if plan.kind is not PlanKind.CONTINUE:
            log.info("folder", mailbox=self._mailbox.key, folder=self._folder, kind=plan.kind.value)
            await self._store.sync.renew(plan.cursor)
            self._settled, self._sight, self._compared = False, None, None
            self._stand = None
            state = replace(state, vanished=None)
        self._cursor = plan.cursor
        await self._unmark()
        filed = await self._again(session) + await self._new(session)
        filed += await self._history(session, announce=plan.kind is PlanKind.RENEWED)
        if plan.kind is PlanKind.CONTINUE:
            filed += await self._relabelled(session, state)
        await self._compare(session, state)
        if state.highestmodseq > self._cursor.highestmodseq:
            self._cursor = replace(self._cursor, highestmodseq=state.highestmodseq)
            await self._store.sync.move(self._cursor)
        self._note(cursor=self._cursor)
        return filed

    async def _known(self) -> Stand:
        """How the folder stands; read anew where the mailbox was reset, or a round came to no end."""
        resets = self._store.sync.resets
        if self._stand is None or self._stand[0] != resets:
            self._stand = resets, await self._store.sync.stand(self._mailbox.key, self._folder)
        return self._stand[1]

    def _note(self, *, cursor: Cursor | None = None, marked: Iterable[str] = (), unmarked: Iterable[str] = ()) -> None:
        """What was just written to the database; where a reset came before or behind it, it is read again."""
        if self._stand is None or self._stand[0] != self._store.sync.resets:
            self._stand = None
            return
        stand = self._stand[1]
        backfilled = stand.backfilled.union(marked).difference(unmarked)
        self._stand = self._stand[0], Stand(cursor or stand.cursor, backfilled)

    async def _examined(self, session: ImapSession, known: Cursor | None) -> FolderState:
        """With what went since we looked; after a failure not so for a while: a server may break over the question."""
        now, broke = self._now(), self._broke
        asks = broke is None or not timedelta(0) <= now - broke < ASK_AGAIN
        since = Since(known.uidvalidity, known.highestmodseq) if asks and known and known.highestmodseq else None
        if since is not None:
            self._broke = now
        state = await session.examine(self._folder, since)
        if since is not None:
            self._broke = None
        return state

    async def waiting(self) -> frozenset[str]:
        """Keys of synced addresses and domains whose history in this folder was not looked for yet."""
        sought = frozenset(self._firm().sought)
        return sought - (await self._known()).backfilled

    def is_due(self) -> bool:
        """Whether a round is wanted though nothing happened: to try again what was set aside."""
        at = self._tried_again
        return at is None or not timedelta(0) <= self._now() - at < AGAIN

    async def _unmark(self) -> None:
        """What comes while an address is not synced is not filed; its history is owed again once it is."""
        marked = (await self._known()).backfilled
        off = marked - self._firm().sought.keys()
        if off:
            await self._store.sync.unmark(self._mailbox.key, self._folder, off)
            self._note(unmarked=off)

    async def _new(self, session: ImapSession) -> int:
        """All from the cursor on, until there is no more, as far as the server has told."""
        filed = 0
        while True:
            self._exists = session.exists
            left = await session.uids(self._cursor.uidnext)
            if not left:
                return filed
            async with Line(self._watch, self._reading, session) as line:
                while left:
                    some, decided = left[: self._stride], self._firm().revision
                    for batch in await self._batches(await self._headers(session, some), new=True):
                        filed += await line.put(batch)
                    filed += await line.drain()
                    behind = replace(self._cursor, uidnext=some[-1] + 1)
                    if await self._moved(behind, decided):
                        self._cursor, left = behind, left[len(some) :]
            if session.exists == self._exists:
                return filed

    async def _moved(self, behind: Cursor, decided: int) -> bool:
        """False where the firm was changed meanwhile: what was nobody's may be somebody's, and is looked at again.

        Outdated where it is changed at this moment: then the next round does that.
        """
        if self._firm().revision != decided:
            return False
        await self._store.sync.move(behind, decided=decided)
        return True

    async def _history(self, session: ImapSession, *, announce: bool) -> int:
        """Clients' mail below the cursor."""
        filed = 0
        self.paused = False
        if waiting := sorted(await self.waiting()):
            await self._progress.begin(waiting)
            with self._watch.histories.one():
                filed = await self._all_found(session, announce=announce)
            if self.paused:
                return filed
            await self._progress.end()
        if not self._settled:
            await self._store.sync.settle(self._mailbox.key, self._folder)
            self._settled = True
        return filed

    async def _all_found(self, session: ImapSession, *, announce: bool) -> int:
        """A few addresses at a time, until none waits or history has to."""
        filed = 0
        while keys := sorted(await self.waiting())[:ADDRESSES_AT_ONCE]:
            sought = self._firm().sought
            addresses = [sought[key] for key in keys if key in sought]
            found = await session.search_addresses(addresses, self._cursor.uidnext) if addresses else []
            filed += await self._found(session, found, announce=announce)
            if self.paused:
                break
            await self._store.sync.mark_backfilled(self._mailbox.key, self._folder, keys)
            self._note(marked=keys)
        return filed

    async def _found(self, session: ImapSession, found: Sequence[int], *, announce: bool) -> int:
        """What a search found. New mail does not wait for it: it is taken in between."""
        filed = 0
        aside = await self._store.sync.set_aside(self._mailbox.key, self._folder, self._cursor.uidvalidity)
        found = [uid for uid in found if uid not in aside]
        await self._progress.found(len(found))
        over = 0  # dealt with, and not noted yet
        async with Line(self._watch, self._reading, session) as line:
            for uids in _chunks(found, self._stride):
                rows, came = await line.filing(self._headers(session, uids))
                filed += came
                left = len(uids)
                for batch in await self._batches(rows, announce=announce):
                    self.paused = self._allowance.is_spent(self._now().date())
                    if self.paused:
                        log.info("history-waits", mailbox=self._mailbox.key, folder=self._folder)
                        return filed + await self._noting(over, line.drain())
                    filed += await self._noting(over, line.put(batch))
                    await self._note_use()
                    over, left = len(batch), left - len(batch)
                    if session.exists > self._exists:
                        filed += await self._new(session)
                over += left  # known already, or no client's after all
            return filed + await self._noting(over, line.drain())

    async def _noting(self, over: int, meanwhile: Awaitable[int]) -> int:
        """What that comes to; that so many were dealt with is noted beside it, so that nobody waits for the disk."""
        noting = asyncio.create_task(self._progress.done(over), name="noting how far it is")
        try:
            return await meanwhile
        finally:
            await asyncio.gather(noting)

    async def _batches(self, rows: Sequence[HeaderRow], *, new: bool = False, announce: bool = True) -> list[list[Hit]]:
        """What is clients' and not filed for all of them yet, as it is to be taken."""
        if not rows:
            return []
        self._allowance.spend(sum(len(row.header) for row in rows), self._now().date())
        await self._note_use()
        found = await self._hits(rows, new=new, announce=announce)
        validity = self._cursor.uidvalidity
        known = await self._store.sync.filed(self._mailbox.key, self._folder, validity, rows[0].uid, rows[-1].uid)
        found = [hit for hit in found if hit.may_be_bounce or not hit.clients <= known.get(hit.row.uid, frozenset())]
        return list(cut(found, self._reading.is_suspect))

    async def _note_use(self) -> None:
        """So that a restart does not begin the day anew."""
        today = self._now().date()
        used = self._allowance.to_note(today)
        if used is not None:
            await self._store.sync.note_downloaded(self._mailbox.key, today, used)

    async def _hits(self, rows: Sequence[HeaderRow], *, new: bool, announce: bool) -> list[Hit]:
        firm, to = self._firm(), self._cursor if new else None
        look = partial(looked_at, firm, rows, announce=announce)
        looks = await asyncio.to_thread(look) if len(rows) > ROWS_ON_THE_LOOP else look()
        asked = {name for look in looks for name in look.asks}
        holders = await self._store.record.holders(asked) if asked else {}
        return hits(firm, looks, holders, self._lying, to=to, announce=announce)

    async def _headers(self, session: ImapSession, uids: Sequence[int]) -> list[HeaderRow]:
        """In the order of UIDs. Where the server fails the next try asks for fewer, down to the one it fails over."""
        validity = self._cursor.uidvalidity
        asked = [uid for uid in uids if not self._reading.is_hopeless(validity, uid)]
        try:
            rows = await session.fetch_headers(0, None, uids=asked) if asked else []
        except UpstreamError:
            if len(asked) == 1:
                self._reading.stumble(validity, asked[0])
            self._stride = max(1, self._stride // 8)
            raise
        self._stride = min(self._stride * 2, HEADERS_AT_ONCE)
        missing = set(uids) - {row.uid for row in rows}
        if missing:
            there = set(await session.uids(min(missing), max(missing)))
            for uid in sorted(missing & there):
                await self._reading.set_aside(self._at(uid), None, "the server does not give its header")
        return sorted(rows, key=lambda row: row.uid)

    async def _again(self, session: ImapSession) -> int:
        """What was set aside, once a day; the time counts from the try, so that one that kills us kills us once."""
        if not self.is_due():
            return 0
        self._tried_again = self._now()
        filed, validity = 0, self._cursor.uidvalidity
        for uid in await self._store.sync.set_aside(self._mailbox.key, self._folder, validity):
            try:
                rows = await session.fetch_headers(0, None, uids=[uid])
                found = await self._hits(rows, new=False, announce=True)
                looks = [await self._reading.look(session, hit) for hit in found]
            except CommandRefused as error:
                if asked_for(f"{error.sentence} {error.detail}"):  # it is not about the message
                    raise
                log.info("still-set-aside", mailbox=self._mailbox.key, folder=self._folder, uid=uid, why=error.detail)
                continue
            if rows and Looked.ASIDE not in looks:
                await self._store.sync.taken_up(self._at(uid))
                filed += looks.count(Looked.FILED)
        return filed

    async def _relabelled(self, session: ImapSession, state: FolderState) -> int:
        """Labels that changed since the last round; what was a draft and has been sent is new mail."""
        since, validity = self._cursor.highestmodseq, state.uidvalidity
        if not 0 < since < state.highestmodseq:
            return 0
        found = await session.relabelled(min(self._cursor.uidnext, state.uidnext), since)
        if not found:
            return 0
        filed = await self._store.sync.filed(self._mailbox.key, self._folder, validity, min(found), max(found))
        await self._store.sync.relabel(
            self._mailbox.key, self._folder, validity, {uid: found[uid] for uid in found.keys() & filed.keys()}
        )
        sent = sorted(uid for uid in found.keys() - filed.keys() if is_sent(found[uid]))
        came = 0
        async with Line(self._watch, self._reading, session) as line:
            for uids in _chunks(sent, self._stride):
                for batch in await self._batches(await self._headers(session, uids)):
                    came += await line.put(batch)
            return came + await line.drain()

    async def _compare(self, session: ImapSession, state: FolderState) -> None:
        """Forget the places of what was expunged or moved away; asked for only where something can have gone."""
        sight = Sight(state.uidvalidity, state.uidnext, state.exists)
        told = state.vanished if self._is_trusted() else None
        if told or (told is None and may_have_lost(self._sight, sight)):
            # First what we know, then what is there: what the sent copies add in between is not taken for lost.
            places = await self._store.sync.places(self._mailbox.key, self._folder, state.uidvalidity)
            ours = {uid for uid in places if uid < state.uidnext}
            gone = within(ours, told) if told is not None else await self._missing(session, ours)
            if gone:
                log.info("gone", mailbox=self._mailbox.key, folder=self._folder, messages=len(gone))
                await self._store.sync.gone(self._mailbox.key, self._folder, state.uidvalidity, gone)
        self._sight = sight

    def _is_trusted(self) -> bool:
        """Whether the server's word of what went will do (RFC 7162): once a day we look for ourselves."""
        now = self._now()
        if self._compared is not None and timedelta(0) <= now - self._compared < AGAIN:
            return True
        first, self._compared = self._compared is None, now
        if not first:
            self._sight = None
        return first

    async def _missing(self, session: ImapSession, ours: set[int]) -> set[int]:
        return ours.difference(await session.uids(min(ours), max(ours))) if ours else set()

    def _at(self, uid: int) -> Location:
        return Location(self._mailbox.key, self._folder, self._cursor.uidvalidity, uid)

    def _lying(self, row: HeaderRow) -> Location:
        validity = self._cursor.uidvalidity
        return Location(self._mailbox.key, self._folder, validity, row.uid, row.number, row.labels)


def _chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
