"""Commands off the wire: lines and literals within limits, and a cursor over their arguments (RFC 9051 section 9)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone

from gateway.proxy.imap import names
from gateway.proxy.imap.answers import MONTHS, Bad
from gateway.proxy.wire import Wire

MAX_LINE = 64 * 1024  # octets; Dovecot's limit, eight times what RFC 7162 section 4 asks a server to take
MAX_LITERAL = 64 * 1024  # octets of all literals of one command; APPEND has the limit of a message instead
MAX_LITERALS = 100  # pieces of one command; a search for a hundred strings is no person's
MAX_FLAGS = 64  # keywords set at once
MAX_NUMBER = 2**32 - 1  # RFC 9051 section 9, nz-number

_LITERAL = re.compile(rb"\{([0-9]{1,10})(\+?)\}\Z")
_COMMAND = re.compile(rb"([^\x00-\x20(){%*\"\\\x7f-\xff+]{1,64}) ([A-Za-z]{1,32})(?= |\Z)")
_AFTER_UID = re.compile(rb" ([A-Za-z]{1,32})(?= |\Z)")
_APPEND = re.compile(rb"[^ ]+ APPEND ", re.IGNORECASE)
_ATOM = re.compile(rb"[^\x00-\x20(){%*\"\\\]\x7f-\xff]+")
_ASTRING = re.compile(rb"[^\x00-\x20(){%*\"\\\x7f-\xff]+")
_PATTERN = re.compile(rb"[^\x00-\x20(){\"\\\x7f]+")
_FLAG = re.compile(rb"\\?[^\x00-\x20(){%*\"\\\]\x7f-\xff]{1,100}")
_NUMBER = re.compile(rb"[0-9]{1,10}")
_QUOTED = re.compile(rb'"((?:[^\x00\r\n"\\]|\\["\\])*)"')
_DATE = re.compile(r" ?(\d{1,2})-([A-Za-z]{3})-(\d{4})")
_DATE_TIME = re.compile(r"([ \d]\d-[A-Za-z]{3}-\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)")

SYSTEM_FLAGS = {flag.lower(): flag for flag in ("\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft")}


class Arguments:
    """A cursor over text, literal, text, …; what is not as expected raises Bad."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = list(pieces)
        self._text = self._pieces.pop(0)
        self._at = 0

    @property
    def rest(self) -> str:
        """What is still unread of this line, for a log or a fault to look at."""
        return self._text[self._at :].decode("ascii", "replace")

    def next(self, token: bytes) -> bool:
        """Whether ``token`` comes next."""
        return self._text.startswith(token, self._at)

    def accept(self, token: bytes) -> bool:
        """Steps over ``token`` if it comes next."""
        found = self.next(token)
        self._at += len(token) if found else 0
        return found

    def expect(self, token: bytes) -> None:
        if not self.accept(token):
            raise Bad(f"{token.decode('ascii')!r} was expected")

    def space(self) -> None:
        self.expect(b" ")

    @property
    def at_end(self) -> bool:
        return self._at >= len(self._text) and not self._pieces

    def end(self) -> None:
        if not self.at_end:
            raise Bad("there is more behind the command than belongs to it")

    def match(self, pattern: re.Pattern[bytes], what: str) -> bytes:
        """What ``pattern`` matches here."""
        found = pattern.match(self._text, self._at)
        if found is None:
            raise Bad(f"{what} was expected")
        self._at = found.end()
        return found.group()

    def atom(self) -> str:
        """An atom in upper case: for names of things, which are the same in any case."""
        return self.match(_ATOM, "an atom").decode("ascii").upper()

    def number(self) -> int:
        value = int(self.match(_NUMBER, "a number"))
        if value > MAX_NUMBER:
            raise Bad("the number is too large")
        return value

    def string(self) -> bytes:
        if self.next(b"{"):
            return self.literal()
        quoted = self.match(_QUOTED, "a string")[1:-1]
        return re.sub(rb"\\(.)", rb"\1", quoted) if b"\\" in quoted else quoted

    def literal(self) -> bytes:
        if not self._pieces or not _LITERAL.fullmatch(self._text, self._at):
            raise Bad("a literal was expected")
        value, self._text, self._at = self._pieces.pop(0), self._pieces.pop(0), 0
        return value

    def astring(self) -> bytes:
        if self.next(b'"') or self.next(b"{"):
            return self.string()
        return self.match(_ASTRING, "a string")

    def mailbox(self) -> str:
        return names.decoded(self.astring())

    def pattern(self) -> str:
        """LIST's ``list-mailbox``."""
        quoted = self.next(b'"') or self.next(b"{")
        return names.decoded(self.string() if quoted else self.match(_PATTERN, "a pattern"))

    def flags(self) -> frozenset[str]:
        """A list in parentheses, or flags without them as STORE allows."""
        listed = self.accept(b"(")
        found: list[str] = []
        while not (listed and self.next(b")")) and not (listed is False and self.at_end):
            if found:
                self.space()
            found.append(_flag(self.match(_FLAG, "a flag").decode("ascii")))
        if listed:
            self.expect(b")")
        if len(found) > MAX_FLAGS:
            raise Bad("too many flags")
        return frozenset(found)

    def date(self) -> date:
        """Search's ``date``, quoted or not."""
        text = self.astring().decode("ascii", "replace")
        found = _DATE.fullmatch(text)
        if not found:
            raise Bad("a date like 1-Feb-2026 was expected")
        return _day(found)

    def date_time(self) -> datetime:
        """APPEND's ``date-time``."""
        text = self.string().decode("ascii", "replace")
        found = _DATE_TIME.fullmatch(text)
        day = _DATE.match(text)
        if not found or not day:
            raise Bad('a date like "01-Feb-2026 10:00:00 +0200" was expected')
        offset = timedelta(hours=int(found[6]), minutes=int(found[7])) * (-1 if found[5] == "-" else 1)
        try:
            zone = timezone(offset)
            return datetime.combine(_day(day), datetime.min.time(), zone).replace(
                hour=int(found[2]), minute=int(found[3]), second=min(int(found[4]), 59)
            )
        except ValueError:
            raise Bad("there is no such time") from None


def _day(found: re.Match[str]) -> date:
    month = found[2].capitalize()
    if month not in MONTHS:
        raise Bad("there is no such month")
    try:
        return datetime(int(found[3]), MONTHS.index(month) + 1, int(found[1]), tzinfo=UTC).date()
    except ValueError:
        raise Bad("there is no such day") from None


def _flag(text: str) -> str:
    if not text.startswith("\\"):
        return text
    if text.lower() not in SYSTEM_FLAGS:
        raise Bad(f"there is no flag {text}")
    return SYSTEM_FLAGS[text.lower()]


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its name in upper case, ``uid`` where it came as ``UID <name>``."""

    tag: str
    name: str
    uid: bool
    arguments: Arguments


class Unreadable(Exception):
    """What came is no command; ``tag`` is ``*`` where there was none."""

    def __init__(self, tag: str, text: str) -> None:
        super().__init__(text)
        self.tag = tag


class TooBig(Exception):
    """A literal over the limit: not taken; ``eager`` where it is on its way already, so that we have to hang up."""

    def __init__(self, tag: str, *, eager: bool) -> None:
        super().__init__("the literal is over the limit")
        self.tag = tag
        self.eager = eager


async def read_command(wire: Wire, *, append_limit: int) -> Command:
    """The next command with its literals; LineTooLong and an eager TooBig leave the wire unusable.

    ``append_limit``: octets that APPEND may bring; 0 before sign-in.
    """
    line = await _text(wire)
    pieces = [line]
    room = append_limit + MAX_LITERAL if append_limit and _APPEND.match(line) else MAX_LITERAL
    while found := _LITERAL.search(pieces[-1]):
        size, eager = int(found[1]), bool(found[2])
        if size > room or len(pieces) > 2 * MAX_LITERALS:
            raise TooBig(_tag(line), eager=eager)
        room -= size
        if not eager:
            wire.write(b"+ go on\r\n")
        pieces += [await wire.take(size), await _text(wire)]
    return _command(pieces)


async def _text(wire: Wire) -> bytes:
    return (await wire.line(MAX_LINE)).removesuffix(b"\n").removesuffix(b"\r")


def _tag(line: bytes) -> str:
    found = _COMMAND.match(line)
    return found[1].decode("ascii") if found else "*"


def _command(pieces: list[bytes]) -> Command:
    found = _COMMAND.match(pieces[0])
    if not found:
        raise Unreadable("*", "a tag and a command were expected")
    tag, name, end = found[1].decode("ascii"), found[2].decode("ascii").upper(), found.end()
    uid = name == "UID"
    if uid:
        second = _AFTER_UID.match(pieces[0], end)
        if not second:
            raise Unreadable(tag, "UID needs a command behind it")
        name, end = second[1].decode("ascii").upper(), second.end()
    return Command(tag, name, uid, Arguments([pieces[0][end:], *pieces[1:]]))
