"""Reads Authentication-Results (RFC 8601 section 2.2): who says so, and what each method came to.

Strict, since a field that can be read in two ways may say "pass" to one reader; bounded, since senders write such
fields too. Two things that large providers write beyond the grammar are taken: results without a name before them
(Microsoft, with the recipient's domain in between), and properties without a type ("action=none").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from gateway.domain.verdict import Result

MAX_VALUE = 20_000  # characters; of real ones the longest have 2,000
MAX_RESULTS = 40  # in one field; a result for each of the signatures that anybody looks at
MAX_DEPTH = 5  # of comments in comments
NAMELESS = ""  # the name of a server that writes none

_TOKEN = re.compile(
    r'(?P<space>[ \t\r\n]+)|(?P<quoted>"(?:[^"\\\r\n]|\\[^\r\n]){0,2000}")|(?P<sign>[;=/])'
    r'|(?P<word>[^\s"();=/\\,]+(?:[/,][^\s"();=\\]*)?)|(?P<open>\()'
)
_COMMENT = re.compile(r"[^()\\]+|\\.|[()]", re.DOTALL)
_KEYWORD = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?")
_PROPERTY = re.compile(r"(?:([A-Za-z][A-Za-z0-9-]*)\.)?([A-Za-z0-9][A-Za-z0-9_.-]*)")


class ResultsFault(ValueError):
    """The field is none, or can be read in two ways."""


class _Token(NamedTuple):
    kind: str  # "word", "quoted", "comment", or the sign itself
    text: str
    spaced: bool  # white space or a comment stands before it


@dataclass(frozen=True, slots=True)
class MethodResult:
    """One result; names are lower case, ``properties`` by "type.name" ("name" where it has no type)."""

    method: str
    result: Result
    properties: tuple[tuple[str, str], ...] = ()
    comments: tuple[str, ...] = ()

    def get(self, name: str) -> str:
        """The first property of that name; empty where there is none."""
        return next((value for key, value in self.properties if key == name), "")


@dataclass(frozen=True, slots=True)
class AuthResults:
    """One field; ``authserv_id`` is lower case."""

    authserv_id: str
    results: tuple[MethodResult, ...]


def read_results(value: str) -> AuthResults:
    """The field's value, unfolded or not. Results of which the word is unknown are left out; raises ResultsFault."""
    if len(value) > MAX_VALUE:
        raise ResultsFault("it is too long")
    parts = list(_parts(list(_tokens(value))))
    first = [token for token in parts[0] if token.kind != "comment"]
    if len(first) > 1 and first[1].kind == "=":
        authserv_id = NAMELESS
        parts = [part for part in parts if not _is_aside(part)]
    else:
        authserv_id = _authserv_id(first)
        parts = parts[1:]
    if len(parts) > MAX_RESULTS:
        raise ResultsFault("it has too many results")
    wanted = [part for part in parts if any(token.kind != "comment" for token in part)]
    if len(wanted) == 1 and [token.text.lower() for token in wanted[0] if token.kind != "comment"] == ["none"]:
        return AuthResults(authserv_id, ())
    found = [_result(part) for part in wanted]
    return AuthResults(authserv_id, tuple(one for one in found if one is not None))


def _is_aside(part: list[_Token]) -> bool:
    """A word alone between results: Microsoft writes the recipient's domain there."""
    tokens = [token for token in part if token.kind != "comment"]
    return len(tokens) == 1 and tokens[0].kind == "word"


def _authserv_id(tokens: list[_Token]) -> str:
    """A name and, perhaps, a version, which has to be 1."""
    if not tokens or tokens[0].kind not in {"word", "quoted"}:
        raise ResultsFault("it does not say who wrote it")
    if len(tokens) > 1 and (len(tokens) > 2 or tokens[1].text != "1"):
        raise ResultsFault("its version is none that there is")
    return tokens[0].text.lower()


def _result(part: list[_Token]) -> MethodResult | None:
    comments = tuple(token.text for token in part if token.kind == "comment")
    tokens = [token for token in part if token.kind != "comment"]
    method, rest = _method(tokens)
    if not rest or rest[0].kind != "word" or not _KEYWORD.fullmatch(rest[0].text):
        raise ResultsFault("a method without a result")
    properties = tuple(_properties(rest[1:]))
    try:
        result = Result(rest[0].text.lower().replace("hardfail", "fail"))
    except ValueError:
        return None  # "bestguesspass", "skipped": words that no standard gives a meaning
    return MethodResult(method, result, properties, comments)


def _method(tokens: list[_Token]) -> tuple[str, list[_Token]]:
    """The method, and what stands behind its "="; of versions there is 1 alone (section 2.2)."""
    if not tokens or tokens[0].kind != "word":
        raise ResultsFault("a result without a method")
    name, slash, version = tokens[0].text.partition("/")
    at = 1
    if not slash and len(tokens) > 2 and tokens[1].kind == "/":
        slash, version, at = "/", tokens[2].text, 3
    if not _KEYWORD.fullmatch(name) or (slash and version != "1"):
        raise ResultsFault("a method that is none")
    if len(tokens) <= at or tokens[at].kind != "=":
        raise ResultsFault("a method without a result")
    return name.lower(), tokens[at + 1 :]


def _properties(tokens: list[_Token]) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(tokens):
        if [token.text for token in tokens[at + 1 : at + 2]] == ["."] and at + 2 < len(tokens):
            tokens[at : at + 3] = [_Token("word", f"{tokens[at].text}.{tokens[at + 2].text}", spaced=True)]
        name = _PROPERTY.fullmatch(tokens[at].text) if tokens[at].kind == "word" else None
        if name is None or at + 1 >= len(tokens) or tokens[at + 1].kind != "=":
            raise ResultsFault("a property that is none")
        at += 2
        value = ""
        # A value may be empty, and may be a quoted local part with its domain behind it.
        while at < len(tokens) and (not value or not tokens[at].spaced):
            if tokens[at].kind == "=" and value:
                value += "="
            elif tokens[at].kind in {"word", "quoted", "/"}:
                if not value and at + 1 < len(tokens) and tokens[at + 1].kind == "=" and tokens[at].spaced:
                    break
                value += tokens[at].text
            else:
                raise ResultsFault("a property that is none")
            at += 1
        yield _property_name(name), value


def _property_name(name: re.Match[str]) -> str:
    return (f"{name[1]}.{name[2]}" if name[1] else name[2]).lower()


def _parts(tokens: list[_Token]) -> Iterator[list[_Token]]:
    """Yield the tokens between semicolons."""
    part: list[_Token] = []
    for token in tokens:
        if token.kind == ";":
            yield part
            part = []
        else:
            part.append(token)
    yield part


def _tokens(value: str) -> Iterator[_Token]:
    at, spaced = 0, False
    while at < len(value):
        match = _TOKEN.match(value, at)
        if match is None:
            raise ResultsFault(f"{value[at]!r} has no place there")
        at = match.end()
        if match.lastgroup == "space":
            spaced = True
            continue
        if match.lastgroup == "open":
            at, text = _comment(value, match.start())
            yield _Token("comment", text, spaced)
            spaced = True
            continue
        text = match[0]
        if match.lastgroup == "quoted":
            yield _Token("quoted", re.sub(r"\\(.)", r"\1", text[1:-1]), spaced)
        else:
            yield _Token(text if match.lastgroup == "sign" else "word", text, spaced)
        spaced = False


def _comment(value: str, start: int) -> tuple[int, str]:
    depth = 0
    for match in _COMMENT.finditer(value, start):
        depth += (match[0] == "(") - (match[0] == ")")
        if depth > MAX_DEPTH:
            break
        if not depth:
            return match.end(), value[start + 1 : match.start()]
    raise ResultsFault("a comment that is not closed, or too deep")
