"""How many messages lie in each folder, without selecting any: LIST-STATUS (RFC 5819), else STATUS one by one."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.policy.cursor import Sight
from gateway.upstream.imap.command import Command, string
from gateway.upstream.imap.connection import Connection
from gateway.upstream.imap.parse import FolderStatus, Untagged
from gateway.upstream.imap.values import number

_ITEMS = b"(UIDVALIDITY UIDNEXT MESSAGES)"


async def count_folders(connection: Connection, names: Mapping[str, bytes]) -> dict[str, Sight]:
    """Of folders by their wire names; a folder that the server refuses to count is missing."""
    told: dict[bytes, Sight] = {}

    def collect(response: Untagged) -> None:
        if isinstance(response, FolderStatus) and {"UIDVALIDITY", "UIDNEXT", "MESSAGES"} <= response.items.keys():
            values = (number(response.items[item]) for item in ("UIDVALIDITY", "UIDNEXT", "MESSAGES"))
            told[_key(response.name)] = Sight(*values)

    if "LIST-STATUS" in connection.capabilities and len(names) > 1:
        await connection.run(Command("LIST", (b'"" "*"', b"RETURN (STATUS %s)" % _ITEMS)), collect)
    else:
        for wire in names.values():
            await connection.attempt(Command("STATUS", (string(wire), _ITEMS)), collect)
    return {name: told[_key(wire)] for name, wire in names.items() if _key(wire) in told}


def _key(wire: bytes) -> bytes:
    return b"INBOX" if wire.upper() == b"INBOX" else wire
