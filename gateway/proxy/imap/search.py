"""SEARCH: its keys as a small stack program, so that no nesting of theirs nests us (RFC 9051 section 6.4.4)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from email.utils import parsedate_to_datetime

from gateway.mime.header import Header
from gateway.mime.plain import plain_text
from gateway.proxy.imap.answers import Bad, No
from gateway.proxy.imap.mailstore import Row
from gateway.proxy.imap.parse import Arguments
from gateway.proxy.imap.sequence import SequenceSet
from gateway.proxy.imap.view import View

MAX_KEYS = 1_000  # of one search
MAX_NESTING = 100  # parentheses, OR and NOT within each other

_KEY = re.compile(rb"[A-Za-z]+")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A message under test; ``raw`` is empty where no key needs it."""

    row: Row
    raw: bytes
    header: Header


@dataclass(frozen=True, slots=True)
class Test:
    """One key."""

    holds: Callable[[Candidate], bool]
    needs_raw: bool = False


@dataclass(frozen=True, slots=True)
class All:
    """Replaces that many results by whether all were true."""

    count: int


@dataclass(frozen=True, slots=True)
class Either:
    """Replaces two results by whether one was true."""


@dataclass(frozen=True, slots=True)
class Opposite:
    """Turns the last result round."""


Step = Test | All | Either | Opposite


@dataclass(slots=True)
class _Frame:
    """An open parenthesis, OR or NOT; ``wants`` is 0 where a parenthesis ends it."""

    wants: int
    has: int = 0


@dataclass(frozen=True, slots=True)
class Program:
    """Reverse Polish; leaves exactly one result."""

    steps: tuple[Step, ...]

    @property
    def needs_raw(self) -> bool:
        return any(isinstance(step, Test) and step.needs_raw for step in self.steps)

    def holds(self, candidate: Candidate) -> bool:
        results: list[bool] = []
        for step in self.steps:
            match step:
                case Test():
                    results.append(step.holds(candidate))
                case All():
                    last = results[len(results) - step.count :]
                    del results[len(results) - step.count :]
                    results.append(all(last))
                case Either():
                    second, first = results.pop(), results.pop()
                    results.append(first or second)
                case Opposite():
                    results.append(not results.pop())
        return results[-1]


def read_program(arguments: Arguments, view: View) -> Program:
    """From the first key to the end of the command; sets of numbers mean the messages of ``view``."""
    _charset(arguments)
    steps: list[Step] = []
    frames = [_Frame(0)]
    while True:
        opened = _opened(arguments)
        if opened is not None:
            frames.append(opened)
            if len(frames) > MAX_NESTING:
                raise Bad("the search is nested too deeply")
            continue
        steps.append(_test(arguments, view))
        if len(steps) > MAX_KEYS:
            raise Bad("the search has too many keys")
        _counted(frames, steps)
        while len(frames) > 1 and frames[-1].wants == 0 and arguments.accept(b")"):
            steps.append(All(frames.pop().has))
            _counted(frames, steps)
        if arguments.at_end:
            break
        arguments.space()
    if len(frames) > 1:
        raise Bad("the search is not finished")
    return Program((*steps, All(frames[0].has)))


def _charset(arguments: Arguments) -> None:
    if arguments.accept(b"CHARSET "):
        if arguments.astring().upper() not in {b"UTF-8", b"US-ASCII"}:
            raise No("only UTF-8 is spoken here", code="BADCHARSET (US-ASCII UTF-8)")
        arguments.space()


def _opened(arguments: Arguments) -> _Frame | None:
    if arguments.accept(b"("):
        return _Frame(0)
    for word, wants in ((b"NOT ", 1), (b"OR ", 2)):
        if arguments.rest[: len(word)].upper().encode("ascii", "replace") == word:
            arguments.accept(arguments.rest[: len(word)].encode("ascii"))
            return _Frame(wants)
    return None


def _counted(frames: list[_Frame], steps: list[Step]) -> None:
    """A result is there: closes every OR and NOT that it completes."""
    frames[-1].has += 1
    while frames[-1].wants and frames[-1].has == frames[-1].wants:
        steps.append(Either() if frames.pop().wants == 2 else Opposite())
        frames[-1].has += 1


def _test(arguments: Arguments, view: View) -> Test:
    if arguments.next(b"*") or arguments.rest[:1].isdigit():
        return _numbered(SequenceSet.read(arguments), view, uid=False)
    key = arguments.match(_KEY, "something to search for").decode("ascii").upper()
    if key == "UID":
        arguments.space()
        return _numbered(SequenceSet.read(arguments), view, uid=True)
    if key in _STATES:
        return Test(_STATES[key])
    if key not in _WITH_VALUE:
        raise Bad(f"{key} can't be searched for")
    arguments.space()
    return _WITH_VALUE[key](arguments)


def _numbered(numbers: SequenceSet, view: View, *, uid: bool) -> Test:
    uids = {row.uid for _, row in view.chosen(numbers, uid=uid)}
    return Test(lambda candidate: candidate.row.uid in uids)


def _flagged(flag: str, *, wanted: bool) -> Callable[[Candidate], bool]:
    return lambda candidate: (flag in candidate.row.flags) is wanted


_STATES: Mapping[str, Callable[[Candidate], bool]] = {
    "ALL": lambda _: True,
    "OLD": lambda _: True,  # nothing is ever \Recent here
    "NEW": lambda _: False,
    "RECENT": lambda _: False,
    **{
        flag.upper(): _flagged(f"\\{flag}", wanted=True) for flag in ("Answered", "Deleted", "Draft", "Flagged", "Seen")
    },
    **{
        f"UN{flag.upper()}": _flagged(f"\\{flag}", wanted=False)
        for flag in ("Answered", "Deleted", "Draft", "Flagged", "Seen")
    },
}


def _text(arguments: Arguments) -> str:
    return arguments.astring().decode("utf-8", "replace").casefold()


def _in_field(name: str) -> Callable[[Arguments], Test]:
    return lambda arguments: _header_test(name, _text(arguments))


def _header(arguments: Arguments) -> Test:
    name = arguments.astring().decode("ascii", "replace")
    arguments.space()
    return _header_test(name, _text(arguments))


def _header_test(name: str, wanted: str) -> Test:
    def holds(candidate: Candidate) -> bool:
        fields = candidate.header.all(name)
        raw = b" ".join(fields).decode("utf-8", "replace").casefold()
        return bool(fields) and (wanted in raw or wanted in candidate.header.text(name).casefold())

    return Test(holds, needs_raw=True)


def _body(arguments: Arguments) -> Test:
    wanted = _text(arguments)
    return Test(lambda candidate: wanted in plain_text(candidate.raw).casefold(), needs_raw=True)


def _anywhere(arguments: Arguments) -> Test:
    wanted = _text(arguments)

    def holds(candidate: Candidate) -> bool:
        top = candidate.raw[: candidate.header.end].decode("utf-8", "replace").casefold()
        return wanted in top or wanted in plain_text(candidate.raw).casefold()

    return Test(holds, needs_raw=True)


def _arrived(fits: Callable[[date, date], bool]) -> Callable[[Arguments], Test]:
    def read(arguments: Arguments) -> Test:
        day = arguments.date()
        return Test(lambda candidate: fits(candidate.row.internaldate.date(), day))

    return read


def _sent(fits: Callable[[date, date], bool]) -> Callable[[Arguments], Test]:
    def read(arguments: Arguments) -> Test:
        day = arguments.date()

        def holds(candidate: Candidate) -> bool:
            written = _date_of(candidate.header)
            return written is not None and fits(written, day)

        return Test(holds, needs_raw=True)

    return read


def _date_of(header: Header) -> date | None:
    try:
        return parsedate_to_datetime(header.text("Date")).date()
    except ValueError:
        return None


def _sized(fits: Callable[[int, int], bool]) -> Callable[[Arguments], Test]:
    def read(arguments: Arguments) -> Test:
        size = arguments.number()
        return Test(lambda candidate: fits(candidate.row.size, size))

    return read


def _keyword(*, wanted: bool) -> Callable[[Arguments], Test]:
    return lambda arguments: Test(_flagged(arguments.astring().decode("ascii", "replace"), wanted=wanted))


_WITH_VALUE: Mapping[str, Callable[[Arguments], Test]] = {
    **{name.upper(): _in_field(name) for name in ("From", "To", "Cc", "Bcc", "Subject")},
    "HEADER": _header,
    "BODY": _body,
    "TEXT": _anywhere,
    "SINCE": _arrived(date.__ge__),
    "BEFORE": _arrived(date.__lt__),
    "ON": _arrived(date.__eq__),
    "SENTSINCE": _sent(date.__ge__),
    "SENTBEFORE": _sent(date.__lt__),
    "SENTON": _sent(date.__eq__),
    "LARGER": _sized(int.__gt__),
    "SMALLER": _sized(int.__lt__),
    "KEYWORD": _keyword(wanted=True),
    "UNKEYWORD": _keyword(wanted=False),
}
