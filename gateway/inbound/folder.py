"""One folder of one mailbox, brought up to date: history of clients' addresses first, then what is new.

A round is idempotent: it may be cut anywhere, and the next one finds what is missing. Each message is filed in one
transaction with the cursor, in the order of UIDs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

import structlog

from gateway.domain.address import Address
from gateway.domain.errors import PosternError, TooLarge
from gateway.domain.firm import Firm, Mailbox
from gateway.domain.record import Cursor, EventKind, Location, NewFiling
from gateway.inbound.filing import filing_of, whose
from gateway.mime.facts import facts
from gateway.policy.cursor import PlanKind, reconcile
from gateway.store.store import Store
from gateway.upstream.imap.session import HeaderRow, ImapSession

log = structlog.get_logger()

T = TypeVar("T")

HEADERS_AT_ONCE = 200  # headers of one command: about half a megabyte
ADDRESSES_AT_ONCE = 10  # in one SEARCH: measured as a sixth of the server's time of one SEARCH an address
LARGEST = 100 * 1024 * 1024  # octets; twice what large providers take; larger ones are set aside
OFF_THE_LOOP = 256 * 1024  # octets; taking more than this apart would hold other mailboxes up


@dataclass(frozen=True, slots=True)
class Watch:
    """What every folder's follower shares."""

    store: Store
    firm: Callable[[], Firm]
    now: Callable[[], datetime]


class FolderRounds:
    """Brings one folder up to date, round by round."""

    def __init__(self, watch: Watch, mailbox: Mailbox, folder: str) -> None:
        self._store = watch.store
        self._firm = watch.firm
        self._now = watch.now
        self._mailbox = mailbox
        self._folder = folder

    async def round(self, session: ImapSession) -> int:
        """One round; how many messages were filed. Raises `UpstreamError` when the connection fails."""
        state = await session.examine(self._folder)
        known = await self._store.sync.cursor(self._mailbox.key, self._folder)
        plan = reconcile(known, self._mailbox.key, self._folder, state.uidvalidity, state.uidnext, state.highestmodseq)
        if plan.kind is not PlanKind.CONTINUE:
            log.info("folder", mailbox=self._mailbox.key, folder=self._folder, kind=plan.kind.value)
            await self._store.sync.renew(plan.cursor)
        filed = await self._history(session, plan.cursor, announce=plan.kind is PlanKind.RENEWED)
        return filed + await self._new(session, plan.cursor, state.uidnext)

    async def waiting(self) -> frozenset[str]:
        """Keys of synced addresses whose history in this folder was not looked for yet."""
        return self._firm().synced_keys - await self._store.sync.backfilled(self._mailbox.key, self._folder)

    async def _history(self, session: ImapSession, cursor: Cursor, *, announce: bool) -> int:
        filed = 0
        for keys in _chunks(sorted(await self.waiting()), ADDRESSES_AT_ONCE):
            addresses = _addresses(self._firm(), keys)
            hits = await session.search_addresses(addresses, cursor.uidnext)
            known = await self._store.record.known_uids(self._mailbox.key, self._folder, cursor.uidvalidity)
            for uids in _chunks([uid for uid in hits if uid not in known], HEADERS_AT_ONCE):
                for row in await session.fetch_headers(0, None, uids=uids):
                    filed += await self._look(session, row, cursor.uidvalidity, None, announce=announce)
            await self._store.sync.mark_backfilled(self._mailbox.key, self._folder, keys)
        return filed

    async def _new(self, session: ImapSession, cursor: Cursor, uidnext: int) -> int:
        """All from the cursor on: in strides up to UIDNEXT, then once more openly for what came in meanwhile."""
        filed = 0
        while True:
            last = cursor.uidnext + HEADERS_AT_ONCE - 1 if cursor.uidnext + HEADERS_AT_ONCE <= uidnext else None
            rows = await session.fetch_headers(cursor.uidnext, last)
            for row in sorted(rows, key=lambda one: one.uid):
                moved = replace(cursor, uidnext=row.uid + 1)
                filed += await self._look(session, row, cursor.uidvalidity, moved, announce=True)
                cursor = moved
            if last is not None:
                cursor = replace(cursor, uidnext=last + 1)
            if rows or last is not None:
                await self._store.sync.move(cursor)
            if last is None and not rows:
                return filed

    async def _look(
        self, session: ImapSession, row: HeaderRow, uidvalidity: int, cursor: Cursor | None, *, announce: bool
    ) -> int:
        """One header: fetched whole and filed if it is a client's; one broken message stops nothing."""
        location = Location(self._mailbox.key, self._folder, uidvalidity, row.uid)
        try:
            if not whose(self._firm(), row.header):
                return 0
            if await self._store.record.resight(location, facts(row.header).message_id, row.size):
                return 0
            if row.size > LARGEST:
                await self._set_aside(location, cursor, f"larger than {LARGEST // 2**20} MiB")
                return 0
            raw = await session.fetch_body(row.uid, LARGEST)
            return 0 if raw is None else await self._file(raw, location, cursor, announce=announce)
        except TooLarge as error:
            await self._set_aside(location, cursor, error.sentence)
            return 0
        except PosternError:
            raise
        except Exception as error:
            log.exception("broken-message", mailbox=self._mailbox.key, folder=self._folder, uid=row.uid)
            await self._set_aside(location, cursor, type(error).__name__)
            return 0

    async def _file(self, raw: bytes, location: Location, cursor: Cursor | None, *, announce: bool) -> int:
        now, firm = self._now(), self._firm()

        def take_apart() -> NewFiling | None:
            return filing_of(firm, self._mailbox, raw, location=location, cursor=cursor, now=now, announce=announce)

        item = await asyncio.to_thread(take_apart) if len(raw) > OFF_THE_LOOP else take_apart()
        if item is None:
            return 0
        filed = await self._store.record.file(item)
        log.info(
            "filed",
            mailbox=location.mailbox,
            folder=location.folder,
            uid=location.uid,
            message=filed.message,
            clients=[name for name, _ in item.clients],
            documents=len(filed.documents),
            new=filed.new,
        )
        return int(filed.new)

    async def _set_aside(self, location: Location, cursor: Cursor | None, reason: str) -> None:
        if not await self._store.sync.skip(location, reason, cursor):
            return
        await self._store.feed.add(
            EventKind.SET_ASIDE,
            self._now(),
            f"A message in {location.folder} of {location.mailbox} (UID {location.uid}) could not be filed: {reason}",
            mailbox=location.mailbox,
        )


def _chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _addresses(firm: Firm, keys: Sequence[str]) -> list[Address]:
    return [firm.clients_by_key[key][0][1].address for key in keys]
