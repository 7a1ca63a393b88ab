"""What the gateway does in a firm's mailbox: look (EXAMINE, PEEK), search, fetch, wait, append, mark as answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import overload

import structlog

from gateway import __version__
from gateway.domain.errors import CommandRefused
from gateway.domain.firm import Endpoint, Secret
from gateway.domain.large import Mail
from gateway.policy.cursor import Sight
from gateway.upstream.imap import answered, append, fetch, labels, utf7
from gateway.upstream.imap.answered import Marked
from gateway.upstream.imap.append import Letter, Place
from gateway.upstream.imap.command import Argument, Command, string
from gateway.upstream.imap.connection import Connection
from gateway.upstream.imap.counts import count_folders
from gateway.upstream.imap.examine import FolderState, Since, examine
from gateway.upstream.imap.fetch import HEADERS_A_FETCH, HeaderRow
from gateway.upstream.imap.folders import Folder, read_folder
from gateway.upstream.imap.parse import Enabled, Exists, FolderStatus, Listed, Removed, Status, Untagged, Vanished
from gateway.upstream.imap.pour import Sink
from gateway.upstream.imap.search import Sought, find_addresses, find_message_id, find_message_ids, find_uids
from gateway.upstream.imap.signin import sign_in

__all__ = ["Folder", "FolderState", "HeaderRow", "ImapSession", "Letter", "Marked", "Since", "open_session"]

POLL = 30.0  # seconds between NOOPs where the server has no IDLE
NOTIFY = b"SET (SELECTED (MessageNew MessageExpunge)) (PERSONAL (MessageNew MessageExpunge MailboxName))"

_log = structlog.get_logger()


async def open_session(
    endpoint: Endpoint,
    username: str,
    password: Secret,
    *,
    trust: Path | None = None,
    timeout: float = 60,  # noqa: ASYNC109  # a limit per answer, not for the whole
) -> ImapSession:
    """Connect and sign in. SignInRefused, Unreachable, CommandRefused or ProtocolFault; then nothing is left open.

    ``trust``: a further CA file; ``timeout``: seconds in which a server must answer, beside the time for its octets.
    """
    session = ImapSession(endpoint, timeout)
    try:
        await session.start(username, password, trust)
    except BaseException:
        session.abort()
        raise
    return session


class ImapSession:
    """One signed-in connection, one command at a time, in the order asked; `mark_answered` alone marks anything.

    Every method may raise Unreachable or ProtocolFault: then the session is over. A cancelled method ends it too.
    CommandRefused leaves it usable.
    """

    def __init__(self, endpoint: Endpoint, timeout: float) -> None:
        self._connection = Connection(endpoint, timeout, self._notice)
        self._lock = asyncio.Lock()
        self._wire_names: dict[str, bytes] = {}
        self._examined: str | None = None  # the folder
        self._changed = False
        self._exists = 0
        self._uidnext = 0
        self._utf8 = False
        self._resyncs = False  # QRESYNC is enabled
        self._notified = False  # the server tells of other folders
        self._elsewhere = False
        self._passed_over: frozenset[bytes] = frozenset()  # wire names of folders whose news are none
        self._counting = False  # we ask about other folders ourselves

    @property
    def capabilities(self) -> frozenset[str]:
        """In upper case, as they are after the sign-in."""
        return self._connection.capabilities

    @property
    def exists(self) -> int:
        """Messages in the examined folder, as far as the server has told."""
        return self._exists

    async def start(self, username: str, password: Secret, trust: Path | None) -> None:
        """Connect, sign in, say who we are; `open_session` calls it."""
        await self._connection.open(trust)
        await sign_in(self._connection, username, password)
        if "ID" in self.capabilities:
            name = b'("name" "Postern" "version" "%s")' % __version__.encode("ascii")
            status = await self._connection.attempt(Command("ID", (name,)))  # some providers insist on it
            _log.debug("imap identified", host=self._connection.endpoint.host, answer=status.kind)
        await self._enable()

    async def close(self) -> None:
        """Log out and hang up; a command under way is not waited for: it raises Unreachable."""
        if self._lock.locked():
            self.abort()
        await self._connection.close()

    def abort(self) -> None:
        """Hang up at once: whatever is under way raises Unreachable."""
        self._connection.abort()

    def wake(self) -> None:
        """End the wait of `idle` at once, or the next one; it answers True."""
        self._changed = True
        self._connection.nudge()

    async def folders(self) -> list[Folder]:
        """All folders that commands can name, with their special uses where the server knows them."""
        found: list[Folder] = []
        names: dict[str, bytes] = {}

        def collect(response: Untagged) -> None:
            folder = read_folder(response, utf8=self._utf8) if isinstance(response, Listed) else None
            if folder is not None and isinstance(response, Listed) and folder.name not in names:
                found.append(folder)
                names[folder.name] = response.name

        extended = {"SPECIAL-USE", "LIST-EXTENDED"} <= self.capabilities
        async with self._lock:
            command = Command("LIST", (b'"" "*"', *((b"RETURN (SPECIAL-USE)",) if extended else ())))
            with self._asking():
                await self._connection.run(command, collect)
        self._wire_names = names
        return found

    async def sights(self, names: Collection[str]) -> dict[str, Sight]:
        """What each folder, as `folders` named it, says of itself; those that the server refuses are missing."""
        async with self._lock:
            wire = {name: self._wire_names.get(name) or self._encoded(name) for name in names}
            with self._asking():
                return await count_folders(self._connection, wire)

    async def uids(self, first: int, last: int | None = None) -> list[int]:
        """UIDs in use in the examined folder from ``first`` to ``last`` (None: the end), ascending."""
        async with self._lock:
            found = await find_uids(self._connection, first, last, self._uidnext, self._exists)
        return sorted(uid for uid in found if first <= uid and (last is None or uid <= last))

    async def notify(self) -> bool:
        """Have the server tell of all folders (RFC 5465), for `heard_elsewhere`; False where it can't or won't."""
        async with self._lock:
            if "NOTIFY" in self.capabilities and not self._notified:
                status = await self._connection.attempt(Command("NOTIFY", (NOTIFY,)))
                self._notified = status.kind == "OK"
            return self._notified

    def heard_elsewhere(self) -> bool:
        """Whether the server told of another folder than the examined one, or that it tells no more; once."""
        heard, self._elsewhere = self._elsewhere, False
        return heard

    def listen_for(self, names: Collection[str]) -> None:
        """Of the folders that `folders` named, `heard_elsewhere` tells of these only; of those that come, in any case.

        So the copies that we put into Sent, whose news its own connection hears, wake nobody else.
        """
        wanted = frozenset(names)
        self._passed_over = frozenset(wire for name, wire in self._wire_names.items() if name not in wanted)

    async def examine(self, folder: str, since: Since | None = None) -> FolderState:
        """Select it read-only: what follows is about this folder. CommandRefused when there is no such folder.

        ``since``: what went after that is told, where the server can (QRESYNC).
        """
        async with self._lock:
            return await self._examine(folder, since if self._resyncs else None)

    async def search_addresses(self, addresses: Sequence[Sought], below_uid: int) -> list[int]:
        """UIDs below ``below_uid``, ascending, of what may be from or to any address; verify from the header."""
        if below_uid <= 1:
            return []
        async with self._lock:
            found = await find_addresses(self._connection, addresses, below_uid - 1)
        return sorted(uid for uid in found if uid < below_uid)

    async def fetch_headers(
        self, first: int, last: int | None, *, uids: Sequence[int] | None = None
    ) -> list[HeaderRow]:
        """Headers of the UIDs from ``first`` to ``last`` (None: all there are), or of ``uids``; ascending.

        Messages that are gone are missing from it. All of it is in memory: ask in portions.
        """
        rows: list[HeaderRow] = []
        async with self._lock:
            wanted = list(uids) if uids is not None else await self._uids(first, last)
            wanted = sorted({uid for uid in wanted if first <= uid and (last is None or uid <= last)})
            for start in range(0, len(wanted), HEADERS_A_FETCH):
                rows += await fetch.headers(self._connection, wanted[start : start + HEADERS_A_FETCH])
        return rows

    async def relabelled(self, below: int, since: int) -> dict[int, tuple[str, ...]]:
        """By UID below ``below``, the labels of what changed since that mod-sequence; none where there are none."""
        if not {labels.EXTENSION, "CONDSTORE"} <= self.capabilities:
            return {}
        async with self._lock:
            return await labels.changed(self._connection, below, since)

    @overload
    async def fetch_body(self, uid: int, limit: int) -> bytes | None: ...
    @overload
    async def fetch_body(self, uid: int, limit: int, sink: Callable[[], Sink]) -> Mail | None: ...
    async def fetch_body(self, uid: int, limit: int, sink: Callable[[], Sink] | None = None) -> Mail | None:
        """The whole message as it is; None when it is gone; TooLarge over ``limit`` octets: no more are taken.

        ``sink`` makes a place for one of `POURED` octets and more, of which the caller disposes in any case; what that
        raises is raised here, and ends the session. Without it, and where they are fewer, they are in memory.
        """
        async with self._lock:
            return await fetch.body(self._connection, uid, limit, sink)

    async def fetch_bodies(self, sizes: Mapping[int, int], limit: int, sink: Callable[[], Sink]) -> dict[int, Mail]:
        """Whole messages by UID, in one command; ``sizes`` are their octets as `fetch_headers` said them.

        What is gone is missing; of what is larger than ``limit`` octets one octet more than these is taken. ``sink``:
        as above, one for each large message.
        """
        async with self._lock:
            return await fetch.bodies(self._connection, sizes, limit, sink)

    async def append(
        self, folder: str, raw: bytes, *, flags: Sequence[str] = ("\\Seen",), at: datetime | None = None
    ) -> Place | None:
        """Put a message into the folder; its (UIDVALIDITY, UID) where the server says them (RFC 4315)."""
        return (await self.append_all(folder, [Letter(raw, at)], flags=flags))[0]

    @property
    def takes_many(self) -> bool:
        """Whether `append_all` may be given more than one message."""
        return append.MULTI in self.capabilities

    async def append_all(
        self, folder: str, letters: Sequence[Letter], *, flags: Sequence[str] = ("\\Seen",)
    ) -> list[Place | None]:
        """All of these, or none where it raises CommandRefused; the places as `append` tells them, in their order."""
        async with self._lock:
            return await append.append(self._connection, self._folder(folder), letters, flags)

    async def create(self, folder: str) -> None:
        """Make a folder; CommandRefused when there is one of that name."""
        async with self._lock:
            await self._connection.run(Command("CREATE", (self._folder(folder),)))

    async def find_message_id(self, folder: str, message_id: str) -> list[int]:
        """UIDs in the folder, which is examined, of messages with this Message-ID; no ID, or one with NUL: none."""
        wanted = message_id.encode("utf-8", "surrogateescape")
        if not wanted.strip() or b"\0" in wanted:
            return []
        async with self._lock:
            await self._examine(folder)
            return sorted(await find_message_id(self._connection, wanted))

    async def find_message_ids(self, folder: str, message_ids: Collection[str]) -> frozenset[str]:
        """Which of these Message-IDs the folder, which is examined, has; asked for many at once, as most have none.

        Where it is the examined one already it is only brought up to date: a search looks at what was told of.
        """
        wanted = {one: one.encode("utf-8", "surrogateescape") for one in message_ids}
        usable = {one: octets for one, octets in wanted.items() if octets.strip() and b"\0" not in octets}
        if not usable:
            return frozenset()
        async with self._lock:
            if folder == self._examined:
                await self._connection.run(Command("NOOP"))
            else:
                await self._examine(folder)
            return await find_message_ids(self._connection, usable)

    async def mark_answered(self, folder: str, uidvalidity: int, uids: Collection[int]) -> Marked:
        r"""Set \Answered on these, and no other flag on anything; CommandRefused where the account may not."""
        async with self._lock:
            self._examined, self._changed = None, False
            return await answered.mark_answered(self._connection, self._folder(folder), uidvalidity, sorted(uids))

    async def idle(self, timeout: float) -> bool:  # noqa: ASYNC109  # reaching it is an answer, not an error
        """Wait in the examined folder for at most ``timeout`` seconds; True: something came or went.

        It ends early, too, for what `heard_elsewhere` tells. What changed since `examine` or the last call counts. A
        connection found dead raises Unreachable. Other calls wait until it returns.
        """
        async with self._lock:
            if not self._news and "IDLE" in self.capabilities:
                await self._connection.idle(lambda: self._news, timeout)
            elif not self._news:
                await self._poll(timeout)
            changed, self._changed = self._changed, False
            return changed

    async def _enable(self) -> None:
        """Names are modified UTF-7 unless the server knows nothing but UTF-8 (RFC 9051 section 5.1, RFC 9755)."""
        offered = self.capabilities
        wanted = [b"QRESYNC"] if {"ENABLE", "QRESYNC"} <= offered else []
        wanted += [b"UTF8=ACCEPT"] if "UTF8=ONLY" in offered else []
        enabled: set[str] = set()

        def collect(response: Untagged) -> None:
            if isinstance(response, Enabled):
                enabled.update(response.names)

        if wanted:
            status = await self._connection.attempt(Command("ENABLE", tuple(wanted)), collect)
            self._resyncs = "QRESYNC" in enabled
            self._utf8 = status.kind == "OK" and "UTF8=ONLY" in offered
        if "IMAP4REV2" in offered and "IMAP4REV1" not in offered:
            self._utf8 = True
        self._connection.utf8 = self._utf8

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """What is told of other folders meanwhile is what we ask for, and as new as any news."""
        self._counting = True
        try:
            yield
        finally:
            self._counting = False

    @property
    def _news(self) -> bool:
        return self._changed or self._elsewhere

    # what follows is called under the lock

    def _notice(self, response: Untagged) -> None:
        if isinstance(response, Exists):
            self._changed = self._changed or response.count != self._exists  # some servers repeat it all the time
            self._exists = response.count
        elif isinstance(response, Removed):
            self._changed = True
            self._exists -= 1
        elif isinstance(response, Vanished):
            self._vanish(response)
        elif self._notified and isinstance(response, Listed | FolderStatus):
            self._elsewhere = self._elsewhere or not (self._counting or self._is_passed_over(response))
        elif self._notified and _overflows(response):
            self._notified, self._elsewhere = False, True

    def _is_passed_over(self, response: Listed | FolderStatus) -> bool:
        return isinstance(response, FolderStatus) and response.name in self._passed_over

    def _vanish(self, response: Vanished) -> None:
        if not response.earlier:
            self._changed = True
            self._exists = max(0, self._exists - sum(last - first + 1 for first, last in response.runs))

    def _folder(self, name: str) -> Argument:
        if any(ord(character) < 0x20 or ord(character) == 0x7F for character in name):
            # on the wire it would be harmless, but Dovecot repeats the decoded name in its answer, line ends and all
            raise CommandRefused("The name holds a control character, as no folder's name may: write it again.")
        return string(self._wire_names.get(name) or self._encoded(name))

    def _encoded(self, name: str) -> bytes:
        return name.encode("utf-8", "surrogatepass") if self._utf8 else utf7.encode(name)

    async def _examine(self, folder: str, since: Since | None = None) -> FolderState:
        self._examined = None
        with self._asking():
            state = await examine(self._connection, self._folder(folder), since)
        self._examined = folder
        self._changed = False
        self._uidnext = state.uidnext
        return state

    async def _uids(self, first: int, last: int | None) -> Collection[int]:
        """Which UIDs there are: asked only where the range may hold many."""
        if last is not None and last - first < HEADERS_A_FETCH:
            return range(first, last + 1)
        return await find_uids(self._connection, first, last, self._uidnext, self._exists)

    async def _poll(self, limit: float) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + limit
        while not self._news:
            await self._connection.run(Command("NOOP"))
            left = end - loop.time()
            if self._news or left <= 0:
                return
            await self._connection.listen(lambda: self._news, min(POLL, left))


def _overflows(response: Untagged) -> bool:
    """More happened than the server wants to tell, and it tells no more (RFC 5465 section 5.8)."""
    return isinstance(response, Status) and response.code == "NOTIFICATIONOVERFLOW"
