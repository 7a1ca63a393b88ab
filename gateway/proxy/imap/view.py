"""One session's picture of its folder: numbers stay as they were told until the client is told otherwise."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.proxy.imap.mailstore import Folder, Row
from gateway.proxy.imap.sequence import SequenceSet, written


class FolderReplaced(Exception):
    """The folder has a new UIDVALIDITY: nothing that the client knows of it is true any more."""


@dataclass(slots=True)
class View:
    """``rows[n - 1]`` is message ``n``; what others expunged stays in it until ``updates(expunges=True)``.

    ``by_uid``: what is gone is told by UIDs instead of numbers (RFC 7162 section 3.2.10).
    """

    folder: Folder
    read_only: bool
    uidvalidity: int
    version: int
    rows: list[Row] = field(default_factory=list)
    by_uid: bool = False

    @classmethod
    async def of(cls, folder: Folder, *, read_only: bool) -> View:
        state = await folder.state()
        return cls(folder, read_only, state.uidvalidity, state.version, list(await folder.rows()))

    def chosen(self, numbers: SequenceSet, *, uid: bool) -> list[tuple[int, Row]]:
        """The messages of the set with their numbers; what is not there is passed over."""
        values = [row.uid for row in self.rows] if uid else range(1, len(self.rows) + 1)
        return [(place + 1, self.rows[place]) for place in numbers.places(values)]

    def know(self, number: int, row: Row) -> None:
        """The client has been told of this state, or asked for silence about it."""
        self.rows[number - 1] = row

    async def updates(self, *, expunges: bool) -> list[bytes]:
        """Untagged answers that bring the client up to date, without ``* `` and line ends."""
        state = await self.folder.state()
        if state.uidvalidity != self.uidvalidity:
            raise FolderReplaced
        if state.version == self.version:
            return []
        current = {row.uid: row for row in await self.folder.rows()}
        told = self._removed(current) if expunges else []
        told += self._changed(current)
        if all(row.uid in current for row in self.rows):
            self.version = state.version
        return told

    def _removed(self, current: dict[int, Row]) -> list[bytes]:
        gone = [(number, row.uid) for number, row in enumerate(self.rows, 1) if row.uid not in current]
        self.rows = [row for row in self.rows if row.uid in current]
        if self.by_uid and gone:
            return [b"VANISHED " + written([uid for _, uid in gone])]
        return [b"%d EXPUNGE" % number for number, _ in reversed(gone)]

    def _changed(self, current: dict[int, Row]) -> list[bytes]:
        told: list[bytes] = []
        for number, row in enumerate(self.rows, 1):
            now = current.get(row.uid, row)
            if now.flags != row.flags:
                told.append(b"%d FETCH (UID %d FLAGS %s)" % (number, row.uid, flag_list(now.flags)))
            self.rows[number - 1] = now
        last = self.rows[-1].uid if self.rows else 0
        arrived = [row for uid, row in current.items() if uid > last]
        if arrived:
            self.rows += arrived
            told.append(b"%d EXISTS" % len(self.rows))
        return told


def flag_list(flags: frozenset[str]) -> bytes:
    """Flags in parentheses, in one order."""
    return b"(" + " ".join(sorted(flags)).encode("ascii") + b")"
