"""Headers and bodies of the examined folder, taken without marking anything (BODY.PEEK); large ones into a sink."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from gateway.domain.errors import CommandRefused, TooLarge, UpstreamError
from gateway.domain.large import Mail
from gateway.upstream.imap import labels
from gateway.upstream.imap.command import Command, uid_set
from gateway.upstream.imap.connection import MAX_ANSWER, Connection
from gateway.upstream.imap.frame import fault
from gateway.upstream.imap.parse import Fetched, Untagged
from gateway.upstream.imap.pour import Pour, Poured, Pouring, Sink
from gateway.upstream.imap.values import Value, date_time, number

MAX_HEADER = 128 * 1024  # octets of a header that are looked at: Postfix lets one field be 100 KB
HEADERS_A_FETCH = 200  # so that even the longest headers of one command are 25 MB


@dataclass(frozen=True, slots=True)
class HeaderRow:
    """A message's header, cut off at MAX_HEADER; ``size``: octets of the whole message, 0 where not said.

    ``number`` and ``labels``: see `gateway.upstream.imap.labels`; 0 and none where the provider has none.
    """

    uid: int
    size: int
    internaldate: datetime | None
    header: bytes = field(repr=False)
    number: int = 0
    labels: tuple[str, ...] = ()


async def headers(connection: Connection, uids: Sequence[int]) -> list[HeaderRow]:
    """Of at most HEADERS_A_FETCH ascending ``uids``; those that are gone are missing."""
    more = labels.ITEMS if labels.EXTENSION in connection.capabilities else b""
    items = b"(UID RFC822.SIZE INTERNALDATE%s BODY.PEEK[HEADER]<0.%d>)" % (more, MAX_HEADER)
    found = await _fetch(connection, uids, items, MAX_HEADER * len(uids))
    return [_row(uid, found[uid]) for uid in uids if "BODY[HEADER]" in found.get(uid, {})]


async def body(connection: Connection, uid: int, limit: int, sink: Callable[[], Sink] | None) -> Mail | None:
    """The whole message; None when it is gone; TooLarge over ``limit`` octets, of which no more are taken."""
    mail = (await bodies(connection, {uid: limit}, limit, sink)).get(uid)
    if mail is not None and len(mail) > limit:
        raise TooLarge(f"The message is larger than {limit} octets.", detail=f"uid {uid}")
    return mail


async def bodies(
    connection: Connection, sizes: Mapping[int, int], limit: int, sink: Callable[[], Sink] | None
) -> dict[int, Mail]:
    """By UID; cut off behind octet ``limit + 1``. All together may be as large as ``sizes`` say, and little more.

    Those of `pour.POURED` octets and more are in a ``sink`` each; what it raises is raised, and the connection is over.
    """
    pours: list[Pour] = []
    pouring = partial(_pour, connection, sink, pours, len(sizes)) if sink is not None else None
    items = b"(UID BODY.PEEK[]<0.%d>)" % (limit + 1)
    try:
        found = await _fetch(connection, sorted(sizes), items, sum(sizes.values()), pouring)
    except UpstreamError:
        for pour in pours:
            if pour.error is not None:
                raise pour.error from None
        raise
    octets = {uid: items.get("BODY[]") for uid, items in found.items() if uid in sizes}
    return {uid: await _kept(raw) for uid, raw in octets.items() if isinstance(raw, bytes)}


def _pour(connection: Connection, sink: Callable[[], Sink], pours: list[Pour], most: int) -> Pour:
    if len(pours) == most:
        raise fault("more large literals than messages that were asked for")
    pours.append(connection.pour(sink()))
    return pours[-1]


async def _kept(octets: bytes) -> Mail:
    if not isinstance(octets, Poured):
        return octets
    await octets.pour.done()
    return octets.pour.sink


async def _fetch(
    connection: Connection, uids: Sequence[int], items: bytes, octets: int, pouring: Pouring | None = None
) -> dict[int, dict[str, Value]]:
    """By UID; attributes of one message may come in several responses. A message that is gone is just missing."""
    found: dict[int, dict[str, Value]] = {}

    def collect(response: Untagged) -> None:
        if isinstance(response, Fetched) and "UID" in response.items:
            found.setdefault(number(response.items["UID"]), {}).update(response.items)

    try:
        command = Command("UID FETCH", (uid_set(uids), items))
        await connection.run(command, collect, answer=MAX_ANSWER + octets, pouring=pouring)
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
        number=labels.number_of(items),
        labels=labels.labels_of(items),
    )
