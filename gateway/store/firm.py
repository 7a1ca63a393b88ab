"""The firm's settings: read as one snapshot, replaced as a whole, and every change written down."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from gateway.domain.errors import Conflict
from gateway.domain.firm import Change, Firm, Mailbox, Secret
from gateway.domain.step import Made, Refiled, Refiling, summary
from gateway.store import steps
from gateway.store.activity import Entry, book
from gateway.store.correspondents import Correspondents
from gateway.store.firm_rows import Noun, firm_of, nouns, passwords
from gateway.store.reader import Reader
from gateway.store.refiled import Deed, carry_out
from gateway.store.refiling import Back, plan, read_refiled
from gateway.store.saving import SavingShelf
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

    def __init__(
        self, writer: Writer, reader: Reader, seal: Seal, *, correspondents: Correspondents, saving: SavingShelf
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._seal = seal
        self._correspondents = correspondents
        self._saving = saving

    async def load(self) -> Firm:
        """The firm as it stands; an empty one at first."""
        return await self._reader.run(self._load)

    async def replace(
        self, firm: Firm, changes: Sequence[Change], by: str, at: datetime, *, undoes: int | None = None
    ) -> Made:
        """Make the firm this one, refile what is stored, and write down who changed what, in one transaction.

        Rows that stay are left alone. ``undoes``: the step that is taken back by it, see `without`.
        """

        def work(connection: Connection) -> Made:
            self._correspondents.finish(connection)
            refilings = _plan(connection, firm, undoes)
            number = steps.begin(connection, by, at, undoes)
            _change(connection, number, firm)
            self._write_passwords(connection, firm.mailboxes)
            carry_out(connection, refilings, Deed(number, by, at))
            made = Made(number, tuple(refilings))
            book(connection, _entries(made, changes, undoes), by, at)
            return made

        await self._correspondents.catch_up()
        return await self._writer.run(work, lambda _: self._saving.wake())

    async def rehearse(self, firm: Firm, *, undoes: int | None = None) -> tuple[Refiling, ...]:
        """What `replace` would do to the record."""
        await self._correspondents.catch_up()
        return tuple(await self._reader.run(lambda connection: _plan(connection, firm, undoes)))

    async def without(self, step: int) -> Firm:
        """The firm with that step taken back. NotFound, or Conflict where something depends on it by now."""
        return await self._reader.run(lambda connection: self._without(connection, step))

    async def refiled(self, refilings: Sequence[Refiling]) -> list[Refiled]:
        """The messages of which something becomes, as people know them, in the order of the refilings."""
        return await self._reader.run(lambda connection: read_refiled(connection, refilings))

    def _load(self, connection: Connection) -> Firm:
        gone = "the password of {} is gone: restore a backup, or set it with `postern apply`"
        return firm_of(_read_nouns(connection), self._passwords(connection, gone))

    def _without(self, connection: Connection, step: int) -> Firm:
        steps.require_last(connection, step)
        gone = "The password of {} was not kept: apply the mailbox with its password first, then undo the rest."
        rows = steps.reversed_nouns(connection, step, _read_nouns(connection))
        return firm_of(rows, self._passwords(connection, gone))

    def _passwords(self, connection: Connection, gone: str) -> Callable[[str], Secret]:
        """``gone`` says it where there is none, with braces for the name of its row."""
        boxes = _read_sealed(connection)

        def password(row: str) -> Secret:
            if row not in boxes:
                raise Conflict(gone.format(row))
            return self._seal.open(boxes[row], row)

        return password

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


def _plan(connection: Connection, firm: Firm, undoes: int | None) -> list[Refiling]:
    """From the firm that is there; the same for the rehearsal and for the change."""
    old = firm_of(_read_nouns(connection), lambda _: Secret(""))
    back = None if undoes is None else Back(undoes, steps.require_last(connection, undoes).newest)
    return plan(connection, old, firm, back)


def _entries(made: Made, changes: Sequence[Change], undoes: int | None) -> list[Entry]:
    """The step first; it does not say whose mail it refiled, for who reads the trail may not read mail."""
    entries = [Entry(one.kind, one.name, one.verb, one.what) for one in changes]
    if entries or made.refilings or undoes:
        verb = "applied" if undoes is None else f"took back {undoes}"
        entries.insert(0, Entry("step", str(made.step), verb, summary(made.refilings)))
    return entries


def _change(connection: Connection, number: int, firm: Firm) -> None:
    old, new = _read_nouns(connection), nouns(firm)
    steps.note(connection, number, old or nouns(Firm()), new)
    _write_nouns(connection, old, new)
    for shut_out in _SHUT_OUT:
        connection.execute(shut_out, {"logins": [member.login for member in firm.members]})


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
