"""Mail accounts in memory: what the trial provider's IMAP shows and its SMTP delivers into."""

from __future__ import annotations

import hmac
from bisect import bisect_left
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from gateway.domain.errors import Conflict, NotFound
from gateway.proxy.imap.mailstore import FlagChange, FolderEntry, FolderState, Row

_SPECIAL_USE = {"Sent": "\\Sent", "Drafts": "\\Drafts", "Trash": "\\Trash", "Archive": "\\Archive"}


@dataclass(frozen=True, slots=True)
class TrialMessage:
    """A message as it lies in a folder."""

    uid: int
    raw: bytes = field(repr=False)
    flags: frozenset[str]
    internaldate: datetime

    @property
    def row(self) -> Row:
        return Row(self.uid, self.flags, self.internaldate, len(self.raw))


class TrialFolder:
    """A `mailstore.Folder`; the methods that are not its are for tests, and wake who waits as mail does."""

    def __init__(self, name: str, uidvalidity: int, attributes: frozenset[str] = frozenset()) -> None:
        self.name = name
        self.attributes = attributes
        self.subscribed = True
        self.uidvalidity = uidvalidity
        self.uidnext = 1
        self.messages: list[TrialMessage] = []
        self._version = 0
        self._watchers: list[Callable[[], None]] = []

    @property
    def watchers(self) -> int:
        """How many sessions idle on this folder now."""
        return len(self._watchers)

    def deliver(self, raw: bytes, flags: Collection[str] = (), at: datetime | None = None) -> int:
        """Puts a message in, as it is; its UID."""
        uid = self.uidnext
        self.uidnext += 1
        when = (at or datetime.now(UTC)).replace(microsecond=0)
        self.messages.append(TrialMessage(uid, raw, frozenset(flags), when))
        self._changed()
        return uid

    def remove(self, *uids: int) -> None:
        """Expunges, as another mail program would."""
        self.messages = [message for message in self.messages if message.uid not in uids]
        self._changed()

    def renew(self, uidvalidity: int | None = None) -> None:
        """A new UIDVALIDITY: the same messages, numbered from 1."""
        self.uidvalidity = self.uidvalidity + 1 if uidvalidity is None else uidvalidity
        self.messages = [replace(message, uid=uid) for uid, message in enumerate(self.messages, 1)]
        self.uidnext = len(self.messages) + 1
        self._changed()

    def go_back(self, uidnext: int) -> None:
        """What no server may do: messages from ``uidnext`` on were never there, and UIDVALIDITY stays."""
        self.messages = [message for message in self.messages if message.uid < uidnext]
        self.uidnext = uidnext
        self._changed()

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
            replace(message, flags=_flags(message.flags, frozenset(flags), change))
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
    """A `mailstore.Account` with the folders that most providers have."""

    def __init__(self, address: str, password: str, uidvalidity: int) -> None:
        self.username = address
        self.password = password
        self.folders = {
            name: TrialFolder(name, uidvalidity, frozenset(filter(None, [_SPECIAL_USE.get(name)])))
            for name in ("INBOX", *_SPECIAL_USE)
        }
        self._uidvalidity = uidvalidity

    async def entries(self) -> Sequence[FolderEntry]:
        return [FolderEntry(f.name, f.attributes, f.subscribed) for f in self.folders.values()]

    async def open(self, name: str) -> TrialFolder:
        if name not in self.folders:
            raise NotFound("there is no such folder")
        return self.folders[name]

    async def create(self, name: str) -> None:
        if name in self.folders:
            raise Conflict("there is such a folder already")
        self.folders[name] = TrialFolder(name, self._uidvalidity)

    async def subscribe(self, name: str, *, wanted: bool) -> None:
        (await self.open(name)).subscribed = wanted


class TrialStore:
    """A `mailstore.Mailstore`; addresses are compared in any case."""

    def __init__(self, accounts: Mapping[str, str], uidvalidity: int) -> None:
        self._accounts = {
            address.lower(): TrialAccount(address, password, uidvalidity) for address, password in accounts.items()
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
