"""The firm's settings: read as one snapshot, replaced as a whole, and every change written down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from gateway.domain.errors import Conflict
from gateway.domain.firm import Change, Firm, Mailbox, Secret
from gateway.store.activity import Entry, book
from gateway.store.firm_rows import Noun, firm_of, nouns, passwords
from gateway.store.reader import Reader
from gateway.store.schema import member_token, muted, noun, preference, quiet, sealed
from gateway.store.secrets import Seal, Sealed
from gateway.store.writer import Writer

_NOUNS = select(noun)
_SEALED = select(sealed)
_OLD = (noun.c.kind == bindparam("old_kind"), noun.c.name == bindparam("old_name"))
_REMOVE = delete(noun).where(*_OLD)
_CHANGE = update(noun).where(*_OLD)
_FORGET = delete(sealed).where(sealed.c.mailbox == bindparam("of"))
# What goes with a member: a token, and what they wanted to hear. Who comes back under that name may be somebody else.
_SHUT_OUT = [
    delete(table).where(table.c.login.not_in(bindparam("logins", expanding=True)))
    for table in (member_token, preference, muted, quiet)
]


class FirmShelf:
    """Where the firm is kept. `Conflict` when the key does not open its passwords."""

    def __init__(self, writer: Writer, reader: Reader, seal: Seal) -> None:
        self._writer = writer
        self._reader = reader
        self._seal = seal

    async def load(self) -> Firm:
        """The firm as it stands; an empty one at first."""
        return await self._reader.run(self._load)

    async def replace(self, firm: Firm, changes: Sequence[Change], by: str, at: datetime) -> None:
        """Make the firm this one and write down who changed what, in one transaction; rows that stay are left alone."""

        def work(connection: Connection) -> None:
            _write_nouns(connection, _read_nouns(connection), nouns(firm))
            self._write_passwords(connection, firm.mailboxes)
            for shut_out in _SHUT_OUT:
                connection.execute(shut_out, {"logins": [member.login for member in firm.members]})
            book(connection, [Entry(one.kind, one.name, one.verb, one.what) for one in changes], by, at)

        await self._writer.run(work)

    def _load(self, connection: Connection) -> Firm:
        boxes = _read_sealed(connection)

        def password(row: str) -> Secret:
            if row not in boxes:
                raise Conflict(f"the password of {row} is gone: restore a backup, or set it with `postern apply`")
            return self._seal.open(boxes[row], row)

        return firm_of(_read_nouns(connection), password)

    def _write_passwords(self, connection: Connection, mailboxes: Sequence[Mailbox]) -> None:
        boxes = _read_sealed(connection)
        wanted = {row: secret for box in mailboxes for row, secret in passwords(box).items()}
        changed = [row for row, secret in wanted.items() if not self._holds(boxes, row, secret)]
        for row in (*changed, *(boxes.keys() - wanted.keys())):
            connection.execute(_FORGET, {"of": row})
        for row in changed:
            closed = self._seal.close(wanted[row], row)
            connection.execute(insert(sealed), {"mailbox": row, "nonce": closed.nonce, "box": closed.box})

    def _holds(self, boxes: Mapping[str, Sealed], row: str, secret: Secret) -> bool:
        """Whether the password is kept already; one sealed under another key is not, and is written anew."""
        if row not in boxes:
            return False
        try:
            return self._seal.open(boxes[row], row) == secret
        except Conflict:
            return False


def _read_nouns(connection: Connection) -> dict[tuple[str, str], Noun]:
    rows = connection.execute(_NOUNS).all()
    return {(row.kind, row.name): Noun(row.kind, row.name, row.position, row.document) for row in rows}


def _read_sealed(connection: Connection) -> dict[str, Sealed]:
    return {row.mailbox: Sealed(row.nonce, row.box) for row in connection.execute(_SEALED)}


def _write_nouns(
    connection: Connection, old: Mapping[tuple[str, str], Noun], new: Mapping[tuple[str, str], Noun]
) -> None:
    for kind, name in old.keys() - new.keys():
        connection.execute(_REMOVE, {"old_kind": kind, "old_name": name})
    for key, row in new.items():
        values = {"position": row.position, "document": row.document}
        if key not in old:
            connection.execute(insert(noun), {"kind": row.kind, "name": row.name, **values})
        elif old[key] != row:
            connection.execute(_CHANGE, {"old_kind": row.kind, "old_name": row.name, **values})
