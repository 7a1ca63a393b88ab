"""FETCH: what is asked for (RFC 9051 section 6.4.5), and one message's answer to it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from gateway.mime.header import Header
from gateway.proxy.imap import answers
from gateway.proxy.imap.answers import Bad
from gateway.proxy.imap.body import Section
from gateway.proxy.imap.envelope import envelope
from gateway.proxy.imap.mailstore import Row
from gateway.proxy.imap.parse import Arguments
from gateway.proxy.imap.structure import structure
from gateway.proxy.imap.view import flag_list

MAX_ITEMS = 50  # of one FETCH

_NAME = re.compile(rb"[A-Za-z][A-Za-z0-9.-]*")
_FAST = ("FLAGS", "INTERNALDATE", "RFC822.SIZE")
_MACROS = {"FAST": _FAST, "ALL": (*_FAST, "ENVELOPE"), "FULL": (*_FAST, "ENVELOPE", "BODY")}
_PLAIN = frozenset({"UID", "ENVELOPE", "BODYSTRUCTURE", *_FAST})
_OLD = {  # RFC 3501 section 6.4.5: other names for sections
    "RFC822": Section(),
    "RFC822.HEADER": Section(kind="HEADER", peek=True),
    "RFC822.TEXT": Section(kind="TEXT"),
}


@dataclass(frozen=True, slots=True)
class Item:
    """One thing asked for: a name alone, or a section of the body under the name the answer gives it."""

    name: str
    section: Section | None = None


def read_items(arguments: Arguments, *, uid: bool, more: Collection[str] = ()) -> tuple[Item, ...]:
    """To the end of the items; ``uid`` adds UID where it was not asked for, ``more`` may be asked for as well."""
    items: list[Item] = []
    if arguments.accept(b"("):
        while not items or not arguments.accept(b")"):
            if items:
                arguments.space()
            items.append(_item(arguments, more))
            if len(items) > MAX_ITEMS:
                raise Bad("too many things at once")
    else:
        items += _alone(arguments, more)
    unique = list(dict.fromkeys(items))
    return tuple([Item("UID"), *unique] if uid and Item("UID") not in unique else unique)


def _alone(arguments: Arguments, more: Collection[str]) -> Iterable[Item]:
    item = _item(arguments, more, macros=True)
    return [Item(name) for name in _MACROS[item.name]] if item.name in _MACROS else [item]


def _item(arguments: Arguments, more: Collection[str], *, macros: bool = False) -> Item:
    name = arguments.match(_NAME, "something to fetch").decode("ascii").upper()
    if name in {"BODY", "BODY.PEEK"} and arguments.next(b"["):
        return Item("BODY[", Section.read(arguments, peek=name == "BODY.PEEK"))
    if name in _OLD:
        return Item(name, _OLD[name])
    if name in _PLAIN or name == "BODY" or name in more or (macros and name in _MACROS):
        return Item(name)
    raise Bad(f"{name} can't be fetched")


def needs_raw(items: Iterable[Item]) -> bool:
    """Whether the message's octets have to be looked at."""
    return any(item.section is not None or item.name in {"ENVELOPE", "BODY", "BODYSTRUCTURE"} for item in items)


def marks_seen(items: Iterable[Item]) -> bool:
    """Whether a person is taken to have read the message (RFC 9051 section 6.4.5)."""
    return any(item.section is not None and not item.section.peek for item in items)


def answer(number: int, row: Row, items: Iterable[Item], raw: bytes) -> bytes:
    """The untagged answer without ``* `` and line end."""
    return b"%d FETCH (" % number + b" ".join(_value(item, row, raw) for item in items) + b")"


def _value(item: Item, row: Row, raw: bytes) -> bytes:
    if item.section is not None:
        label = item.section.label if item.name == "BODY[" else item.name.encode("ascii")
        found = item.section.of(raw)
        return label + b" " + (b"NIL" if found is None else answers.literal(found))
    if item.name in row.more:
        return item.name.encode("ascii") + b" " + row.more[item.name]
    match item.name:
        case "UID":
            value = b"%d" % row.uid
        case "FLAGS":
            value = flag_list(row.flags)
        case "INTERNALDATE":
            value = answers.date_time(row.internaldate)
        case "RFC822.SIZE":
            value = b"%d" % row.size
        case "ENVELOPE":
            value = envelope(Header.read(raw))
        case _:
            value = structure(raw, extended=item.name == "BODYSTRUCTURE")
    return item.name.encode("ascii") + b" " + value
