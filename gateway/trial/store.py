"""Mail accounts in memory: what the trial provider's IMAP shows and its SMTP delivers into."""

from __future__ import annotations

import hmac
from bisect import bisect_left
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from gateway.domain.errors import Conflict, NotFound
from gateway.proxy.imap import answers
from gateway.proxy.imap.mailstore import FlagChange, FolderEntry, FolderState, Row
from gateway.proxy.imap.names import encoded

_SPECIAL_USE = {"Sent": "\\Sent", "Drafts": "\\Drafts", "Trash": "\\Trash", "Archive": "\\Archive"}


@dataclass(frozen=True, slots=True)
class TrialMessage:
    """A message as it lies in a folder."""

    uid: int
    raw: bytes = field(repr=False)
    flags: frozenset[str]
    internaldate: datetime
    modseq: int = 0  # when it was last changed, in the folder's count of changes (RFC 7162)
    number: int = 0  # the same in all folders of an account that has labels; 0 elsewhere
    labels: tuple[str, ...] = ()

    @property
    def row(self) -> Row:
        more = {
            "MODSEQ": b"(%d)" % self.modseq,
            "X-GM-MSGID": b"%d" % self.number,
            "X-GM-LABELS": b"(" + b" ".join(answers.string(encoded(label)) for label in self.labels) + b")",
        }
        return Row(self.uid, self.flags, self.internaldate, len(self.raw), more)


class TrialFolder:
    """A `mailstore.Folder`; the methods that are not its are for tests, and wake who waits as mail does."""

    def __init__(self, name: str, uidvalidity: int, attributes: frozenset[str] = frozenset()) -> None:
        self.name = name
        self.attributes = attributes
        self.subscribed = True
        self.uidvalidity = uidvalidity
        self.uidnext = 1
        self.messages: list[TrialMessage] = []
        self._version = 1
        self._vanished: list[tuple[int, int]] = []  # when, and which UID
        self._watchers: list[Callable[[], None]] = []

    @property
    def watchers(self) -> int:
        """How many sessions idle on this folder now."""
        return len(self._watchers)

    @property
    def seen(self) -> tuple[int, int, int]:
        """UIDVALIDITY, UIDNEXT, and how many messages there are."""
        return self.uidvalidity, self.uidnext, len(self.messages)

    @property
    def highestmodseq(self) -> int:
        """RFC 7162: it grows with each change."""
        return self._version

    def vanished(self, since: int) -> list[int]:
        """UIDs of what was expunged after the folder was at ``since``, ascending."""
        return sorted(uid for when, uid in self._vanished if when > since)

    def deliver(self, raw: bytes, flags: Collection[str] = (), at: datetime | None = None) -> int:
        """Puts a message in, as it is; its UID."""
        return self.put(TrialMessage(0, raw, frozenset(flags), (at or datetime.now(UTC)).replace(microsecond=0)))

    def put(self, message: TrialMessage) -> int:
        """As `deliver`; the message's own UID does not count."""
        uid = self.uidnext
        self.uidnext += 1
        self.messages.append(replace(message, uid=uid, modseq=self._version + 1))
        self._changed()
        return uid

    def remove(self, *uids: int) -> None:
        """Expunges, as another mail program would."""
        gone = [message.uid for message in self.messages if message.uid in uids]
        self._vanished += [(self._version + 1, uid) for uid in gone]
        self.messages = [message for message in self.messages if message.uid not in uids]
        self._changed()

    def renew(self, uidvalidity: int | None = None) -> None:
        """A new UIDVALIDITY: the same messages, numbered from 1."""
        self.uidvalidity = self.uidvalidity + 1 if uidvalidity is None else uidvalidity
        self.messages = [
            replace(message, uid=uid, modseq=self._version + 1) for uid, message in enumerate(self.messages, 1)
        ]
        self._vanished.clear()
        self.uidnext = len(self.messages) + 1
        self._changed()

    def go_back(self, uidnext: int) -> None:
        """What no server may do: messages from ``uidnext`` on were never there, and UIDVALIDITY stays."""
        self.messages = [message for message in self.messages if message.uid < uidnext]
        self.uidnext = uidnext
        self._changed()

    def forget_one(self, uid: int) -> None:
        """Against RFC 7162: the message goes, and nobody is ever told."""
        self.messages = [message for message in self.messages if message.uid != uid]

    async def state(self) -> FolderState:
        return FolderState(self.uidvalidity, self.uidnext, self._version)

    async def rows(self) -> Sequence[Row]:
        return [message.row for message in self.messages]

    async def raw(self, uid: int) -> bytes | None:
        place = bisect_left(self.messages, uid, key=lambda message: message.uid)
        found = self.messages[place : place + 1]
        return found[0].raw if found and found[0].uid == uid else None

    async def append(self, raw: bytes, flags: Collection[str], at: datetime | None) -> int:
        return self.deliver(raw, flags, at)

    async def flag(self, uids: Collection[int], flags: Collection[str], change: FlagChange) -> None:
        wanted = set(uids)
        self.messages = [
            replace(message, flags=_flags(message.flags, frozenset(flags), change), modseq=self._version + 1)
            if message.uid in wanted
            else message
            for message in self.messages
        ]
        self._changed()

    async def expunge(self, uids: Collection[int]) -> None:
        if uids:
            self.remove(*uids)

    def watch(self, wake: Callable[[], None]) -> Callable[[], None]:
        self._watchers.append(wake)
        return lambda: self._watchers.remove(wake)

    def _changed(self) -> None:
        self._version += 1
        for wake in list(self._watchers):
            wake()


def _flags(old: frozenset[str], given: frozenset[str], change: FlagChange) -> frozenset[str]:
    match change:
        case FlagChange.ADD:
            return old | given
        case FlagChange.REMOVE:
            return old - given
        case FlagChange.REPLACE:
            return given


class TrialAccount:
    """A `mailstore.Account` with the folders that most providers have; the last three methods are for tests."""

    extensions: tuple[str, ...] = ("MULTIAPPEND",)  # that its sessions offer, and what else they tell of messages
    attributes: tuple[str, ...] = ()
    folders: dict[str, TrialFolder]

    def __init__(self, address: str, password: str, uidvalidity: int) -> None:
        self.username = address
        self.password = password
        self.folders = {
            name: TrialFolder(name, uidvalidity, frozenset(filter(None, [_SPECIAL_USE.get(name)])))
            for name in ("INBOX", *_SPECIAL_USE)
        }
        self._uidvalidity = uidvalidity
        self._watchers: list[Callable[[], None]] = []

    async def entries(self) -> Sequence[FolderEntry]:
        return [FolderEntry(f.name, f.attributes, f.subscribed) for f in self.folders.values()]

    async def open(self, name: str) -> TrialFolder:
        if name not in self.folders:
            raise NotFound("there is no such folder")
        return self.folders[name]

    async def create(self, name: str) -> None:
        if name in self.folders:
            raise Conflict("there is such a folder already")
        self._uidvalidity = max(self._uidvalidity, *(folder.uidvalidity for folder in self.folders.values())) + 1
        self.folders[name] = TrialFolder(name, self._uidvalidity)
        self._wake()

    async def subscribe(self, name: str, *, wanted: bool) -> None:
        (await self.open(name)).subscribed = wanted

    def watch(self, wake: Callable[[], None]) -> Callable[[], None]:
        """As `TrialFolder.watch`, of folders that come and go."""
        self._watchers.append(wake)
        return lambda: self._watchers.remove(wake)

    def receive(self, raw: bytes) -> int:
        """Mail from outside; its UID in the INBOX."""
        return self.folders["INBOX"].deliver(raw)

    def delete(self, name: str) -> None:
        """The folder goes with all that lies in it."""
        self._uidvalidity = max(self._uidvalidity, self.folders.pop(name).uidvalidity)
        self._wake()

    def rename(self, name: str, to: str) -> None:
        """The folder keeps its UIDVALIDITY and its UIDs (RFC 9051 section 6.3.6)."""
        folder = self.folders.pop(name)
        folder.name = to
        self.folders[to] = folder
        self._wake()

    def _wake(self) -> None:
        for wake in list(self._watchers):
            wake()


class TrialStore:
    """A `mailstore.Mailstore`; addresses are compared in any case."""

    def __init__(
        self,
        accounts: Mapping[str, str],
        uidvalidity: int,
        make: Callable[[str, str, int], TrialAccount] = TrialAccount,
    ) -> None:
        self._accounts = {
            address.lower(): make(address, password, uidvalidity) for address, password in accounts.items()
        }

    def find(self, address: str) -> TrialAccount | None:
        return self._accounts.get(address.lower())

    def check(self, username: str, password: str) -> TrialAccount | None:
        """The account where both are right."""
        account = self.find(username)
        expected = account.password if account is not None else ""
        right = hmac.compare_digest(expected.encode(), password.encode())
        return account if account is not None and password and right else None

    async def sign_in(self, username: str, password: str, peer: str) -> TrialAccount | None:
        return self.check(username, password)
