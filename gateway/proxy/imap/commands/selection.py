"""Opening and closing a folder, and waiting for what happens in it (RFC 9051 sections 6.3 and 6.4)."""

from __future__ import annotations

import asyncio

from gateway.domain.errors import NotFound
from gateway.proxy.imap.answers import Bad, No
from gateway.proxy.imap.mailstore import Account
from gateway.proxy.imap.parse import SYSTEM_FLAGS, Command
from gateway.proxy.imap.session import PATIENCE, Session
from gateway.proxy.imap.view import View

MAX_DONE = 1_024  # octets of the line that ends IDLE


def account_of(session: Session) -> Account:
    """The table of commands sees to it that there is one."""
    if session.account is None:
        raise Bad("sign in first")
    return session.account


def view_of(session: Session) -> View:
    """The table of commands sees to it that there is one."""
    if session.view is None:
        raise Bad("select a folder first")
    return session.view


async def select(session: Session, command: Command) -> str:
    """RFC 9051 section 6.3.2."""
    return await _open(session, command, read_only=False)


async def examine(session: Session, command: Command) -> str:
    """RFC 9051 section 6.3.3: nothing can be changed."""
    return await _open(session, command, read_only=True)


async def _open(session: Session, command: Command, *, read_only: bool) -> str:
    command.arguments.space()
    name = command.arguments.mailbox()
    command.arguments.end()
    return await open_folder(session, name, read_only=read_only)


async def open_folder(session: Session, name: str, *, read_only: bool) -> str:
    """Tells what the folder holds and makes it the session's; the text of the tagged OK."""
    session.view = None  # also when opening the new one fails, RFC 9051 section 6.3.2
    try:
        folder = await account_of(session).open(name)
    except NotFound as error:
        raise No("there is no such folder", code="NONEXISTENT") from error
    view = await View.of(folder, read_only=read_only)
    keywords = {flag for row in view.rows for flag in row.flags} - set(SYSTEM_FLAGS.values())
    flags = " ".join([*SYSTEM_FLAGS.values(), *sorted(keywords)])
    session.tell(f"FLAGS ({flags})")
    session.tell("OK [PERMANENTFLAGS ()] look only" if read_only else f"OK [PERMANENTFLAGS ({flags} \\*)] kept")
    session.tell(f"{len(view.rows)} EXISTS")
    session.tell("0 RECENT")  # IMAP4rev1 asks for it; RFC 9051 did away with the notion, and so do we
    unseen = next((number for number, row in enumerate(view.rows, 1) if "\\Seen" not in row.flags), 0)
    if unseen:
        session.tell(f"OK [UNSEEN {unseen}] the first unread one")
    session.tell(f"OK [UIDVALIDITY {view.uidvalidity}] UIDs are good while this stays")
    session.tell(f"OK [UIDNEXT {(await folder.state()).uidnext}] the next UID")
    session.view = view
    return "[READ-ONLY] opened to look" if read_only else "[READ-WRITE] opened"


async def check(session: Session, command: Command) -> str:
    """RFC 3501 section 6.4.1: there is nothing to be flushed."""
    command.arguments.end()
    return "all is kept anyway"


async def close(session: Session, command: Command) -> str:
    """Removes what is marked, and says nothing about it (RFC 9051 section 6.4.1)."""
    command.arguments.end()
    view = view_of(session)
    if not view.read_only:
        await view.folder.expunge([row.uid for row in await view.folder.rows() if "\\Deleted" in row.flags])
    session.view = None
    return "closed"


async def unselect(session: Session, command: Command) -> str:
    """RFC 3691: CLOSE without removing anything."""
    command.arguments.end()
    session.view = None
    return "closed, nothing removed"


async def idle(session: Session, command: Command) -> str:
    """RFC 2177: tells what happens until the client says DONE, hangs up, or half an hour has passed."""
    command.arguments.end()
    session.write(b"+ idling\r\n")
    changed = asyncio.Event()
    unwatch = session.watch(changed.set)
    line = asyncio.ensure_future(session.wire.line(MAX_DONE))
    line.add_done_callback(lambda _: changed.set())
    try:
        async with asyncio.timeout(PATIENCE):
            await _tell_until(session, changed, line)
    except TimeoutError:
        session.bye("you have been idle for too long")
        return "idle ended"
    finally:
        unwatch()
        line.cancel()
        await asyncio.gather(line, return_exceptions=True)
    if line.result().strip().upper() != b"DONE":
        raise Bad("DONE was expected")
    return "idle ended"


async def _tell_until(session: Session, changed: asyncio.Event, line: asyncio.Future[bytes]) -> None:
    while not line.done():
        changed.clear()
        await session.update(expunges=True)
        await session.wire.drain()
        await changed.wait()
