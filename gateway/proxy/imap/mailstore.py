"""What the IMAP server needs of whatever keeps the messages: accounts, their folders, messages by UID."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True)
class FolderEntry:
    """A folder as LIST shows it; ``attributes`` as in RFC 6154 (``\\Sent``). The hierarchy delimiter is ``/``."""

    name: str
    attributes: frozenset[str] = frozenset()
    subscribed: bool = True


@dataclass(frozen=True, slots=True)
class FolderState:
    """``version`` differs whenever anything in the folder differs; it spares comparing every message."""

    uidvalidity: int
    uidnext: int
    version: int


@dataclass(frozen=True, slots=True)
class Row:
    """A message without its octets; ``internaldate`` is aware.

    ``more``: what else a store tells of it, as FETCH writes it, by the names that its session lets clients ask for.
    """

    uid: int
    flags: frozenset[str]
    internaldate: datetime
    size: int
    more: Mapping[str, bytes] = field(default_factory=dict, hash=False)


class FlagChange(StrEnum):
    """How STORE changes flags (RFC 9051 section 6.4.6)."""

    REPLACE = ""
    ADD = "+"
    REMOVE = "-"


class Folder(Protocol):
    """UIDs only grow while ``uidvalidity`` stays. A UID that is not there is passed over in silence."""

    @property
    def name(self) -> str: ...

    async def state(self) -> FolderState: ...

    async def rows(self) -> Sequence[Row]:
        """All messages in the order of their UIDs."""
        ...

    async def raw(self, uid: int) -> bytes | None: ...

    async def append(self, raw: bytes, flags: Collection[str], at: datetime | None) -> int:
        """The new UID; the message is durable when this returns. TooLarge, NoSpace and TemporaryFailure refuse it."""
        ...

    async def flag(self, uids: Collection[int], flags: Collection[str], change: FlagChange) -> None: ...

    async def expunge(self, uids: Collection[int]) -> None: ...

    def watch(self, wake: Callable[[], None]) -> Callable[[], None]:
        """``wake`` is called after each change, in the event loop, until the function returned is called."""
        ...


class Account(Protocol):
    """What one signed-in user sees."""

    @property
    def username(self) -> str: ...

    async def entries(self) -> Sequence[FolderEntry]: ...

    async def open(self, name: str) -> Folder:
        """NotFound where there is no such folder."""
        ...

    async def create(self, name: str) -> None:
        """Conflict where it exists."""
        ...

    async def subscribe(self, name: str, *, wanted: bool) -> None:
        """NotFound where there is no such folder."""
        ...


class Mailstore(Protocol):
    """Who may come in, and to what."""

    async def sign_in(self, username: str, password: str, peer: str) -> Account | None:
        """None: wrong user or password, and nothing says which. TemporaryFailure: not now."""
        ...
