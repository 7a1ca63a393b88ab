"""Regular expressions that every supported Python reads alike.

Up to Python 3.11.4, which Debian 12 and others have, a possessive group whose body fails half way may go on from where
the body had come to (CPython issue 106052), and one with a group that is captured in it may give anything (101955). A
field that none is was a field there. Possessive single characters are right everywhere, and so is a body that either
fails before it remembers where it is, or can't fail any more.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import re._constants as op  # type: ignore[import-not-found]  # the types know nothing of how patterns are read
import re._parser as reader  # type: ignore[import-not-found]
from collections.abc import Iterator

import pytest

import gateway

CHARACTERS = {op.LITERAL, op.NOT_LITERAL, op.IN, op.ANY}


def is_trap(body: list[tuple[object, object]]) -> bool:
    """Whether the body of a possessive group can fail behind a place that the engine remembers."""
    has_moved = remembers = False
    for what, about in body:
        if remembers:
            return True
        if what in CHARACTERS:
            has_moved = True
        elif what is op.POSSESSIVE_REPEAT and _is_one(about):
            if has_moved and about[0] > 0:  # type: ignore[index]
                return True
            remembers = has_moved
            has_moved = True
        elif what is op.BRANCH and not has_moved:
            if any(is_trap(list(one)) for one in about[1]):  # type: ignore[index]
                return True
            has_moved = True
        elif what is not op.AT:
            return True
    return False


def _is_one(about: object) -> bool:
    inner = list(about[2])  # type: ignore[index]
    return len(inner) == 1 and inner[0][0] in CHARACTERS


def traps(parsed: object) -> Iterator[object]:
    """Every possessive group that is one, anywhere in a pattern that was read."""
    for what, about in parsed:  # type: ignore[attr-defined]
        if what is op.POSSESSIVE_REPEAT and not _is_one(about) and is_trap(list(about[2])):
            yield about
        for inner in _inside(what, about):
            yield from traps(inner)


def _inside(what: object, about: tuple[object, ...]) -> tuple[object, ...]:
    if what in {op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT}:
        return about[2:]
    if what is op.SUBPATTERN:
        return about[3:]
    if what in {op.ASSERT, op.ASSERT_NOT}:
        return about[1:]
    if what is op.ATOMIC_GROUP:
        return (about,)
    return tuple(about[1]) if what is op.BRANCH else ()  # type: ignore[arg-type]


def patterns() -> Iterator[tuple[str, re.Pattern[str] | re.Pattern[bytes]]]:
    for found in pkgutil.walk_packages(gateway.__path__, "gateway."):
        if not found.name.endswith("__main__") and ".migrations." not in found.name:
            for name, value in vars(importlib.import_module(found.name)).items():
                for one in _held(value):
                    yield f"{found.name}.{name}", one


def _held(value: object) -> Iterator[re.Pattern[str] | re.Pattern[bytes]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, dict):
        yield from _held(list(value.values()))
    elif isinstance(value, list | tuple | set | frozenset):
        for one in value:
            yield from _held(one)


def test_no_possessive_group_is_one_that_older_pythons_read_otherwise() -> None:
    found = dict(patterns())
    assert len(found) > 200
    assert [name for name, one in found.items() if any(traps(reader.parse(one.pattern, one.flags)))] == []


@pytest.mark.parametrize(
    "pattern",
    [
        r"(?:([a-z]{2,10}):)?+",
        r"(?:[ \t]|\n(?=[ \t]))*+:",
        r"a+(?:\.a+)*+",
        r"a++(?: a++)*+",
        r"(?:[ \t]*+[a-z]*+\n)*+",
        r"(?:<(?:div|p)\b>)++\Z",
        r"(--)?+x",
        r"x|(?=(?:a|bb?)*+)",
    ],
)
def test_one_that_is_read_otherwise_is_found(pattern: str) -> None:
    assert any(traps(reader.parse(pattern)))


@pytest.mark.parametrize(
    "pattern", [r'"(?:[^"\\]++|\\.)*+"', r"(?:\n[ \t][^\n]*+)*+", r"a++(?:\.aa*+)*+", r"[a-z]++ (?:--)?+"]
)
def test_one_that_is_read_alike_is_not(pattern: str) -> None:
    assert not any(traps(reader.parse(pattern)))
