"""Attachments out of `winmail.dat`, as Outlook wraps them for its like (MS-OXTNEF): bounded, without recursion."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.mime.charset import codec_of
from gateway.mime.mapi import DISPLAY_NAME, FILE_NAME, LONG_NAME, MIME_TYPE, Cut, Properties, Stream, properties

MAX_FILES = 1_000  # of one container
MAX_ATTRIBUTES = 20_000
MAX_NESTED = 10  # messages within messages

TYPES = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
NAME = "winmail.dat"

_SIGNATURE = 0x223E9F78
_HEAD = 6  # octets: the signature and a key
_CODEPAGE, _BEGIN, _TITLE, _DATA, _PROPERTIES = 0x00069007, 0x00069002, 0x00018010, 0x0006800F, 0x00069005
_ATTACHMENT_LEVEL = 2


@dataclass(frozen=True, slots=True)
class Packed:
    """One attachment; ``path`` counts from 1, with a dot into an embedded message: ``2.1``."""

    path: str
    name: str
    content_type: str  # empty where nobody says
    content: bytes = field(repr=False)


@dataclass(slots=True)
class Unpacked:
    """What came out so far, and whether the stream was whole."""

    files: list[Packed] = field(default_factory=list)
    sound: bool = True


@dataclass(slots=True)
class _Draft:
    """What the attributes behind one attAttachRendData say."""

    title: str = ""
    data: tuple[int, int] | None = None
    more: Properties = field(default_factory=Properties)


def unpacked(raw: bytes) -> Unpacked | None:
    """Take it apart; None for what is no TNEF. Never raises; linear in the octets."""
    if int.from_bytes(raw[:4], "little") != _SIGNATURE or len(raw) < _HEAD:
        return None
    out = Unpacked()
    waiting = [(0, len(raw), "", 0)]
    while waiting and len(out.files) < MAX_FILES:
        start, stop, prefix, depth = waiting.pop()
        drafts: list[_Draft] = []
        out.sound = _read(raw, start, stop, drafts) and out.sound
        for number, draft in enumerate(drafts[:MAX_FILES], 1):
            low, high = draft.more.data or draft.data or (0, 0)
            if draft.more.holds_message and depth < MAX_NESTED:
                waiting.append((low, high, f"{prefix}{number}.", depth + 1))
            elif high > low or _name(draft):
                mime = draft.more.names.get(MIME_TYPE, "")
                out.files.append(Packed(f"{prefix}{number}", _name(draft), mime.lower(), raw[low:high]))
    out.sound = out.sound and not waiting
    return out


def _name(draft: _Draft) -> str:
    named = draft.more.names
    return named.get(LONG_NAME) or named.get(FILE_NAME) or draft.title or named.get(DISPLAY_NAME) or ""


def _read(raw: bytes, start: int, stop: int, drafts: list[_Draft]) -> bool:
    """Walk the attributes (section 2.1.3.3); False where the stream breaks off."""
    stream = Stream(raw, start, stop)
    codec = "cp1252"
    try:
        if stream.number(4) != _SIGNATURE:
            return False
        stream.skip(2)
        for _ in range(MAX_ATTRIBUTES):
            if stream.at == stop:
                return True
            level, kind, length = stream.number(1), stream.number(4), stream.number(4)
            low = stream.skip(length)
            if kind == _CODEPAGE and length >= 4:
                codec = codec_of(f"cp{int.from_bytes(raw[low : low + 4], 'little')}") or codec
            elif level == _ATTACHMENT_LEVEL:
                _note(raw, kind, slice(low, low + length), codec, drafts)
            stream.skip(2)  # the checksum: what is wrong with it would not make the file any better
    except Cut:
        return False
    return stream.at == stop


def _note(raw: bytes, kind: int, where: slice, codec: str, drafts: list[_Draft]) -> None:
    if kind == _BEGIN or not drafts:
        drafts.append(_Draft())
    draft = drafts[-1]
    if kind == _TITLE:
        draft.title = raw[where].decode(codec, "replace").partition("\0")[0]
    elif kind == _DATA:
        draft.data = where.start, where.stop
    elif kind == _PROPERTIES:
        draft.more = properties(raw, where.start, where.stop, codec)


def is_tnef(content_type: str, name: str) -> bool:
    """Whether it may be such a container, before anybody looked into it."""
    return content_type in TYPES or name.lower() == NAME
