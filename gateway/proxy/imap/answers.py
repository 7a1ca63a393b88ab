"""How a command can fail, and how values are written in an answer (RFC 9051 section 4)."""

from __future__ import annotations

from datetime import datetime

from gateway.domain.errors import Conflict, NoSpace, NotFound, PosternError, TemporaryFailure, TooLarge

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
MAX_QUOTED = 1_000  # octets; longer strings go as literals, which no client has to search for a quote

_CODES: tuple[tuple[type[PosternError], str], ...] = (  # RFC 5530
    (NotFound, "NONEXISTENT"),
    (Conflict, "ALREADYEXISTS"),
    (TooLarge, "TOOBIG"),
    (NoSpace, "OVERQUOTA"),
    (TemporaryFailure, "UNAVAILABLE"),
)


class Bad(Exception):
    """Answered ``BAD``: the command is not IMAP, or not now."""


class No(Exception):
    """Answered ``NO``: understood, and not done. ``code`` is a response code such as ``TRYCREATE``."""

    def __init__(self, text: str, *, code: str = "") -> None:
        super().__init__(text)
        self.text = f"[{code}] {text}" if code else text


class Answered(Exception):
    """The tagged answer has gone out already: there is nothing more to say."""


def refusal(error: PosternError) -> No:
    """The answer to an error of the store."""
    code = next((code for kind, code in _CODES if isinstance(error, kind)), "CANNOT")
    return No(printable(error.sentence), code=code)


def printable(text: str) -> str:
    """Text that can't end a line: for the human part of an answer."""
    return "".join(c if 0x20 <= ord(c) < 0x7F else "?" for c in text)


def string(value: bytes) -> bytes:
    """A quoted string where that is possible, else a literal; NUL can be in neither and becomes a question mark."""
    if len(value) <= MAX_QUOTED and value.isascii() and not any(c in value for c in b"\r\n\0"):
        return b'"' + value.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
    return literal(value.replace(b"\0", b"?"))


def nstring(value: bytes | None) -> bytes:
    """RFC 9051 ``nstring``."""
    return b"NIL" if value is None else string(value)


def literal(value: bytes) -> bytes:
    """A synchronising literal with its size in front."""
    return b"{%d}\r\n" % len(value) + value


def date_time(at: datetime) -> bytes:
    """RFC 9051 ``date-time``, whatever the process's language."""
    minutes = int((offset.total_seconds() if (offset := at.utcoffset()) is not None else 0) // 60)
    zone = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}{abs(minutes) % 60:02}"
    return f'"{at.day:2}-{MONTHS[at.month - 1]}-{at.year:04} {at:%H:%M:%S} {zone}"'.encode("ascii")
