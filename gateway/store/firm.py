"""The firm's settings: read as one snapshot, replaced as a whole, and every change written down.

A change is one short transaction, `turn`. What it means for stored mail is looked for afterwards, by a reader, and done
in slices, `refile`, between which others write. What is cut in between, by kill -9 too, is gone on with by the next
`refile`: the step says until its end that it is under way, and there is no other before that.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from gateway.domain.errors import Conflict, TemporaryFailure
from gateway.domain.firm import Change, Firm, Mailbox, Secret
from gateway.domain.step import Made, Refiled, Refiling, Step, summary
from gateway.store import steps
from gateway.store.activity import Entry, book
from gateway.store.correspondents import Correspondents
from gateway.store.firm_rows import Noun, firm_of, nouns, passwords
from gateway.store.reader import Reader
from gateway.store.refiled import Deed, carry_out
from gateway.store.refiling import Back, Look, Turn, read_refiled
from gateway.store.saving import SavingShelf
from gateway.store.schema import member_token, muted, noun, preference, quiet, sealed
from gateway.store.secrets import Seal, Sealed
from gateway.store.writer import Writer

HOLD = 0.025  # seconds in which a slice takes up no more messages: with its last one and COMMIT it stays below 100 ms

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


@dataclass(frozen=True, slots=True)
class _Slice:
    """What one transaction did, the messages that are left, and the firm's revision where the step ended with it."""

    refilings: tuple[Refiling, ...]
    left: Sequence[int]
    is_late: bool = False  # they came while others were refiled
    revision: int = 0


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
        self.hold = HOLD

    async def load(self) -> Firm:
        """The firm as it stands; an empty one at first."""
        return await self._reader.run(self._load)

    async def replace(
        self, firm: Firm, changes: Sequence[Change], by: str, at: datetime, *, undoes: int | None = None
    ) -> Made:
        """Make the firm this one, and refile what is stored."""
        number = await self.turn(firm, changes, by, at, undoes=undoes)
        return Made(number, tuple([one async for some in self.refile() for one in some]))

    async def turn(
        self,
        firm: Firm,
        changes: Sequence[Change],
        by: str,
        at: datetime,
        *,
        undoes: int | None = None,
        turned: Callable[[int], None] | None = None,
    ) -> int:
        """Make the firm this one, and write down who changed what, in one transaction; the step's number.

        Rows that stay are left alone. ``undoes``: the step that is taken back by it, see `without`. ``turned`` is
        called with the firm's revision on the loop once it is durable, also when the caller was cancelled meanwhile.
        TemporaryFailure where another step is under way.
        """

        def work(connection: Connection) -> tuple[int, int]:
            if (before := steps.under_way(connection)) is not None:
                raise TemporaryFailure(f"Step {before.number} is still refiling stored mail: try again in a moment.")
            if undoes is not None:
                steps.require_last(connection, undoes)
            number = steps.begin(connection, by, at, undoes)
            _change(connection, number, firm)
            self._write_passwords(connection, firm.mailboxes)
            book(connection, [Entry(one.kind, one.name, one.verb, one.what) for one in changes], by, at)
            return number, steps.revision(connection)

        await self._correspondents.catch_up()
        return (await self._writer.run(work, lambda made: turned(made[1]) if turned else None))[0]

    async def refile(self, ended: Callable[[int], None] | None = None) -> AsyncIterator[tuple[Refiling, ...]]:
        """Refile what the step under way says, and end it; what each slice did. Nothing where no step is under way.

        ``ended`` is called with the firm's revision on the loop, as `turn` calls ``turned``.
        """
        if await self._reader.run(steps.under_way) is None:
            return
        await self._correspondents.catch_up()
        step, look = await self._reader.run(_look)
        numbers, revision = look.numbers, 0
        while not revision:
            work = partial(_slice, look=look, numbers=numbers, step=step, seconds=self.hold)
            done = await self._writer.run(work, partial(self._sliced, ended))
            numbers, revision = done.left, done.revision
            if done.is_late:
                await self._correspondents.catch_up()
            yield done.refilings

    def _sliced(self, ended: Callable[[int], None] | None, done: _Slice) -> None:
        self._saving.wake()
        if ended is not None and done.revision:
            ended(done.revision)

    async def rehearse(self, firm: Firm, *, undoes: int | None = None) -> tuple[Refiling, ...]:
        """What `replace` would do to the record, once no step is under way."""
        await self._correspondents.catch_up()
        return tuple(await self._reader.run(lambda connection: _rehearse(connection, firm, undoes)))

    async def without(self, step: int) -> Firm:
        """The firm with that step taken back. NotFound, or Conflict where something depends on it by now."""
        return await self._reader.run(lambda connection: self._without(connection, step))

    async def refiled(self, refilings: Sequence[Refiling]) -> list[Refiled]:
        """The messages of which something becomes, as people know them, in the order of the refilings."""
        return await self._reader.run(lambda connection: read_refiled(connection, refilings))

    def _load(self, connection: Connection) -> Firm:
        gone = "the password of {} is gone: restore a backup, or set it with `postern apply`"
        firm = firm_of(_read_nouns(connection), self._passwords(connection, gone))
        return replace(firm, revision=steps.revision(connection))

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


def _rehearse(connection: Connection, firm: Firm, undoes: int | None) -> list[Refiling]:
    """From the firm that is there."""
    back = None if undoes is None else Back(undoes, steps.require_last(connection, undoes).newest)
    return Look(connection, Turn(_bare(_read_nouns(connection)), firm, back)).refilings


def _look(connection: Connection) -> tuple[Step, Look]:
    """Of the step that is under way; all that came before it was filed as the old firm has it."""
    step, rows = steps.under_way(connection), _read_nouns(connection)
    assert step is not None
    old = _bare(steps.reversed_nouns(connection, step.number, rows))
    back = None if step.undoes is None else Back(step.undoes, steps.find(connection, step.undoes).newest)
    return step, Look(connection, Turn(old, _bare(rows), back, step.number))


def _slice(connection: Connection, *, look: Look, numbers: Sequence[int], step: Step, seconds: float) -> _Slice:
    """The first of these messages; with the last of them the step ends, and the trail says what it did.

    The trail does not say whose mail it refiled: who reads it may not read mail.
    """
    deed = Deed(step.number, step.who, step.at)
    refilings = carry_out(connection, look, numbers, deed, seconds) if numbers else []
    left = numbers[len(refilings) :]
    late = [] if left else look.late(connection)
    did = tuple(one for some in refilings for one in some)
    if left or late:
        return _Slice(did, left or late, is_late=bool(late))
    counts = steps.end(connection, step.number)
    verb = "applied" if step.undoes is None else f"took back {step.undoes}"
    book(connection, [Entry("step", str(step.number), verb, summary(counts))], step.who, step.at)
    return _Slice(did, (), revision=steps.revision(connection))


def _bare(rows: steps.Nouns) -> Firm:
    """The firm without its passwords."""
    return firm_of(rows, lambda _: Secret(""))


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
