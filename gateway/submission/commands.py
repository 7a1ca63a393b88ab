"""Reading one command line: verb, path and parameters, strictly (RFC 5321 section 4.1); pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from gateway.domain.address import Address
from gateway.domain.mail import Wish
from gateway.mime.address import AddressFault, parse_address
from gateway.submission import replies, wishes
from gateway.submission.replies import Refused, Reply

# Quoted local parts with these are how one address is passed off as another further down the line.
TREACHEROUS = frozenset('<>@"\\')
ADDRESSES = 4_096  # kept read, where they were good: the same people write to the same people
MAX_SIZE_DIGITS = 20  # RFC 1870 section 3

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PATH = re.compile(r' {0,2}<((?:"(?:[^"\\]|\\.)*"|[^"<>\\ ])*)>(?: +(.*?))? *')
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9\-]*)(?:=([^= ]+))?")
_OF_MAIL = frozenset({"SIZE", "BODY", "SMTPUTF8", "AUTH"}) | wishes.OF_MAIL


class Command(NamedTuple):
    """``verb`` in capitals; ``argument`` without the space before it."""

    verb: str
    argument: str


@dataclass(frozen=True, slots=True)
class Mail:
    """What MAIL said: ``sender`` None for ``<>``; ``size`` 0 where it was not declared."""

    sender: Address | None
    size: int
    smtputf8: bool
    envid: str = ""
    return_full: bool = False
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rcpt:
    """What RCPT said."""

    address: Address
    wish: Wish


def read_command(line: bytes) -> Command:
    """From a line without its CRLF. Raises Refused."""
    verb, _, argument = line.partition(b" ")
    if not verb.isalpha() or not verb.isascii():
        raise Refused(replies.BAD_LINE)
    try:
        text = argument.decode()
    except UnicodeDecodeError:
        raise Refused(replies.BAD_LINE) from None
    if _CONTROL.search(text):
        raise Refused(replies.CONTROL_CHARACTER)
    return Command(verb.decode().upper(), text)


def is_web_request(line: bytes) -> bool:
    """A browser was talked into speaking to us: nothing good comes of answering."""
    return b" HTTP/" in line or line.partition(b" ")[0] in _WEB_VERBS


_WEB_VERBS = frozenset(
    {b"GET", b"POST", b"PUT", b"HEAD", b"DELETE", b"OPTIONS", b"CONNECT", b"PATCH", b"TRACE", b"PRI"}
)


def read_mail(argument: str, *, limit: int, now: datetime) -> Mail:
    """The argument of MAIL (RFC 5321 section 4.1.1.2, 1870, 6152, 6531, 4954 section 5, 3461, 4865). Raises Refused."""
    path, parameters = _path(argument, "FROM:", replies.BAD_MAIL)
    if not parameters:
        return Mail(_address(path, False, replies.BAD_SENDER) if path else None, size=0, smtputf8=False)
    if not parameters.keys() <= _OF_MAIL:
        raise Refused(replies.UNKNOWN_PARAMETER)
    if parameters.get("BODY", "7BIT").upper() not in {"7BIT", "8BITMIME"}:
        raise Refused(replies.BAD_PARAMETER)
    if parameters.get("SMTPUTF8") or parameters.get("AUTH") == "":
        raise Refused(replies.BAD_PARAMETER)
    size = _size(parameters.get("SIZE", "0"))
    if size > limit:
        raise Refused(replies.too_large(limit))
    smtputf8 = "SMTPUTF8" in parameters
    return Mail(
        sender=_address(path, smtputf8, replies.BAD_SENDER) if path else None,
        size=size,
        smtputf8=smtputf8,
        envid=wishes.read_envid(parameters),
        return_full=wishes.read_return_full(parameters),
        not_before=wishes.read_not_before(parameters, now),
    )


def read_recipient(argument: str, *, smtputf8: bool) -> Rcpt:
    """The argument of RCPT (RFC 5321 section 4.1.1.3, 3461). Raises Refused."""
    path, parameters = _path(argument, "TO:", replies.BAD_RCPT)
    if not parameters.keys() <= wishes.OF_RCPT:
        raise Refused(replies.UNKNOWN_PARAMETER)
    address = _address(path, smtputf8, replies.BAD_RECIPIENT)
    return Rcpt(address, wishes.read_wish(parameters, smtputf8=smtputf8))


def _path(argument: str, keyword: str, fault: Reply) -> tuple[str, Mapping[str, str]]:
    if argument[: len(keyword)].upper() != keyword:
        raise Refused(fault)
    match = _PATH.fullmatch(argument, len(keyword))
    if match is None:
        raise Refused(fault)
    return match[1], _parameters(match[2] or "")


def _parameters(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for word in text.split():
        match = _PARAMETER.fullmatch(word)
        if match is None or match[1].upper() in found:
            raise Refused(replies.BAD_PARAMETER)
        found[match[1].upper()] = match[2] or ""
    return found


def _size(digits: str) -> int:
    if not (digits.isascii() and digits.isdigit()) or len(digits) > MAX_SIZE_DIGITS:
        raise Refused(replies.BAD_PARAMETER)
    return int(digits)


@lru_cache(ADDRESSES)
def _address(path: str, smtputf8: bool, fault: Reply) -> Address:
    """Source routes have no place in an addr-spec, so they are refused here too."""
    try:
        address = parse_address(path)
    except AddressFault:
        raise Refused(fault) from None
    if TREACHEROUS & set(address.local):
        raise Refused(fault)
    if not address.is_ascii and not smtputf8:
        raise Refused(replies.NEEDS_SMTPUTF8)
    return address
