"""Searching the examined folder: by address (OR trees kept short and shallow), by UID, by Message-ID."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import structlog

from gateway.domain.address import Address
from gateway.domain.errors import CommandRefused
from gateway.upstream.imap.command import Argument, Command, string
from gateway.upstream.imap.connection import Connection
from gateway.upstream.imap.parse import Found, Untagged

ADDRESSES_A_SEARCH = 10  # measured: ten to a command cost the server a sixth of ten commands; more gain little
UIDS_A_SEARCH = 50_000  # so that a plain SEARCH answer stays far below a line's limit
IDS_A_SEARCH = 20  # Message-IDs: a line of 2 KB, of 6 at most
MAX_JOINED = 200  # octets of a Message-ID that is searched for together with others
FIELDS = (b"FROM", b"TO", b"CC", b"BCC")

Sought = Address | str  # a whole domain as "@domain", in ASCII

_log = structlog.get_logger()


def address_searches(
    addresses: Sequence[Sought], last_uid: int, *, extended: bool, utf8: bool = False
) -> Iterator[Command]:
    """Commands that together find every message up to ``last_uid`` from or to any of the addresses.

    SEARCH looks for substrings, so they find too much; who asks verifies. Addresses beyond ASCII come last and apart.
    ``utf8``: the server takes UTF-8 as it is.
    """
    plain = [address for address in addresses if str(address).isascii()]
    foreign = [address for address in addresses if not str(address).isascii()]
    for kind in (plain, foreign):
        for start in range(0, len(kind), ADDRESSES_A_SEARCH):
            texts = [str(address) for address in kind[start : start + ADDRESSES_A_SEARCH]]
            yield search(b"UID 1:%d" % last_uid, any_of(texts), extended=extended, foreign=kind is foreign and not utf8)


async def find_addresses(connection: Connection, addresses: Sequence[Sought], last_uid: int) -> set[int]:
    """UIDs up to ``last_uid`` of what may be from or to any of the addresses."""
    extended = is_extended(connection)
    found: set[int] = set()
    for command in address_searches(addresses, last_uid, extended=extended, utf8=connection.utf8):
        try:
            found |= await find(connection, command)
        except CommandRefused as refused:
            if b"CHARSET UTF-8" not in command.arguments:
                raise
            _log.info("imap searches ascii only", host=connection.endpoint.host, answer=refused.detail)
            for wider in domain_searches(addresses, last_uid, extended=extended):
                found |= await find(connection, wider)
    return found


async def find_uids(connection: Connection, first: int, last: int | None, uidnext: int, exists: int) -> set[int]:
    """UIDs in use from ``first`` to ``last`` (None: the end), asked for in portions where the folder holds many.

    A server may number with any gaps, and one that lies about UIDNEXT must not cost a thousand commands: ``exists``
    decides how many.
    """
    known = uidnext - 1 if last is None else last
    extended = is_extended(connection)
    found: set[int] = set()
    while exists > UIDS_A_SEARCH and first + UIDS_A_SEARCH <= known:
        found |= await find(
            connection, search(b"UID %d:%d" % (first, first + UIDS_A_SEARCH - 1), (), extended=extended)
        )
        first += UIDS_A_SEARCH
    end = b"*" if last is None else b"%d" % last
    return found | await find(connection, search(b"UID %d:%s" % (first, end), (), extended=extended))


async def find_message_id(connection: Connection, message_id: bytes) -> set[int]:
    """UIDs of messages with this Message-ID; it holds no NUL."""
    key = (string(message_id),)
    foreign = not message_id.isascii() and not connection.utf8
    return await find(connection, search(b"HEADER Message-ID", key, extended=is_extended(connection), foreign=foreign))


async def find_message_ids(connection: Connection, wanted: Mapping[str, bytes]) -> frozenset[str]:
    """Which of the Message-IDs, by any name and without NUL, there are: one search tells that none of several is."""
    plain = [name for name, octets in wanted.items() if octets.isascii() and len(octets) <= MAX_JOINED]
    apart = [name for name in wanted if name not in set(plain)]
    some = [plain[start : start + IDS_A_SEARCH] for start in range(0, len(plain), IDS_A_SEARCH)]
    there = [names for names in some if await _any_there(connection, [wanted[name] for name in names])]
    suspects = [*(name for names in there for name in names), *apart]
    return frozenset([name for name in suspects if await _is_there(connection, wanted[name])])


async def _any_there(connection: Connection, message_ids: Sequence[bytes]) -> bool:
    keys = _either([(b"HEADER Message-ID", string(one)) for one in message_ids])
    return bool(await find(connection, search(b"ALL", keys, extended=is_extended(connection))))


async def _is_there(connection: Connection, message_id: bytes) -> bool:
    """Not there, where the server can't search for what is beyond ASCII."""
    try:
        return bool(await find_message_id(connection, message_id))
    except CommandRefused as refused:
        if message_id.isascii():
            raise
        _log.info("imap searches ascii only", host=connection.endpoint.host, answer=refused.detail)
        return False


async def find(connection: Connection, command: Command) -> set[int]:
    """What a search finds, however the server puts it."""
    found: set[int] = set()

    def collect(response: Untagged) -> None:
        if isinstance(response, Found):
            found.update(response.uids)

    await connection.run(command, collect)
    return found


def is_extended(connection: Connection) -> bool:
    """Whether results come as ranges (RFC 4731), which a hundred thousand of them need."""
    return bool(connection.capabilities & {"ESEARCH", "IMAP4REV2"})


def domain_searches(addresses: Sequence[Sought], last_uid: int, *, extended: bool) -> Iterator[Command]:
    """For a server that searches ASCII only: a wider net for the addresses beyond it, by their domains."""
    foreign = (address for address in addresses if isinstance(address, Address) and not address.is_ascii)
    texts = sorted({f"@{address.domain}" for address in foreign})
    for start in range(0, len(texts), ADDRESSES_A_SEARCH):
        keys = any_of(texts[start : start + ADDRESSES_A_SEARCH])
        yield search(b"UID 1:%d" % last_uid, keys, extended=extended)


def search(first: bytes, keys: Sequence[Argument], *, extended: bool, foreign: bool = False) -> Command:
    """UID SEARCH; ``extended`` asks for ranges instead of a list (RFC 4731), ``foreign`` says that keys are UTF-8."""
    head = ((b"RETURN (ALL)",) if extended else ()) + ((b"CHARSET UTF-8",) if foreign else ())
    return Command("UID SEARCH", (*head, first, *keys))


def any_of(texts: Sequence[str]) -> tuple[Argument, ...]:
    """Keys that match a message with any of the texts in any of the address fields."""
    return _either([(field, string(text.encode("utf-8"))) for text in texts for field in FIELDS])


def _either(keys: Sequence[tuple[Argument, ...]]) -> tuple[Argument, ...]:
    """``OR`` takes two keys: pair them up round by round, so that the tree is as deep as its logarithm."""
    while len(keys) > 1:
        paired = [(b"OR", *one, *other) for one, other in zip(keys[::2], keys[1::2], strict=False)]
        keys = paired + list(keys[len(paired) * 2 :])
    return keys[0]
