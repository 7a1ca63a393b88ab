"""Folders as such: LIST and its relatives, STATUS, CREATE, subscriptions (RFC 9051 section 6.3, RFC 5258, RFC 5819)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.domain.errors import Conflict, NotFound
from gateway.proxy.imap import answers
from gateway.proxy.imap.answers import Bad, No
from gateway.proxy.imap.commands.selection import account_of
from gateway.proxy.imap.mailstore import Account, FolderEntry
from gateway.proxy.imap.names import DELIMITER, encoded, matches
from gateway.proxy.imap.parse import Arguments, Command
from gateway.proxy.imap.session import Session

MAX_PATTERNS = 20  # of one LIST

_SELECTIONS = frozenset({"SUBSCRIBED", "REMOTE", "RECURSIVEMATCH", "SPECIAL-USE"})
_RETURNS = frozenset({"SUBSCRIBED", "CHILDREN", "SPECIAL-USE"})
_COUNTS = frozenset({"MESSAGES", "RECENT", "UIDNEXT", "UIDVALIDITY", "UNSEEN"})
_RETURN = re.compile(rb" RETURN ", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Wish:
    """One LIST: which folders, and what of them."""

    patterns: tuple[str, ...]
    selections: frozenset[str] = frozenset()
    returns: frozenset[str] = frozenset()
    counts: tuple[str, ...] = ()


async def list_(session: Session, command: Command) -> str:
    """RFC 9051 section 6.3.9 with LIST-STATUS; folders in the order of the store."""
    wish = _wish(command.arguments)
    if wish.patterns == ("",):
        session.tell(f'LIST (\\Noselect) "{DELIMITER}" ""')  # asks for the delimiter only
        return "listed"
    account = account_of(session)
    entries = await account.entries()
    for entry in entries:
        if not any(matches(entry.name, pattern) for pattern in wish.patterns) or not _selected(entry, wish):
            continue
        attributes = _attributes(entry, entries, wish)
        session.tell(
            f'LIST ({" ".join(attributes)}) "{DELIMITER}" '.encode("ascii") + answers.string(encoded(entry.name))
        )
        if wish.counts:
            session.tell(await _counted(account, entry.name, wish.counts))
    return "listed"


def _wish(arguments: Arguments) -> _Wish:
    arguments.space()
    selections = frozenset[str]()
    if arguments.next(b"("):
        selections = frozenset(_words(arguments, _SELECTIONS))
        arguments.space()
    if selections and selections <= {"RECURSIVEMATCH", "REMOTE"} and "RECURSIVEMATCH" in selections:
        raise Bad("RECURSIVEMATCH needs another selection")
    reference = arguments.mailbox()
    arguments.space()
    patterns = tuple(f"{reference}{pattern}" if pattern else "" for pattern in _patterns(arguments))
    returns, counts = _returns(arguments)
    arguments.end()
    return _Wish(patterns, selections, returns, counts)


def _patterns(arguments: Arguments) -> list[str]:
    if not arguments.accept(b"("):
        return [arguments.pattern()]
    found = [arguments.pattern()]
    while not arguments.accept(b")"):
        arguments.space()
        found.append(arguments.pattern())
        if len(found) > MAX_PATTERNS:
            raise Bad("too many patterns")
    return found


def _returns(arguments: Arguments) -> tuple[frozenset[str], tuple[str, ...]]:
    if arguments.at_end:
        return frozenset(), ()
    arguments.match(_RETURN, "RETURN")
    arguments.expect(b"(")
    words: set[str] = set()
    counts: tuple[str, ...] = ()
    while not arguments.accept(b")"):
        if words or counts:
            arguments.space()
        word = arguments.atom()
        if word == "STATUS":
            arguments.space()
            counts = tuple(_words(arguments, _COUNTS))
        elif word in _RETURNS:
            words.add(word)
        else:
            raise Bad(f"{word} can't be returned")
    return frozenset(words), counts


def _words(arguments: Arguments, known: frozenset[str]) -> list[str]:
    """A list in parentheses of words that we know."""
    arguments.expect(b"(")
    found: list[str] = []
    while not arguments.accept(b")"):
        if found:
            arguments.space()
        word = arguments.atom()
        if word not in known:
            raise Bad(f"{word} is not known here")
        if word not in found:
            found.append(word)
    return found


def _selected(entry: FolderEntry, wish: _Wish) -> bool:
    if "SUBSCRIBED" in wish.selections and not entry.subscribed:
        return False
    return "SPECIAL-USE" not in wish.selections or bool(entry.attributes)


def _attributes(entry: FolderEntry, entries: Sequence[FolderEntry], wish: _Wish) -> list[str]:
    inside = any(other.name.startswith(entry.name + DELIMITER) for other in entries)
    attributes = [*sorted(entry.attributes), "\\HasChildren" if inside else "\\HasNoChildren"]
    if entry.subscribed and "SUBSCRIBED" in wish.returns | wish.selections:
        attributes.append("\\Subscribed")
    return attributes


async def lsub(session: Session, command: Command) -> str:
    """RFC 3501 section 6.3.9; what LIST (SUBSCRIBED) says in newer words."""
    arguments = command.arguments
    arguments.space()
    reference = arguments.mailbox()
    arguments.space()
    pattern = reference + arguments.pattern()
    arguments.end()
    for entry in await account_of(session).entries():
        if entry.subscribed and matches(entry.name, pattern):
            session.tell(f'LSUB () "{DELIMITER}" '.encode("ascii") + answers.string(encoded(entry.name)))
    return "listed"


async def status(session: Session, command: Command) -> str:
    """RFC 9051 section 6.3.11."""
    arguments = command.arguments
    arguments.space()
    name = arguments.mailbox()
    arguments.space()
    counts = tuple(_words(arguments, _COUNTS))
    arguments.end()
    if not counts:
        raise Bad("nothing was asked for")
    try:
        session.tell(await _counted(account_of(session), name, counts))
    except NotFound as error:
        raise No("there is no such folder", code="NONEXISTENT") from error
    return "counted"


async def _counted(account: Account, name: str, counts: Sequence[str]) -> bytes:
    folder = await account.open(name)
    state, rows = await folder.state(), await folder.rows()
    values = {
        "MESSAGES": len(rows),
        "RECENT": 0,
        "UIDNEXT": state.uidnext,
        "UIDVALIDITY": state.uidvalidity,
        "UNSEEN": sum("\\Seen" not in row.flags for row in rows),
    }
    told = " ".join(f"{count} {values[count]}" for count in counts)
    return b"STATUS " + answers.string(encoded(name)) + f" ({told})".encode("ascii")


async def namespace(session: Session, command: Command) -> str:
    """RFC 2342: everything is the user's own."""
    command.arguments.end()
    session.tell(f'NAMESPACE (("" "{DELIMITER}")) NIL NIL')
    return "that is all there is"


async def create(session: Session, command: Command) -> str:
    """RFC 9051 section 6.3.4; a folder may be created inside one that does not exist."""
    name = _name(command.arguments).rstrip(DELIMITER)
    if not name or name.startswith(DELIMITER) or DELIMITER * 2 in name or any(c in "*%" for c in name):
        raise No("that can't be the name of a folder", code="CANNOT")
    try:
        await account_of(session).create(name)
    except Conflict as error:
        raise No("there is such a folder already", code="ALREADYEXISTS") from error
    return "created"


async def subscribe(session: Session, command: Command) -> str:
    """RFC 9051 section 6.3.7."""
    await account_of(session).subscribe(_name(command.arguments), wanted=True)
    return "subscribed"


async def unsubscribe(session: Session, command: Command) -> str:
    """RFC 9051 section 6.3.8."""
    await account_of(session).subscribe(_name(command.arguments), wanted=False)
    return "unsubscribed"


def _name(arguments: Arguments) -> str:
    arguments.space()
    name = arguments.mailbox()
    arguments.end()
    return name
