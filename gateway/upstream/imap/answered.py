r"""The one mark that is ever set in a firm's mailbox: \Answered, on the message that was answered (RFC 9051, 2.3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from gateway.upstream.imap.command import Argument, Command, uid_set
from gateway.upstream.imap.connection import Connection
from gateway.upstream.imap.parse import Status, Untagged

ANSWERED = "\\ANSWERED"


class Marked(StrEnum):
    """What came of it."""

    DONE = "done"
    RENUMBERED = "renumbered"  # the folder's UIDs mean other messages now: nothing was marked
    NOT_KEPT = "not kept"  # the folder is to be read only, or does not keep this flag


async def mark_answered(connection: Connection, folder: Argument, uidvalidity: int, uids: Sequence[int]) -> Marked:
    """Select the folder, set the flag on what still has these numbers, and only look at the folder from then on.

    CommandRefused where the account may not select or store. No CLOSE: it would expunge what people have deleted.
    """
    seen: dict[str, str] = {}

    def collect(response: Untagged) -> None:
        if isinstance(response, Status) and response.code in {"UIDVALIDITY", "PERMANENTFLAGS"}:
            seen[response.code] = response.code_text

    connection.state = "AUTH"  # should it be refused, RFC 9051 section 6.3.1
    status = await connection.run(Command("SELECT", (folder,)), collect)
    connection.state = "SELECTED"
    try:
        if seen.get("UIDVALIDITY", "") != str(uidvalidity):
            return Marked.RENUMBERED
        if status.code == "READ-ONLY" or not _keeps(seen.get("PERMANENTFLAGS")):
            return Marked.NOT_KEPT
        await connection.run(Command("UID STORE", (uid_set(uids), b"+FLAGS.SILENT (\\Answered)")))
        return Marked.DONE
    finally:
        connection.state = "AUTH"
        await connection.run(Command("EXAMINE", (folder,)))
        connection.state = "SELECTED"


def _keeps(permanent: str | None) -> bool:
    """Without the response all flags are kept (RFC 9051 section 7.1)."""
    return permanent is None or ANSWERED in permanent.strip("()").upper().split()
