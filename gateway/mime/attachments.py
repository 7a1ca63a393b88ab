"""The attachments of a message as a person would count them, decoded, under the names that the sender gave.

Forwarded messages, `winmail.dat`, PKCS#7 containers and uuencoded text are looked into; archives never are. One
attachment is decoded at a time, nothing recurses, and how much is looked at is bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from gateway.domain.record import Attachment, Note
from gateway.mime import uu
from gateway.mime.cms import Kind, container
from gateway.mime.header import Header, readable
from gateway.mime.leaf import MESSAGES, SIGNATURES, Leaf, leaves
from gateway.mime.tnef import is_tnef, unpacked

MAX_ATTACHMENTS = 1_000  # of one message; the raw message stays the record
MAX_NAME = 5_000  # characters
MAX_ENCLOSED = 20  # messages within messages; below that the inner ones stay whole
MAX_LOOKED_INTO = 8  # times the message's size: a message in a message in a message is looked at again
MAX_WRAPPED = 3  # signatures around a signed file

_PKCS7 = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"}) | SIGNATURES - {"application/pgp-signature"}
_SIGNED_ENDINGS = (".p7m", ".p7s")
_UNKNOWN = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class _Enclosed:
    """A message within the message; ``instead`` is given where there is no room to look into it."""

    octets: bytes = field(repr=False)
    prefix: str
    instead: Attachment | None = None


def attachments(raw: bytes) -> tuple[Attachment, ...]:
    """All at once, see `each_attachment`."""
    return tuple(each_attachment(raw))


def each_attachment(raw: bytes) -> Iterator[Attachment]:
    """Decode one after the other, numbered from 1; never raises. A forwarded message comes before what it encloses."""
    number, room = 0, MAX_LOOKED_INTO * len(raw)
    open_messages = [_of(_Enclosed(raw, ""))]
    while open_messages:
        found = next(open_messages[-1], None)
        if found is None:
            open_messages.pop()
            continue
        if isinstance(found, _Enclosed):
            if len(open_messages) <= MAX_ENCLOSED and len(found.octets) <= room:
                room -= len(found.octets)
                open_messages.append(_of(found))
                continue
            if found.instead is None:
                continue
            found = found.instead
        number += 1
        yield replace(found, number=number, name=found.name[:MAX_NAME])
        if number == MAX_ATTACHMENTS:
            return


def _of(message: _Enclosed) -> Iterator[Attachment | _Enclosed]:
    may_begin = b"begin" in message.octets
    for leaf in leaves(message.octets):
        path = message.prefix + leaf.part.path
        if not leaf.is_body:
            yield from _opened(leaf, path)
        elif may_begin or leaf.part.encoding == "base64":
            yield from _uuencoded(leaf, path)


def _uuencoded(leaf: Leaf, path: str) -> Iterator[Attachment]:
    """Files in the middle of a text."""
    text = leaf.content()[0] if leaf.part.content_type == "text/plain" else b""
    for place, one in enumerate(uu.written(text), 1):
        note = Note.NONE if one.sound else Note.DAMAGED
        yield Attachment(0, readable(one.name), _UNKNOWN, one.content, note, f"{path}/{place}")


def _opened(leaf: Leaf, path: str) -> Iterator[Attachment | _Enclosed]:
    one = _attachment(leaf, path)
    kind, name = one.content_type, one.name.lower()
    if kind in MESSAGES:
        yield one
        if leaf.around != "multipart/report":  # there it is what came back
            yield _Enclosed(one.content, f"{path}.")
    elif is_tnef(kind, name):
        yield from _from_tnef(one)
    elif kind in _PKCS7 or name.endswith(_SIGNED_ENDINGS):
        yield from _from_pkcs7(one)
    else:
        yield one


def _attachment(leaf: Leaf, path: str) -> Attachment:
    part = leaf.part
    content, sound = leaf.content()
    name = part.filename
    if part.encoding in uu.ENCODINGS:
        one = next(uu.written(content), None)
        if one is not None:
            content, sound, name = one.content, one.sound, name or readable(one.name)
    if not name and part.content_type.startswith("message/"):
        name = (Header.read(content).text("Subject", MAX_NAME) or "message") + ".eml"
    note = Note.ENCRYPTED if leaf.around == "multipart/encrypted" else Note.NONE
    return Attachment(0, name, part.content_type, content, note if sound else Note.DAMAGED, path, leaf.shown)


def _from_tnef(one: Attachment) -> Iterator[Attachment]:
    """Its files; the container too where it breaks off, and alone where it is something else."""
    found = unpacked(one.content)
    if found is None or not found.sound:
        yield replace(one, note=Note.DAMAGED)
    for file in found.files if found else ():
        yield Attachment(0, file.name, file.content_type or _UNKNOWN, file.content, one.note, f"{one.part}/{file.path}")


def _from_pkcs7(one: Attachment) -> Iterator[Attachment | _Enclosed]:
    """A signed message's parts (RFC 8551 section 3.5.2), or a signed file and the file; nothing is decrypted."""
    for _ in range(MAX_WRAPPED):
        found = container(one.content)
        if found is None:
            broken = one.content_type in _PKCS7
            yield replace(one, note=Note.DAMAGED) if broken else one
            return
        if found.kind is Kind.ENCRYPTED:
            yield replace(one, note=one.note or Note.ENCRYPTED)
            return
        name = _unsigned_name(one.name)
        if found.content is None or (not name and Header.read(found.content).first("Content-Type") is None):
            yield one
            return
        if not name:
            yield _Enclosed(found.content, f"{one.part}/", one)
            return
        yield one
        one = Attachment(0, name, _UNKNOWN, found.content, one.note, f"{one.part}/1")
        if not name.lower().endswith(_SIGNED_ENDINGS):
            break
    yield one


def _unsigned_name(name: str) -> str:
    """``contract.pdf`` for ``contract.pdf.p7m``; empty where no file's name is left."""
    lowered = name.lower()
    bare = name[:-4] if lowered.endswith(_SIGNED_ENDINGS) else ""
    return bare if "." in bare.strip(".") else ""
