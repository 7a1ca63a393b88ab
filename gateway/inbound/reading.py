"""One message of a folder: whose it is, from the store where we have it, else from the server, and filed.

One that can't be had stops nothing: after a few tries it is set aside, counted, and tried again each day.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from enum import StrEnum

import structlog

from gateway.domain.errors import Conflict, NotFound, PosternError, TooLarge, UpstreamError
from gateway.domain.firm import Mailbox
from gateway.domain.record import Cursor, EventKind, Location, NewFiling
from gateway.inbound.allowance import Allowance
from gateway.inbound.filing import filing_of, whose
from gateway.inbound.watch import Watch
from gateway.mime.facts import facts
from gateway.upstream.imap.session import HeaderRow, ImapSession

log = structlog.get_logger()

LARGEST = 100 * 1024 * 1024  # octets; twice what large providers take; larger ones are set aside
OFF_THE_LOOP = 256 * 1024  # octets; taking more than this apart would hold other mailboxes up
TRIES = 5  # at one message over which the connection breaks or the server refuses: the wait has grown to 15 s by then


class Looked(StrEnum):
    """What became of it."""

    FILED = "filed"  # new to a client
    PASSED = "passed"  # no client's, known, or gone
    ASIDE = "aside"


class Reading:
    """Of one folder; it outlives connections, since it remembers over which message they broke."""

    def __init__(self, watch: Watch, mailbox: Mailbox, folder: str, allowance: Allowance) -> None:
        self._watch = watch
        self._mailbox = mailbox
        self._folder = folder
        self._allowance = allowance
        self._stumbles: Counter[tuple[int, int]] = Counter()

    def stumble(self, uidvalidity: int, uid: int) -> None:
        """It could not be had this time."""
        self._stumbles[uidvalidity, uid] += 1

    def is_hopeless(self, uidvalidity: int, uid: int) -> bool:
        """Whether it is to be set aside before it is asked for again."""
        return self._stumbles[uidvalidity, uid] >= TRIES

    async def look(
        self, session: ImapSession, row: HeaderRow, uidvalidity: int, cursor: Cursor | None, *, announce: bool
    ) -> Looked:
        """File it if it is a client's. UpstreamError where the server fails, as often as it may."""
        location = Location(self._mailbox.key, self._folder, uidvalidity, row.uid)
        self._allowance.spend(len(row.header), self._watch.now().date())
        try:
            if not whose(self._watch.firm(), row.header):
                return Looked.PASSED
            if row.size > LARGEST:
                return await self.set_aside(location, cursor, f"larger than {LARGEST // 2**20} MiB")
            async with self._watch.room.take(row.size):
                return await self._take(session, row, location, cursor, announce=announce)
        except TooLarge as error:
            return await self.set_aside(location, cursor, error.sentence)
        except PosternError:
            raise
        except Exception as error:
            log.exception("broken-message", mailbox=self._mailbox.key, folder=self._folder, uid=row.uid)
            return await self.set_aside(location, cursor, type(error).__name__)

    async def set_aside(self, location: Location, cursor: Cursor | None, reason: str) -> Looked:
        """Go past it, and say so once."""
        self._stumbles.pop((location.uidvalidity, location.uid), None)
        if await self._watch.store.sync.skip(location, reason, cursor):
            sentence = (
                f"A message in {location.folder} of {location.mailbox} (UID {location.uid}) could not be filed: "
                f"{reason.rstrip('.')}. It is tried again each day."
            )
            await self._watch.store.feed.add(EventKind.SET_ASIDE, self._watch.now(), sentence, mailbox=location.mailbox)
        return Looked.ASIDE

    async def _take(
        self, session: ImapSession, row: HeaderRow, location: Location, cursor: Cursor | None, *, announce: bool
    ) -> Looked:
        raw = await self._stored(row, location) or await self._fetched(session, row, location)
        if raw is None:
            if row.uid in await session.uids(row.uid, row.uid):
                return await self.set_aside(location, cursor, "the server gives its header but not the whole of it")
            return Looked.PASSED
        return await self._file(raw, location, cursor, announce=announce)

    async def _stored(self, row: HeaderRow, location: Location) -> bytes | None:
        """The message where the store has it: moved here, or renumbered.

        The header has to be the same to the octet, and to hold what a server wrote on its way (Received), unless the
        message lay in this folder before: a sender can repeat a Message-ID, but not that.
        """
        store = self._watch.store
        on_its_way = b"\nreceived:" in b"\n" + row.header.lower()
        for one in await store.sync.lookalikes(location, facts(row.header).message_id, row.size):
            if not on_its_way and not one.was_here:
                continue
            try:
                raw = await store.bodies.get(one.sha256)
            except (Conflict, NotFound) as error:
                log.warning("stored-message-unusable", sha256=one.sha256, error=error.sentence)
                continue
            if raw.startswith(row.header):
                return raw
        return None

    async def _fetched(self, session: ImapSession, row: HeaderRow, location: Location) -> bytes | None:
        try:
            raw = await session.fetch_body(row.uid, LARGEST)
        except UpstreamError:
            self.stumble(location.uidvalidity, row.uid)
            raise
        self._stumbles.pop((location.uidvalidity, row.uid), None)
        self._allowance.spend(len(raw or b""), self._watch.now().date())
        return raw

    async def _file(self, raw: bytes, location: Location, cursor: Cursor | None, *, announce: bool) -> Looked:
        now, firm = self._watch.now(), self._watch.firm()

        def take_apart() -> NewFiling | None:
            return filing_of(firm, self._mailbox, raw, location=location, cursor=cursor, now=now, announce=announce)

        item = await asyncio.to_thread(take_apart) if len(raw) > OFF_THE_LOOP else take_apart()
        if item is None:
            return Looked.PASSED
        filed = await self._watch.store.record.file(item)
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
        return Looked.FILED if filed.new else Looked.PASSED
