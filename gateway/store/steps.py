"""Steps: each change of the firm, with what it changed, so that it can be taken back as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, or_, select, update

from gateway.domain.errors import Conflict, NotFound, Outdated
from gateway.domain.step import Doing, Step
from gateway.store.compiled import Compiled
from gateway.store.correspondents import newest
from gateway.store.firm_rows import Document, Noun, canonical
from gateway.store.schema import step, step_filing, step_noun

ORDER = ("order", "rule")  # not a thing, but part of what a change can change
_UNKEPT = {"member": "password_hash"}  # a secret: a step that is taken back brings none back

Key = tuple[str, str]
Nouns = Mapping[Key, Noun]

_ADD = Compiled(insert(step))
_LAST = Compiled(select(step.c.number, step.c.refiled).order_by(step.c.number.desc()).limit(1))
_ALSO = Compiled(insert(step_filing).prefix_with("OR IGNORE"))
_REFILED = update(step).where(step.c.number == bindparam("of_step")).values(refiled=True)
_COUNT = (
    select(step_filing.c.does, func.count().label("filings"))
    .where(step_filing.c.step == bindparam("of_step"))
    .group_by(step_filing.c.does)
)
_NOTE = insert(step_noun)
_FIND = select(step).where(step.c.number == bindparam("of_step"))
_OF_STEP = select(step_noun).where(step_noun.c.step == bindparam("of_step"))
_UNDONE = update(step).where(step.c.number == bindparam("of_step"))
# Steps behind it that are in force: neither taken back, nor the taking back of one that came behind it too.
_SINCE = (
    step.c.number > bindparam("of_step"),
    step.c.undone_by.is_(None),
    or_(step.c.undoes.is_(None), step.c.undoes <= bindparam("of_step")),
)
_THEIR_MAIL = select(step_filing.c.message).where(step_filing.c.step == bindparam("of_step"))
_SAME_MAIL = (
    select(func.max(step.c.number))
    .join(step_filing, step_filing.c.step == step.c.number)
    .where(*_SINCE, step_filing.c.message.in_(_THEIR_MAIL))
)
_SAME_NOUN = (
    select(func.max(step.c.number))
    .join(step_noun, step_noun.c.step == step.c.number)
    .where(*_SINCE, step_noun.c.kind == bindparam("kind"), step_noun.c.name == bindparam("name"))
)


@dataclass(frozen=True, slots=True)
class _Changed:
    """One thing that a step changed; None: it was not there."""

    key: Key
    position: int
    before: Document | None
    after: Document | None


def begin(connection: Connection, by: str, at: datetime, undoes: int | None) -> int:
    """A new step's number; its mail is still to be refiled.

    What it takes back is said to be taken back, and in force again what that took back.
    """
    values = {"at": at, "who": by, "newest": newest(connection), "undoes": undoes, "undone_by": None}
    number = _ADD.add(connection, values | {"refiled": False})
    if undoes is not None:
        undone = find(connection, undoes)
        connection.execute(_UNDONE.values(undone_by=number), {"of_step": undoes})
        if undone.undoes is not None:
            connection.execute(_UNDONE.values(undone_by=None), {"of_step": undone.undoes})
    return number


def revision(connection: Connection) -> int:
    """Grows when a step makes the firm another, and once more when all stored mail lies as it says."""
    row = _LAST.first(connection, {})
    return 0 if row is None else 2 * row.number + row.refiled


def require(connection: Connection, decided: int) -> None:
    """Outdated where the firm is not of that revision any more; 0 stands for any."""
    if decided and decided != (now := revision(connection)):
        raise Outdated("The firm was changed at this moment: try again.", detail=f"revision {decided}, now {now}")


def also(connection: Connection, client: str, message: int) -> None:
    """A tail files a stored message by the new firm before the step under way comes to it: the step's doing too."""
    step = under_way(connection)
    if step is not None and message <= step.newest:
        _ALSO.run(connection, {"step": step.number, "client": client, "message": message, "does": Doing.FILED.value})


def under_way(connection: Connection) -> Step | None:
    """The step of which stored mail is still to be refiled."""
    row = _LAST.first(connection, {})
    return None if row is None or row.refiled else find(connection, row.number)


def end(connection: Connection, number: int) -> dict[Doing, int]:
    """All of its mail is refiled: how many filings it changed, by how."""
    connection.execute(_REFILED, {"of_step": number})
    return {Doing(row.does): row.filings for row in connection.execute(_COUNT, {"of_step": number})}


def find(connection: Connection, number: int) -> Step:
    """NotFound where there is none."""
    row: Row[Any] | None = connection.execute(_FIND, {"of_step": number}).one_or_none()
    if row is None:
        raise NotFound(f"There is no step {number}: `postern activity` shows them.")
    return Step(row.number, row.at, row.who, row.newest, row.undoes, row.undone_by)


def note(connection: Connection, number: int, old: Nouns, new: Nouns) -> None:
    """Of each thing that differs, how it was and how it is; without secrets."""
    rows = [
        _row(number, key, old.get(key), new.get(key))
        for key in {**old, **new}
        if _plain(old.get(key)) != _plain(new.get(key))
    ]
    if _order(old) != _order(new):
        order = {"before": {"names": _order(old)}, "after": {"names": _order(new)}}
        rows.append({"step": number, "kind": ORDER[0], "name": ORDER[1], "position": 0, **order})
    if rows:
        connection.execute(_NOTE, rows)


def require_last(connection: Connection, number: int) -> Step:
    """A step that can be taken back as far as the record goes. Conflict where it was, or its mail was refiled."""
    found = find(connection, number)
    if found.undone_by is not None:
        raise Conflict(f"Step {number} was taken back by step {found.undone_by}.")
    later = connection.execute(_SAME_MAIL, {"of_step": number}).scalar()
    if later is not None:
        raise Conflict(f"Step {later} filed some of the same mail since: `postern undo {later}` first.")
    return found


def reversed_nouns(connection: Connection, number: int, current: Nouns) -> dict[Key, Noun]:
    """The firm's things as they are with that step taken back. Conflict where one of them was changed again since."""
    changed = sorted(
        (_read(row) for row in connection.execute(_OF_STEP, {"of_step": number})), key=lambda one: one.position
    )
    order = next((one for one in changed if one.key == ORDER), None)
    todo = [one for one in changed if one.key != ORDER and not _is_back(connection, number, one, current.get(one.key))]
    rows = _laid_back(current, todo)
    if order is not None and not _is_back(connection, number, order, _order_noun(current)):
        assert order.before is not None
        rows = _ordered(rows, order.before["names"])
    return rows


def _is_back(connection: Connection, number: int, one: _Changed, now: Noun | None) -> bool:
    """Whether it is as it was before; Conflict where it is neither that nor what the step made of it."""
    found, before, after = _same(one.key, _plain(now)), _same(one.key, one.before), _same(one.key, one.after)
    if found == before:
        return True
    if found == after:
        return False
    kind, name = one.key
    what = "The order of the rules" if one.key == ORDER else f"{kind.capitalize()} {name}".rstrip()
    later = connection.execute(_SAME_NOUN, {"of_step": number, "kind": kind, "name": name}).scalar()
    then = f" by step {later}: `postern undo {later}` first" if later else "; change it by hand"
    raise Conflict(f"{what} was changed again since{then}.")


def _laid_back(current: Nouns, todo: Sequence[_Changed]) -> dict[Key, Noun]:
    """Things that come back stand where they stood, as far as others left room."""
    kinds: dict[str, list[Noun]] = {}
    for noun in sorted(current.values(), key=lambda one: one.position):
        kinds.setdefault(noun.kind, []).append(noun)
    for one in todo:
        kind, name = one.key
        row, now = kinds.setdefault(kind, []), current.get(one.key)
        if now is not None:
            place = row.index(now)
            row[place : place + 1] = [] if one.before is None else [replace(now, document=_whole(one.before, now))]
        elif one.before is not None:
            row.insert(one.position, Noun(kind, name, 0, _whole(one.before, None)))
    return {(noun.kind, noun.name): replace(noun, position=at) for row in kinds.values() for at, noun in enumerate(row)}


def _ordered(rows: Mapping[Key, Noun], names: object) -> dict[Key, Noun]:
    assert isinstance(names, list)
    places = {("rule", name): at for at, name in enumerate(names)}
    return {key: replace(noun, position=places.get(key, noun.position)) for key, noun in rows.items()}


def _whole(document: Document, now: Noun | None) -> Document:
    """With the secret that there is; a member who comes back has none, and signs in once one is applied."""
    kept = {
        name: now.document[name] if now else "" for name in _UNKEPT.values() if name in (now.document if now else {})
    }
    return document | kept


def _row(number: int, key: Key, old: Noun | None, new: Noun | None) -> dict[str, object]:
    there = old or new
    assert there is not None
    both = {"before": _plain(old), "after": _plain(new)}
    return {"step": number, "kind": key[0], "name": key[1], "position": there.position, **both}


def _plain(noun: Noun | None) -> Document | None:
    if noun is None:
        return None
    return {key: value for key, value in noun.document.items() if key != _UNKEPT.get(noun.kind)}


def _same(key: Key, document: Document | None) -> Document | None:
    """As this version writes it, so that a step of an older one can be compared."""
    if document is None or key == ORDER:
        return document
    return _plain(canonical(Noun(*key, 0, document)))


def _order(nouns: Nouns) -> list[str]:
    rules = sorted((one for one in nouns.values() if one.kind == "rule"), key=lambda one: one.position)
    return [one.name for one in rules]


def _order_noun(nouns: Nouns) -> Noun:
    return Noun(*ORDER, 0, {"names": _order(nouns)})


def _read(row: Row[Any]) -> _Changed:
    return _Changed((row.kind, row.name), row.position, row.before, row.after)
