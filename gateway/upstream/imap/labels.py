"""Google's extension X-GM-EXT-1: a number that a message has wherever in the mailbox it lies, and its labels."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.upstream.imap import utf7
from gateway.upstream.imap.command import Command
from gateway.upstream.imap.connection import Connection
from gateway.upstream.imap.parse import Fetched, Untagged
from gateway.upstream.imap.values import Value, number

EXTENSION = "X-GM-EXT-1"
ITEMS = b" X-GM-MSGID X-GM-LABELS"
MAX_LABELS = 500  # of one message that are kept; people have a handful
MAX_LABEL = 225  # characters that Gmail lets a label have
LARGEST_NUMBER = 2**63 - 1  # what a database keeps; Gmail's numbers are below it
UIDS_AT_ONCE = 10_000  # looked through by one command: should all of them have changed, their answers are 1 MB


def number_of(items: Mapping[str, Value]) -> int:
    """0 where the server says none that can be one."""
    value = number(items["X-GM-MSGID"]) if items.get("X-GM-MSGID") is not None else 0
    return value if value <= LARGEST_NUMBER else 0


def labels_of(items: Mapping[str, Value]) -> tuple[str, ...]:
    """As people write them; Gmail's own begin with a backslash."""
    found = items.get("X-GM-LABELS")
    names = (name for name in found if isinstance(name, bytes)) if isinstance(found, list) else ()
    return tuple(sorted({_readable(name)[:MAX_LABEL] for name in names}))[:MAX_LABELS]


def _readable(name: bytes) -> str:
    try:
        return utf7.decode(name)
    except ValueError:  # UTF-8, or what nobody should write
        return name.decode("utf-8", "replace")


async def changed(connection: Connection, below: int, since: int) -> dict[int, tuple[str, ...]]:
    """By UID below ``below``, the labels of what changed after the mod-sequence ``since``, in labels or in flags."""
    found: dict[int, tuple[str, ...]] = {}

    def collect(response: Untagged) -> None:
        if isinstance(response, Fetched) and {"UID", "X-GM-LABELS"} <= response.items.keys():
            found[number(response.items["UID"])] = labels_of(response.items)

    for first in range(1, below, UIDS_AT_ONCE):
        run = b"%d:%d" % (first, min(first + UIDS_AT_ONCE, below) - 1)
        command = Command("UID FETCH", (run, b"(UID X-GM-LABELS)", b"(CHANGEDSINCE %d)" % since))
        await connection.run(command, collect)
    return found
