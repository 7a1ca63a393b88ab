"""Headers and bodies of the examined folder, taken without marking anything (BODY.PEEK)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gateway.domain.errors import CommandRefused, TooLarge
from gateway.upstream.imap.command import Command, uid_set
from gateway.upstream.imap.connection import MAX_ANSWER, Connection
from gateway.upstream.imap.parse import Fetched, Untagged
from gateway.upstream.imap.values import Value, date_time, number

MAX_HEADER = 128 * 1024  # octets of a header that are looked at: Postfix lets one field be 100 KB
HEADERS_A_FETCH = 200  # so that even the longest headers of one command are 25 MB


@dataclass(frozen=True, slots=True)
class HeaderRow:
    """A message's header, cut off at MAX_HEADER; ``size``: octets of the whole message, 0 where not said."""

    uid: int
    size: int
    internaldate: datetime | None
    header: bytes = field(repr=False)


async def headers(connection: Connection, uids: Sequence[int]) -> list[HeaderRow]:
    """Of at most HEADERS_A_FETCH ascending ``uids``; those that are gone are missing."""
    items = b"(UID RFC822.SIZE INTERNALDATE BODY.PEEK[HEADER]<0.%d>)" % MAX_HEADER
    found = await _fetch(connection, uids, items, MAX_HEADER * len(uids))
    return [_row(uid, found[uid]) for uid in uids if "BODY[HEADER]" in found.get(uid, {})]


async def body(connection: Connection, uid: int, limit: int) -> bytes | None:
    """The whole message; None when it is gone; TooLarge over ``limit`` octets, of which no more are taken."""
    found = await _fetch(connection, [uid], b"(UID BODY.PEEK[]<0.%d>)" % (limit + 1), limit)
    octets = found.get(uid, {}).get("BODY[]")
    if not isinstance(octets, bytes):
        return None
    if len(octets) > limit:
        raise TooLarge(f"The message is larger than {limit} octets.", detail=f"uid {uid}")
    return octets


async def bodies(connection: Connection, sizes: Mapping[int, int], limit: int) -> dict[int, bytes]:
    """By UID; cut off behind octet ``limit + 1``. All together may be as large as ``sizes`` say, and little more."""
    found = await _fetch(connection, sorted(sizes), b"(UID BODY.PEEK[]<0.%d>)" % (limit + 1), sum(sizes.values()))
    octets = ((uid, items.get("BODY[]")) for uid, items in found.items() if uid in sizes)
    return {uid: raw for uid, raw in octets if isinstance(raw, bytes)}


async def _fetch(connection: Connection, uids: Sequence[int], items: bytes, octets: int) -> dict[int, dict[str, Value]]:
    """By UID; attributes of one message may come in several responses. A message that is gone is just missing."""
    found: dict[int, dict[str, Value]] = {}

    def collect(response: Untagged) -> None:
        if isinstance(response, Fetched) and "UID" in response.items:
            found.setdefault(number(response.items["UID"]), {}).update(response.items)

    try:
        await connection.run(Command("UID FETCH", (uid_set(uids), items)), collect, answer=MAX_ANSWER + octets)
    except CommandRefused as refused:
        if "[EXPUNGEISSUED]" not in refused.detail:  # RFC 5530: some of them are gone
            raise
    return found


def _row(uid: int, items: dict[str, Value]) -> HeaderRow:
    header = items["BODY[HEADER]"]
    return HeaderRow(
        uid=uid,
        size=number(items["RFC822.SIZE"]) if "RFC822.SIZE" in items else 0,
        internaldate=date_time(items.get("INTERNALDATE")),
        header=header if isinstance(header, bytes) else b"",
    )
