"""By whom stored messages are found: the addresses of each, made from its bytes before they are needed.

Only a change of the firm asks for them, so filing does not pay for them: what came in since the last change is read
then, a batch at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Connection, bindparam, func, insert, select, update

from gateway.domain.address import Address
from gateway.domain.firm import Firm
from gateway.mime.facts import correspondents as read_correspondents
from gateway.mime.facts import tags
from gateway.policy.match import Evidence
from gateway.policy.refiling import Touched, leads
from gateway.store import files
from gateway.store.compiled import Compiled
from gateway.store.reader import Reader
from gateway.store.schema import body, correspondent, correspondents, message
from gateway.store.spool import blob_folder
from gateway.store.writer import Writer

log = structlog.get_logger()

BATCH = 100  # messages read at once: some megabytes, and some ten milliseconds

_UPTO = select(correspondents.c.message)
_NEXT = (
    select(message.c.id, body.c.sha256, body.c.content)
    .join(body, body.c.sha256 == message.c.sha256)
    .where(message.c.id > bindparam("behind"))
    .order_by(message.c.id)
    .limit(BATCH)
)
_NEWEST = select(func.coalesce(func.max(message.c.id), 0))
_ADD = Compiled(insert(correspondent).prefix_with("OR IGNORE"))
_MOVE = update(correspondents)
_BEGIN = insert(correspondents)
_OF_DOMAIN = Compiled(
    select(correspondent.c.local, correspondent.c.message).where(correspondent.c.domain == bindparam("of_domain"))
)
_DOMAINS = select(correspondent.c.domain).distinct()
_TAGGED = select(message.c.id, message.c.subject).where(message.c.subject.like("%[%]%"))
_OF_MESSAGES = select(correspondent).where(correspondent.c.message.in_(bindparam("numbers", expanding=True)))

Found = tuple[int, list[Mapping[str, object]]]  # the last message of a batch, and the rows of all of them


class Correspondents:
    """Brought up to date before a change is rehearsed or made."""

    def __init__(self, root: Path, writer: Writer, reader: Reader) -> None:
        self._root = root
        self._writer = writer
        self._reader = reader

    async def catch_up(self) -> None:
        """Read what came since; the first time all that there is, which is about half a second for 1,000 messages."""
        while found := await self._reader.run(lambda connection: _read(connection, self._root)):
            await self._keep(found)

    async def _keep(self, found: Found) -> None:
        await self._writer.run(lambda connection: _keep(connection, found))


def newest(connection: Connection) -> int:
    """The number of the newest message that is stored; 0 for none."""
    number: int = connection.execute(_NEWEST).scalar_one()
    return number


def read_up_to(connection: Connection) -> int:
    """The last message whose addresses are known."""
    return connection.execute(_UPTO).scalar() or 0


def candidates(connection: Connection, where: Touched, old: Firm, new: Firm) -> set[int]:
    """Messages with an address that leads elsewhere than before, or with a tag that does."""
    domains = connection.execute(_DOMAINS).scalars() if where.domains is None else where.domains
    found = {number for domain in domains for number in _of_domain(connection, domain, old, new)}
    if where.tags:
        rows = connection.execute(_TAGGED)
        found.update(row.id for row in rows if where.tags & tags(row.subject))
    return found


def evidence(connection: Connection, rows: Iterable[Any]) -> dict[int, Evidence]:
    """Of messages (rows with ``id`` and ``subject``), what they say of whose they are; not yet what they answer."""
    subjects = {row.id: row.subject for row in rows}
    found: dict[int, tuple[list[Address], list[Address], list[Address]]] = {one: ([], [], []) for one in subjects}
    for row in connection.execute(_OF_MESSAGES, {"numbers": list(subjects)}):
        found[row.message][row.role].append(Address(row.local, row.domain))
    return {
        one: Evidence(tuple(senders), tuple(recipients), tuple(others), tags(subjects[one]))
        for one, (senders, recipients, others) in found.items()
    }


def _of_domain(connection: Connection, domain: str, old: Firm, new: Firm) -> set[int]:
    known: dict[str, bool] = {}
    found = set()
    for row in _OF_DOMAIN.all(connection, {"of_domain": domain}):
        if row.local not in known:
            address = Address(row.local, domain)
            known[row.local] = leads(old, address) != leads(new, address)
        if known[row.local]:
            found.add(row.message)
    return found


def _read(connection: Connection, root: Path) -> Found | None:
    behind = read_up_to(connection)
    rows = connection.execute(_NEXT, {"behind": behind}).all()
    if not rows:
        return None
    return rows[-1].id, [one for row in rows for one in _rows(row.id, _content(row, root))]


def _content(row: Any, root: Path) -> bytes:
    if row.content is not None:
        return bytes(row.content)
    try:
        return _head(files.blocks(root, blob_folder(row.sha256), row.sha256))
    except OSError as error:
        # `postern verify` says so too. Nothing can be said of whose it is: it stays where it lies.
        log.error("stored-message-unreadable", message=row.id, sha256=row.sha256, error=str(error))
        return b""


def _head(blocks: Iterable[bytes]) -> bytes:
    """As much as has all of the header."""
    raw = b""
    for block in blocks:
        raw += block
        if b"\n\r\n" in raw or b"\n\n" in raw:
            break
    return raw


def _rows(number: int, raw: bytes) -> Sequence[Mapping[str, object]]:
    people = read_correspondents(raw)
    return [
        {"message": number, "role": role, "domain": address.domain, "local": address.local}
        for role, addresses in enumerate((people.senders, people.recipients, people.others))
        for address in addresses
    ]


def _keep(connection: Connection, found: Found) -> None:
    upto, rows = found
    _ADD.many(connection, rows)
    if not connection.execute(_MOVE.values(message=upto)).rowcount:
        connection.execute(_BEGIN, {"id": 1, "message": upto})
