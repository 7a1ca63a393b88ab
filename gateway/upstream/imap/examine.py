"""Looking into a folder: EXAMINE selects it so that nothing in it can be changed."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.domain.errors import ProtocolFault
from gateway.upstream.imap.command import Argument, Command
from gateway.upstream.imap.connection import Connection
from gateway.upstream.imap.parse import Exists, FolderStatus, Status, Untagged
from gateway.upstream.imap.values import Value, number


@dataclass(frozen=True, slots=True)
class FolderState:
    """A folder as EXAMINE found it; ``highestmodseq`` is 0 where the server keeps none."""

    uidvalidity: int
    uidnext: int
    exists: int
    highestmodseq: int = 0


async def examine(connection: Connection, folder: Argument) -> FolderState:
    """Select it. CommandRefused leaves no folder selected."""
    seen: dict[str, int] = {}

    def collect(response: Untagged) -> None:
        if isinstance(response, Exists):
            seen["EXISTS"] = response.count
        elif isinstance(response, Status) and response.code in {"UIDVALIDITY", "UIDNEXT", "HIGHESTMODSEQ"}:
            seen[response.code] = number(response.code_text.encode("ascii", "replace"))

    condstore = (b"(CONDSTORE)",) if "CONDSTORE" in connection.capabilities else ()
    connection.state = "AUTH"  # should it be refused, RFC 9051 section 6.3.2
    await connection.run(Command("EXAMINE", (folder, *condstore)), collect)
    connection.state = "SELECTED"
    if not seen.get("UIDVALIDITY"):
        raise ProtocolFault(
            "The mail server numbers the messages of a folder anew each time: it can't be synced.",
            detail="no UIDVALIDITY",
        )
    uidnext = seen.get("UIDNEXT") or await _ask_uidnext(connection, folder)
    return FolderState(seen["UIDVALIDITY"], uidnext, seen.get("EXISTS", 0), seen.get("HIGHESTMODSEQ", 0))


async def _ask_uidnext(connection: Connection, folder: Argument) -> int:
    """For servers that leave it out of their answer to EXAMINE."""
    told: list[Value] = []

    def collect(response: Untagged) -> None:
        if isinstance(response, FolderStatus):
            told.append(response.items.get("UIDNEXT"))

    await connection.run(Command("STATUS", (folder, b"(UIDNEXT)")), collect)
    return number(told[-1] if told else None)
