"""``BODY[section]<partial>``: what a client asks to see of a message, and the octets that answer it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gateway.mime.header import Header
from gateway.mime.tree import Part, parts
from gateway.proxy.imap import answers
from gateway.proxy.imap.answers import Bad
from gateway.proxy.imap.parse import Arguments

MAX_FIELDS = 200  # header fields asked for at once; mutt and Thunderbird ask for about 20
MAX_DEPTH = 100  # numbers in a section; mime walks no deeper

_NUMBERS = re.compile(rb"[1-9][0-9]{0,5}(?:\.[1-9][0-9]{0,5})*")
_KIND = re.compile(rb"HEADER\.FIELDS\.NOT|HEADER\.FIELDS|HEADER|TEXT|MIME", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Section:
    """RFC 9051 section 6.4.5; ``partial`` is offset and length."""

    path: tuple[int, ...] = ()
    kind: str = ""
    fields: tuple[bytes, ...] = ()
    partial: tuple[int, int] | None = None
    peek: bool = False

    @classmethod
    def read(cls, arguments: Arguments, *, peek: bool) -> Section:
        """What follows ``BODY`` or ``BODY.PEEK``, from the bracket on."""
        arguments.expect(b"[")
        path: tuple[int, ...] = ()
        kind, fields = "", tuple[bytes, ...]()
        if not arguments.next(b"]"):
            path = _path(arguments)
            if not path or arguments.accept(b"."):
                kind, fields = _kind(arguments)
        if kind == "MIME" and not path:
            raise Bad("MIME needs the number of a part")
        arguments.expect(b"]")
        return cls(path, kind, fields, _partial(arguments), peek)

    @property
    def label(self) -> bytes:
        """How the answer names it."""
        words = ".".join([*(str(number) for number in self.path), *([self.kind] if self.kind else [])]).encode("ascii")
        if self.fields:
            words += b" (" + b" ".join(answers.string(name) for name in self.fields) + b")"
        origin = b"" if self.partial is None else b"<%d>" % self.partial[0]
        return b"BODY[" + words + b"]" + origin

    def of(self, raw: bytes) -> bytes | None:
        """The octets; None where the message has no such part."""
        found = self._whole(raw)
        if found is None or self.partial is None:
            return found
        start, length = self.partial
        return found[start : start + length]

    def _whole(self, raw: bytes) -> bytes | None:
        if not self.path:
            return self._of_message(raw, 0, len(raw))
        found = find_part(raw, self.path)
        if found is None:
            return None
        raw, part = found
        if self.kind == "MIME":
            return raw[part.start : part.header_end]
        if not self.kind:
            return part.body(raw)
        if not is_message(part):
            return None
        return self._of_message(raw, part.header_end, part.body_end)

    def _of_message(self, raw: bytes, start: int, end: int) -> bytes:
        header = Header.read(raw, start, end)
        if not self.kind:
            return raw[start:end]
        if self.kind == "TEXT":
            return raw[header.end : end]
        if self.kind == "HEADER":
            return raw[start : header.end]
        wanted = {name.lower() for name in self.fields}
        keep = self.kind == "HEADER.FIELDS"
        chosen = [span for span in header.fields if (span.name.lower().encode("ascii") in wanted) is keep]
        return b"".join(raw[span.start : span.end] for span in chosen) + b"\r\n"


def is_message(part: Part) -> bool:
    """Whether the part is a message that can be looked into."""
    return part.content_type == "message/rfc822" and part.encoding in {"", "7bit", "8bit", "binary"}


def find_part(raw: bytes, path: tuple[int, ...]) -> tuple[bytes, Part] | None:
    """The part, and the octets that its offsets count in; enclosed messages are numbered through."""
    while True:
        by_path = {part.path: part for part in parts(raw)}
        known = next((n for n in range(len(path), 0, -1) if _dotted(path[:n]) in by_path), 0)
        if not known:
            return None
        part = by_path[_dotted(path[:known])]
        if known == len(path):
            return raw, part
        if not is_message(part):
            return None
        raw, path = part.body(raw), path[known:]


def _dotted(path: tuple[int, ...]) -> str:
    return ".".join(str(number) for number in path)


def _path(arguments: Arguments) -> tuple[int, ...]:
    try:
        text = arguments.match(_NUMBERS, "a part number")
    except Bad:
        return ()
    numbers = tuple(int(number) for number in text.split(b"."))
    if len(numbers) > MAX_DEPTH:
        raise Bad("no message is as deep as that")
    return numbers


def _kind(arguments: Arguments) -> tuple[str, tuple[bytes, ...]]:
    kind = arguments.match(_KIND, "a section").decode("ascii").upper()
    if not kind.startswith("HEADER.FIELDS"):
        return kind, ()
    arguments.space()
    arguments.expect(b"(")
    fields = [arguments.astring()]
    while not arguments.accept(b")"):
        arguments.space()
        fields.append(arguments.astring())
        if len(fields) > MAX_FIELDS:
            raise Bad("too many header fields")
    return kind, tuple(fields)


def _partial(arguments: Arguments) -> tuple[int, int] | None:
    if not arguments.accept(b"<"):
        return None
    start = arguments.number()
    arguments.expect(b".")
    length = arguments.number()
    arguments.expect(b">")
    if not length:
        raise Bad("a partial fetch of nothing")
    return start, length
