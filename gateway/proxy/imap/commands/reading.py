"""Looking at messages: FETCH and SEARCH (RFC 9051 sections 6.4.4 and 6.4.5)."""

from __future__ import annotations

from dataclasses import replace

from gateway.mime.header import Header
from gateway.proxy.imap import fetch as fetching
from gateway.proxy.imap import search as searching
from gateway.proxy.imap.answers import Bad, No
from gateway.proxy.imap.commands.selection import view_of
from gateway.proxy.imap.fetch import Item
from gateway.proxy.imap.mailstore import FlagChange, Row
from gateway.proxy.imap.parse import Command
from gateway.proxy.imap.search import Candidate
from gateway.proxy.imap.sequence import SequenceSet
from gateway.proxy.imap.session import Session
from gateway.proxy.imap.view import View


def messages(view: View, numbers: SequenceSet, *, uid: bool) -> list[tuple[int, Row]]:
    """The messages meant; a number beyond the last one is a mistake, a UID that is gone is none."""
    top = len(view.rows)
    if not uid and any(max(pair) > top for pair in numbers.ranges):
        raise Bad(f"there are {top} messages")
    return view.chosen(numbers, uid=uid)


async def fetch(session: Session, command: Command) -> str:
    """RFC 9051 section 6.4.5; one message at a time, so that a slow client costs one message of memory."""
    view = view_of(session)
    command.arguments.space()
    numbers = SequenceSet.read(command.arguments)
    command.arguments.space()
    items = fetching.read_items(command.arguments, uid=command.uid, more=session.attributes)
    wanted = session.selected(command.arguments)
    command.arguments.end()
    chosen = messages(view, numbers, uid=command.uid)
    gone = False
    for number, row in filter(wanted, chosen):
        gone |= not await _tell(session, view, number, row, items)
        await session.wire.drain()
    if gone and not command.uid:
        raise No("some of the messages are gone", code="EXPUNGEISSUED")
    return "fetched"


async def _tell(session: Session, view: View, number: int, row: Row, items: tuple[Item, ...]) -> bool:
    """One message's answer; False where the message is gone."""
    raw = await view.folder.raw(row.uid) if fetching.needs_raw(items) else b""
    if raw is None:
        return False
    if fetching.marks_seen(items) and not view.read_only and "\\Seen" not in row.flags:
        await view.folder.flag([row.uid], {"\\Seen"}, FlagChange.ADD)
        row = replace(row, flags=row.flags | {"\\Seen"})
        view.know(number, row)
        items = items if Item("FLAGS") in items else (*items, Item("FLAGS"))
    session.tell(fetching.answer(number, row, items, raw))
    return True


async def search(session: Session, command: Command) -> str:
    """RFC 9051 section 6.4.4."""
    view = view_of(session)
    command.arguments.space()
    program = searching.read_program(command.arguments, view)
    hits: list[int] = []
    for number, row in enumerate(view.rows, 1):
        raw = await view.folder.raw(row.uid) if program.needs_raw else b""
        if raw is not None and program.holds(Candidate(row, raw, Header.read(raw))):
            hits.append(row.uid if command.uid else number)
    session.tell(" ".join(["SEARCH", *(str(hit) for hit in hits)]))
    return "searched"
