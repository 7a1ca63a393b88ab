"""One message of a folder: whose it is, from the store where we have it, else from the server, and filed.

One that can't be had stops nothing: after a few tries it is set aside, counted, and tried again each day.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum

import structlog

from gateway.domain.errors import Conflict, NotFound, Outdated, PosternError, TooLarge, UpstreamError
from gateway.domain.firm import Mailbox
from gateway.domain.large import Mail
from gateway.domain.record import Cursor, EventKind, Filed, Location, NewFiling
from gateway.domain.verdict import Weighed
from gateway.inbound.allowance import Allowance
from gateway.inbound.departed import copies
from gateway.inbound.filing import Said, filing_of
from gateway.inbound.hits import LARGEST, SMALL, Hit
from gateway.inbound.returns import Returns
from gateway.inbound.spools import Spools
from gateway.inbound.watch import Watch
from gateway.inbound.weighing import Given
from gateway.mime.large import mail_begins
from gateway.store.locations import Lookalike
from gateway.upstream.imap.session import ImapSession

log = structlog.get_logger()

OFF_THE_LOOP = 256 * 1024  # octets; taking more than this apart would hold other mailboxes up
DECISIONS = 3  # again where the firm is changed meanwhile; once more, and the mailbox waits for a moment
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
        self._returns = Returns(watch)
        self._stumbles: Counter[tuple[int, int]] = Counter()
        self._suspects: set[tuple[int, int]] = set()

    def stumble(self, uidvalidity: int, uid: int) -> None:
        """It could not be had this time."""
        self._stumbles[uidvalidity, uid] += 1

    def is_hopeless(self, uidvalidity: int, uid: int) -> bool:
        """Whether it is to be set aside before it is asked for again."""
        return self._stumbles[uidvalidity, uid] >= TRIES

    def is_suspect(self, hit: Hit) -> bool:
        """Whether the connection broke when it was fetched, alone or with others."""
        at = hit.location.uidvalidity, hit.location.uid
        return at in self._suspects or at in self._stumbles

    async def look(self, session: ImapSession, hit: Hit, raw: Mail | None = None) -> Looked:
        """File it; ``raw`` where it was fetched already. UpstreamError where the server fails, as often as it may."""
        if self.is_hopeless(hit.location.uidvalidity, hit.location.uid):
            return await self.set_aside(hit.location, hit.cursor, "the server fails over it each time")
        try:
            if hit.row.size > LARGEST:
                return await self.set_aside(hit.location, hit.cursor, f"larger than {LARGEST // 2**20} MiB")
            with Spools(self._watch.store.bodies) as spools:
                return await self._take(session, hit, raw, spools)
        except TooLarge as error:
            return await self.set_aside(hit.location, hit.cursor, error.sentence)
        except PosternError:
            raise
        except Exception as error:
            log.exception("broken-message", mailbox=self._mailbox.key, folder=self._folder, uid=hit.row.uid)
            return await self.set_aside(hit.location, hit.cursor, type(error).__name__)

    async def set_aside(self, location: Location, cursor: Cursor | None, reason: str) -> Looked:
        """Go past it, and say so once."""
        self._had(location)
        if await self._watch.store.sync.skip(location, reason, cursor):
            sentence = (
                f"A message in {location.folder} of {location.mailbox} (UID {location.uid}) could not be filed: "
                f"{reason.rstrip('.')}. It is tried again each day."
            )
            await self._watch.store.feed.add(EventKind.SET_ASIDE, self._watch.now(), sentence, mailbox=location.mailbox)
        return Looked.ASIDE

    async def stored(self, batch: Sequence[Hit]) -> dict[int, Mail]:
        """By UID, the messages that the store has: moved here, or renumbered.

        The header has to be the same to the octet, and to hold what a server wrote on its way (Received), unless the
        message lay in this folder before: a sender can repeat a Message-ID, but not that.
        """
        asked = [(hit.location, hit.said.facts.message_id, hit.row.size) for hit in batch]
        alike = await self._watch.store.sync.lookalikes_all(asked)
        found: dict[int, Mail] = {}
        for hit, some in zip(batch, alike, strict=True):
            raw = await self._same(hit.row.header, some) if some else None
            if raw is not None:
                found[hit.row.uid] = raw
        return found

    async def fetched(self, session: ImapSession, batch: Sequence[Hit], spools: Spools) -> dict[int, Mail]:
        """By UID, those of the messages that are there, cut off where they are larger than `SMALL`."""
        try:
            found = await session.fetch_bodies({hit.row.uid: hit.row.size for hit in batch}, SMALL, spools.another)
        except UpstreamError:
            self._suspects |= {(hit.location.uidvalidity, hit.location.uid) for hit in batch}
            raise
        self._allowance.spend(sum(map(len, found.values())), self._watch.now().date())
        return found

    async def weighed(self, hits: Sequence[Hit], raws: Mapping[int, Mail]) -> list[tuple[Given, Weighed | None]]:
        """Who sent each, as far as that can be said; None for what was written in the mailbox itself."""
        watch, mailbox = self._watch, self._mailbox
        given = await asyncio.to_thread(lambda: [_given(raws[hit.row.uid], hit) for hit in hits])
        asked = [one for one in given if not one.said.sent]
        facts = watch.facts(mailbox.imap.host)
        told = iter(await watch.weigher.all(watch.firm(), mailbox, facts, asked, watch.now()) if asked else ())
        return [(one, None if one.said.sent else next(told)) for one in given]

    async def anew(self, hits: Sequence[Hit]) -> list[Hit]:
        """The same where the firm was changed since: what they answer may lie elsewhere by now."""
        holders = await self._watch.store.record.holders({name for hit in hits for name in hit.said.answers})
        empty = frozenset[str]()
        return [
            replace(hit, answered=empty.union(*(holders.get(name, empty) for name in hit.said.answers)), decided=None)
            for hit in hits
        ]

    def filing(self, hit: Hit, given: Given, weighed: Weighed | None) -> NewFiling | None:
        """What is to be filed of it."""
        firm = self._watch.firm()
        return filing_of(
            firm,
            self._mailbox,
            given.raw,
            given.said,
            location=hit.location,
            cursor=hit.cursor,
            now=self._watch.now(),
            announce=hit.announce,
            matches=hit.matches(firm, given.said),
            weighed=weighed,
            sha256=given.sha256,
        )

    def tell(self, location: Location, item: NewFiling, filed: Filed) -> None:
        """The log's line of a message that was filed."""
        self._had(location)
        log.info(
            "filed",
            mailbox=location.mailbox,
            folder=location.folder,
            uid=location.uid,
            message=filed.message,
            clients=[name for name, _ in item.clients],
            duty=item.duty,
            verdict=item.verdict.standing.value if item.verdict else "",
            new=filed.new,
        )

    def tell_all(self, done: Sequence[tuple[Hit, NewFiling, Filed]]) -> None:
        """A line of the log for each that is news, one for all that are history: of that there may be a million."""
        old = [(hit, filed) for hit, _, filed in done if not hit.announce]
        for hit, item, filed in done:
            if hit.announce:
                self.tell(hit.location, item, filed)
            else:
                self._had(hit.location)
        if old:
            log.info(
                "filed-history",
                mailbox=self._mailbox.key,
                folder=self._folder,
                uids=[hit.location.uid for hit, _ in old],
                messages=[filed.message for _, filed in old],
                new=sum(filed.new for _, filed in old),
            )

    def _had(self, location: Location) -> None:
        at = location.uidvalidity, location.uid
        self._stumbles.pop(at, None)
        self._suspects.discard(at)

    async def _take(self, session: ImapSession, hit: Hit, raw: Mail | None, spools: Spools) -> Looked:
        uid = hit.row.uid
        if raw is None:
            raw = (await self.stored([hit])).get(uid) or await self._fetched(session, hit, spools)
        if raw is None:
            if uid in await session.uids(uid, uid):
                reason = "the server gives its header but not the whole of it"
                return await self.set_aside(hit.location, hit.cursor, reason)
            return Looked.PASSED
        return await self._file(hit, raw)

    async def _same(self, header: bytes, alike: Sequence[Lookalike]) -> Mail | None:
        on_its_way = b"\nreceived:" in b"\n" + header.lower()
        for one in alike:
            if not on_its_way and not one.was_here:
                continue
            try:
                raw = await self._watch.store.bodies.find(one.sha256)
            except (Conflict, NotFound) as error:
                log.warning("stored-message-unusable", sha256=one.sha256, error=error.sentence)
                continue
            if mail_begins(raw, header):
                return raw
        return None

    async def _fetched(self, session: ImapSession, hit: Hit, spools: Spools) -> Mail | None:
        try:
            raw = await session.fetch_body(hit.row.uid, LARGEST, spools.another)
        except UpstreamError:
            self.stumble(hit.location.uidvalidity, hit.location.uid)
            raise
        self._had(hit.location)
        self._allowance.spend(len(raw or b""), self._watch.now().date())
        return raw

    async def _file(self, hit: Hit, raw: Mail) -> Looked:
        for _ in range(DECISIONS):
            try:
                return await self._decide(hit, raw)
            except Outdated as error:
                log.info("decided-again", mailbox=self._mailbox.key, uid=hit.row.uid, why=error.detail)
                (hit,) = await self.anew([hit])
        return await self._decide(hit, raw)

    async def _decide(self, hit: Hit, raw: Mail) -> Looked:
        if hit.may_be_bounce:
            news = await self._returns.take(raw, hit.location, hit.cursor)
            if news is not None:
                return Looked.FILED if news else Looked.PASSED
        large = len(raw) > OFF_THE_LOOP
        ((given, weighed),) = await self.weighed([hit], {hit.row.uid: raw})
        item = await asyncio.to_thread(self.filing, hit, given, weighed) if large else self.filing(hit, given, weighed)
        if item is None or await copies(self._watch.store, self._watch.firm(), [item]):
            return Looked.PASSED
        filed = await self._watch.store.record.file(item)
        self.tell(hit.location, item, filed)
        return Looked.FILED if filed.new else Looked.PASSED


def _given(raw: Mail, hit: Hit) -> Given:
    sha256 = hashlib.sha256(raw).hexdigest() if isinstance(raw, bytes) else raw.sha256
    return Given(raw, sha256, Said.of_mail(raw, hit.said), hit.announce)
