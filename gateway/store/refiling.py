"""What a change of the firm does to the record: looked for by a reader, so that nobody who writes waits for it.

A rehearsal is the look alone, so it says what the change would do because the change does the same once the firm is
the new one. It can be made again at any moment from there to the change's end, by whoever goes on after a crash: what
is done already is found done, and who has been filed by hand since is left as they are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import BindParameter, Connection, Select, bindparam, select

from gateway.domain.firm import Firm
from gateway.domain.record import Direction, HeaderFacts, Mark
from gateway.domain.step import Doing, Refiled, Refiling
from gateway.policy import refiling
from gateway.policy.match import Evidence, clients_of
from gateway.policy.refiling import Lying
from gateway.policy.thread import MAX_RELATED
from gateway.store.compiled import Compiled
from gateway.store.correspondents import candidates, evidence, newest, read_up_to
from gateway.store.schema import filing, message, reference, step_filing, unfiled

AT_ONCE = 500  # messages looked at together: SQLite takes 32,766 values, and a short statement is prepared once
ROUNDS = 10  # from what is answered to its answers: those name all before them, so one or two are usual

_NUMBERS: BindParameter[Any] = bindparam("numbers", expanding=True)
_COLUMNS = [
    message.c[name] for name in ("id", "message_id", "subject", "sender", "recipients", "date", "people", "saves")
]
MESSAGES = select(*_COLUMNS, message.c.in_reply_to, message.c.refs).where(message.c.id.in_(_NUMBERS))
_LIE = select(filing.c.message, filing.c.client, filing.c.flags, filing.c.direction).where(
    filing.c.message.in_(_NUMBERS)
)
_ASIDE = select(unfiled).where(unfiled.c.message.in_(_NUMBERS))
_HOLDERS = Compiled(
    select(message.c.id, filing.c.client)
    .outerjoin(filing, filing.c.message == message.c.id)
    .where(message.c.message_id == bindparam("name"))
)
_MADE = Compiled(
    select(step_filing.c.client, step_filing.c.does).where(
        step_filing.c.step == bindparam("of_step"), step_filing.c.message == bindparam("number")
    )
)
_ANSWERING = (
    select(reference.c.message)
    .join(message, message.c.message_id == reference.c.ref)
    .where(message.c.id.in_(_NUMBERS), message.c.message_id != "")
)
_LATE = (
    select(reference.c.message, message.c.id)
    .join(message, message.c.message_id == reference.c.ref)
    .where(reference.c.message > bindparam("newest"), message.c.message_id != "")
)
_DONE = select(step_filing.c.message, step_filing.c.client, step_filing.c.does).where(
    step_filing.c.step == bindparam("of_step")
)


@dataclass(frozen=True, slots=True)
class Back:
    """A step that is taken back; ``newest`` is the newest message that was stored when it was made."""

    step: int
    newest: int


@dataclass(frozen=True, slots=True)
class Turn:
    """From which firm to which; ``step`` is the one that makes it so, None for a rehearsal."""

    old: Firm
    new: Firm
    back: Back | None = None
    step: int | None = None


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a message lies: its flags by client, and out of whose records it was taken; by rows of both.

    ``sent``: it lies in anybody's Sent, or did. That was said when more was known than its header says, as its
    provider's labels, and it stays so for whomever it is filed under later.
    """

    flags: Mapping[str, tuple[str, ...]]
    taken: Mapping[str, Any]
    sent: bool


@dataclass(slots=True)
class _Found:
    """What becomes of messages, as far as it is known."""

    refilings: dict[int, tuple[Refiling, ...]] = field(default_factory=dict)
    lay: dict[int, _Place] = field(default_factory=dict)  # when that was found
    lie: dict[int, frozenset[str]] = field(default_factory=dict)  # in whose records, once it is done


def facts_of(row: Any) -> HeaderFacts:
    """Of a row of MESSAGES."""
    answers = tuple(row.in_reply_to), tuple(row.refs)
    return HeaderFacts(row.message_id, *answers, row.subject, row.sender, row.recipients, row.date, tuple(row.people))


class Look:
    """What becomes of stored messages where the firm becomes another; it only reads.

    Every message in `correspondents` is looked at that can be another's by it: by its addresses and tags, and where
    nothing else tells, because what it answers goes elsewhere.
    """

    def __init__(self, connection: Connection, turn: Turn) -> None:
        self._connection = connection
        self._turn = turn
        self._done = _done(connection, turn.back.step) if turn.back else {}
        self._found = _Found()
        self._newest = read_up_to(connection)
        self._run()

    @property
    def numbers(self) -> list[int]:
        """The messages of which something becomes, in their order."""
        return sorted(number for number, becomes in self._found.refilings.items() if becomes)

    @property
    def refilings(self) -> list[Refiling]:
        """By message."""
        return [one for number in self.numbers for one in self._found.refilings[number]]

    def again(self, connection: Connection, numbers: Sequence[int]) -> dict[int, tuple[Refiling, ...]]:
        """What becomes of these, in the transaction that does it: said anew where they lie otherwise than they did."""
        self._connection = connection
        places = _places(connection, numbers)
        moved = [number for number in numbers if places[number] != self._found.lay.get(number)]
        if moved:
            list(self._look(moved))
        return {number: self._found.refilings.get(number, ()) for number in numbers}

    def late(self, connection: Connection) -> list[int]:
        """Messages that were stored since the last look, and answer what goes elsewhere: it may take them along."""
        rows = connection.execute(_LATE, {"newest": self._newest}).all()
        self._newest = newest(connection)
        found = {row.message for row in rows if row.id in self._found.lie}
        for number in found:
            self._found.lay.pop(number, None)
        return sorted(found)

    def _run(self) -> None:
        firms = self._turn.old, self._turn.new
        where = refiling.touched(*firms)
        wave = set(self._done)
        if not where.is_nothing:
            wave |= candidates(self._connection, where, *firms)
        for _ in range(ROUNDS):
            changed = [number for some in _chunks(sorted(wave)) for number in self._look(some)]
            wave = {number for some in _chunks(changed) for number in self._answering(some)}
            if not wave:
                break

    def _look(self, numbers: Sequence[int]) -> Iterator[int]:
        """Those of which something else becomes than was known."""
        rows = self._connection.execute(MESSAGES.order_by(message.c.id), {"numbers": numbers}).all()
        said = evidence(self._connection, rows)
        places = _places(self._connection, numbers)
        for row in rows:
            place = places[row.id]
            lying = self._lying(row, said[row.id], place)
            becomes = self._becomes(lying, place.taken)
            self._found.lay[row.id] = place
            if becomes != self._found.refilings.get(row.id, ()):
                self._found.refilings[row.id] = becomes
                self._found.lie[row.id] = _after(lying, becomes)
                yield row.id

    def _lying(self, row: Any, said: Evidence, place: _Place) -> Lying:
        before, after = frozenset[str](), frozenset[str]()
        if not self._is_sure(said):
            before, after = self._answered(facts_of(row))
        by_people = frozenset(name for name, one in place.taken.items() if one.step is None)
        known = Evidence(said.senders, said.recipients, said.others, said.tags, before, place.sent)
        return Lying(row.id, known, after, place.flags, by_people)

    def _is_sure(self, said: Evidence) -> bool:
        """Whether it makes no difference what it answers."""
        firms = self._turn.old, self._turn.new
        both = [clients_of(firm, said, firm.mailbox_by_key.keys()) for firm in firms]
        return all(matches and not any(match.is_doubtful for match in matches) for matches in both)

    def _answered(self, known: HeaderFacts) -> tuple[frozenset[str], frozenset[str]]:
        """In whose records lies what it answers: before this step, and once it is done."""
        before, after = set[str](), set[str]()
        for name in known.answers[:MAX_RELATED]:
            for number, lies in self._holders(name).items():
                before |= self._before(number, lies)
                after |= self._found.lie.get(number, lies)
        return frozenset(before), frozenset(after)

    def _holders(self, name: str) -> dict[int, frozenset[str]]:
        """In whose records the messages of that name lie at this moment, by message."""
        found: dict[int, set[str]] = {}
        for row in _HOLDERS.all(self._connection, {"name": name}):
            found.setdefault(row.id, set()).update([row.client] if row.client is not None else [])
        return {number: frozenset(lies) for number, lies in found.items()}

    def _before(self, number: int, lies: frozenset[str]) -> frozenset[str]:
        """The same without what this step did already."""
        if self._turn.step is None:
            return lies
        made = _MADE.all(self._connection, {"of_step": self._turn.step, "number": number})
        filed = {row.client for row in made if row.does == Doing.FILED.value}
        return lies - filed | {row.client for row in made if row.does == Doing.LEFT.value}

    def _becomes(self, lying: Lying, taken: Mapping[str, Any]) -> tuple[Refiling, ...]:
        old, new, back = self._turn.old, self._turn.new, self._turn.back
        if back is None:
            return refiling.refilings(lying, old, new)
        if lying.message > back.newest:
            return refiling.refilings(lying, old, new, since=True)
        # By the step, or by one that did it again: what any other did with this mail since would have been refused.
        aside = {name: _put_back(one) for name, one in taken.items() if one.step is not None}
        return tuple(refiling.taken_back(lying, new, self._done.get(lying.message, {}), aside))

    def _answering(self, numbers: Sequence[int]) -> Collection[int]:
        return self._connection.execute(_ANSWERING, {"numbers": numbers}).scalars().all()


def read_refiled(connection: Connection, refilings: Sequence[Refiling]) -> list[Refiled]:
    """The messages, in their order; with whose they are at this moment."""
    becomes: dict[int, list[Refiling]] = {}
    for one in refilings:
        becomes.setdefault(one.message, []).append(one)
    found: list[Refiled] = []
    for some in _chunks(list(becomes)):
        lie = _by_client(connection, _LIE, some)
        rows = connection.execute(MESSAGES.order_by(message.c.id), {"numbers": some}).all()
        found += [Refiled(row.id, facts_of(row), tuple(lie.get(row.id, ())), tuple(becomes[row.id])) for row in rows]
    return found


def _after(lying: Lying, becomes: Sequence[Refiling]) -> frozenset[str]:
    filed = {one.client for one in becomes if one.does is Doing.FILED}
    return frozenset(lying.flags) - {one.client for one in becomes if one.does is Doing.LEFT} | filed


def _put_back(row: Any) -> Refiling:
    marks = tuple(map(Mark, row.flags))
    return Refiling(row.message, row.client, Doing.FILED, Direction(row.direction), marks)


def _done(connection: Connection, step: int) -> dict[int, dict[str, Doing]]:
    found: dict[int, dict[str, Doing]] = {}
    for row in connection.execute(_DONE, {"of_step": step}):
        found.setdefault(row.message, {})[row.client] = Doing(row.does)
    return found


def _places(connection: Connection, numbers: Sequence[int]) -> dict[int, _Place]:
    lie, aside = _by_client(connection, _LIE, numbers), _by_client(connection, _ASIDE, numbers)
    return {number: _place(lie.get(number, {}), aside.get(number, {})) for number in numbers}


def _place(lies: Mapping[str, Any], taken: Mapping[str, Any]) -> _Place:
    sent = any(row.direction == Direction.SENT.value for row in (*lies.values(), *taken.values()))
    return _Place({client: tuple(row.flags) for client, row in lies.items()}, taken, sent)


def _by_client(connection: Connection, query: Select[Any], numbers: Sequence[int]) -> dict[int, dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    for row in connection.execute(query, {"numbers": numbers}):
        found.setdefault(row.message, {})[row.client] = row
    return found


def _chunks(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(numbers), AT_ONCE):
        yield numbers[start : start + AT_ONCE]
