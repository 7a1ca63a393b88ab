"""Looking into a folder: EXAMINE selects it so that nothing in it can be changed."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.domain.errors import ProtocolFault
from gateway.upstream.imap.command import Argument, Command
from gateway.upstream.imap.connection import Connection
from gateway.upstream.imap.parse import Exists, FolderStatus, Runs, Status, Untagged, Vanished
from gateway.upstream.imap.values import Value, number


@dataclass(frozen=True, slots=True)
class FolderState:
    """A folder as EXAMINE found it; ``highestmodseq`` is 0 where the server keeps none.

    ``vanished``: runs of UIDs of all that is gone since the state that was asked about; None where nobody told.
    """

    uidvalidity: int
    uidnext: int
    exists: int
    highestmodseq: int = 0
    vanished: Runs | None = None


@dataclass(frozen=True, slots=True)
class Since:
    """A state of the folder that we know; ``modseq`` is above 0."""

    uidvalidity: int
    modseq: int


async def examine(connection: Connection, folder: Argument, since: Since | None = None) -> FolderState:
    """Select it. CommandRefused leaves no folder selected. ``since``: where QRESYNC is enabled, what went after it."""
    seen: dict[str, int] = {}
    vanished: list[tuple[int, int]] = []

    def collect(response: Untagged) -> None:
        if isinstance(response, Exists):
            seen["EXISTS"] = response.count
        elif isinstance(response, Vanished):
            vanished.extend(response.runs)
        elif isinstance(response, Status) and response.code in {"UIDVALIDITY", "UIDNEXT", "HIGHESTMODSEQ"}:
            seen[response.code] = number(response.code_text.encode("ascii", "replace"))

    how = (b"(CONDSTORE)",) if "CONDSTORE" in connection.capabilities else ()
    if since is not None:
        how = (b"(QRESYNC (%d %d))" % (since.uidvalidity, since.modseq),)
    connection.state = "AUTH"  # should it be refused, RFC 9051 section 6.3.2
    await connection.run(Command("EXAMINE", (folder, *how)), collect)
    connection.state = "SELECTED"
    if not seen.get("UIDVALIDITY"):
        raise ProtocolFault(
            "The mail server numbers the messages of a folder anew each time: it can't be synced.",
            detail="no UIDVALIDITY",
        )
    uidnext = seen.get("UIDNEXT") or await _ask_uidnext(connection, folder)
    modseq = seen.get("HIGHESTMODSEQ", 0)
    told = since is not None and since.uidvalidity == seen["UIDVALIDITY"] and modseq >= since.modseq
    return FolderState(seen["UIDVALIDITY"], uidnext, seen.get("EXISTS", 0), modseq, tuple(vanished) if told else None)


async def _ask_uidnext(connection: Connection, folder: Argument) -> int:
    """For servers that leave it out of their answer to EXAMINE."""
    told: list[Value] = []

    def collect(response: Untagged) -> None:
        if isinstance(response, FolderStatus):
            told.append(response.items.get("UIDNEXT"))

    await connection.run(Command("STATUS", (folder, b"(UIDNEXT)")), collect)
    return number(told[-1] if told else None)
