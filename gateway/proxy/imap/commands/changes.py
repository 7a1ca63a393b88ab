"""Changing messages: APPEND, STORE, COPY, MOVE, EXPUNGE (RFC 9051 sections 6.3.12 and 6.4)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gateway.domain.errors import NotFound
from gateway.proxy.imap.answers import No
from gateway.proxy.imap.commands.reading import messages
from gateway.proxy.imap.commands.selection import account_of, view_of
from gateway.proxy.imap.mailstore import FlagChange, Folder, Row
from gateway.proxy.imap.parse import Arguments, Command
from gateway.proxy.imap.sequence import SequenceSet, written
from gateway.proxy.imap.session import Session
from gateway.proxy.imap.view import View, flag_list

_STORE = re.compile(rb"[+-]?FLAGS(?:\.SILENT)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that a client brings."""

    raw: bytes = field(repr=False)
    flags: frozenset[str]
    at: datetime | None


async def append(session: Session, command: Command) -> str:
    """RFC 9051 section 6.3.12, with the UID told (RFC 4315)."""
    arguments = command.arguments
    arguments.space()
    name = arguments.mailbox()
    letter = read_letter(arguments)
    arguments.end()
    return await put(session, name, [letter])


def read_letter(arguments: Arguments) -> Letter:
    """The ``append-message`` that stands behind the folder's name, or behind another."""
    arguments.space()
    flags = arguments.flags() if arguments.next(b"(") else frozenset[str]()
    if flags or arguments.next(b" "):
        arguments.space()
    at = arguments.date_time() if arguments.next(b'"') else None
    if at is not None:
        arguments.space()
    raw = arguments.literal()
    if b"\0" in raw:
        raise No("a message holds no NUL", code="CANNOT")
    return Letter(raw, flags, at)


async def put(session: Session, name: str, letters: Sequence[Letter]) -> str:
    """Into that folder, in their order; what is to be said of it. Who gives several has a store that keeps them all."""
    folder = await _target(session, name)
    uids = [await folder.append(one.raw, one.flags, one.at) for one in letters]
    validity, told = (await folder.state()).uidvalidity, written(uids).decode("ascii")
    return f"{_code(session, 'APPENDUID', folder, validity, told)}kept"


def _code(session: Session, word: str, folder: Folder, *values: object) -> str:
    return f"[{word} {' '.join(str(value) for value in values)}] " if session.offers("UIDPLUS") else ""


async def _target(session: Session, name: str) -> Folder:
    try:
        return await account_of(session).open(name)
    except NotFound as error:
        raise No("there is no such folder", code="TRYCREATE") from error


def _writable(session: Session) -> View:
    view = view_of(session)
    if view.read_only:
        raise No("the folder was opened to look only", code="CANNOT")
    return view


async def store(session: Session, command: Command) -> str:
    """RFC 9051 section 6.4.6."""
    view = _writable(session)
    arguments = command.arguments
    arguments.space()
    numbers = SequenceSet.read(arguments)
    arguments.space()
    how = arguments.match(_STORE, "FLAGS").decode("ascii").upper()
    arguments.space()
    flags = arguments.flags()
    arguments.end()
    chosen = messages(view, numbers, uid=command.uid)
    change = FlagChange(how[0] if how[0] in "+-" else "")
    await view.folder.flag([row.uid for _, row in chosen], flags, change)
    await _told_flags(session, view, chosen, silent=how.endswith(".SILENT"), uid=command.uid)
    return "stored"


async def _told_flags(session: Session, view: View, chosen: list[tuple[int, Row]], *, silent: bool, uid: bool) -> None:
    current = {row.uid: row for row in await view.folder.rows()}
    for number, old in chosen:
        row = current.get(old.uid, old)
        view.know(number, row)
        if not silent:
            shown = b"UID %d " % row.uid if uid else b""
            session.tell(b"%d FETCH (%sFLAGS %s)" % (number, shown, flag_list(row.flags)))


async def copy(session: Session, command: Command) -> str:
    """RFC 9051 section 6.4.7, with the UIDs told (RFC 4315)."""
    view = view_of(session)
    chosen, target = await _journey(session, view, command)
    return f"{await _copied(session, view, chosen, target)}copied"


async def move(session: Session, command: Command) -> str:
    """RFC 6851: the new places are told before the old ones are gone."""
    view = _writable(session)
    chosen, target = await _journey(session, view, command)
    code = await _copied(session, view, chosen, target)
    if code:
        session.tell(f"OK {code}moved")
    await view.folder.expunge([row.uid for _, row in chosen])
    return "moved"


async def _journey(session: Session, view: View, command: Command) -> tuple[list[tuple[int, Row]], Folder]:
    arguments = command.arguments
    arguments.space()
    numbers = SequenceSet.read(arguments)
    arguments.space()
    name = arguments.mailbox()
    arguments.end()
    return messages(view, numbers, uid=command.uid), await _target(session, name)


async def _copied(session: Session, view: View, chosen: list[tuple[int, Row]], target: Folder) -> str:
    pairs: list[tuple[int, int]] = []
    for _, row in chosen:
        raw = await view.folder.raw(row.uid)
        if raw is not None:
            pairs.append((row.uid, await target.append(raw, row.flags, row.internaldate)))
    if not pairs:
        return ""
    old, new = (written([pair[side] for pair in pairs]).decode("ascii") for side in (0, 1))
    return _code(session, "COPYUID", target, (await target.state()).uidvalidity, old, new)


async def expunge(session: Session, command: Command) -> str:
    """``UID EXPUNGE`` removes only what is marked and named (RFC 4315)."""
    view = _writable(session)
    marked = [row.uid for row in await view.folder.rows() if "\\Deleted" in row.flags]
    if command.uid:
        command.arguments.space()
        numbers = SequenceSet.read(command.arguments)
        marked = [marked[place] for place in numbers.places(marked)]
    command.arguments.end()
    await view.folder.expunge(marked)
    return "removed"
