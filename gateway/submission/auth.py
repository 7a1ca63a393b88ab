"""What a mail program says when it signs in: PLAIN (RFC 4616) and LOGIN, decoded strictly; pure."""

from __future__ import annotations

import binascii
from base64 import b64decode
from dataclasses import dataclass, field

from gateway.submission import replies
from gateway.submission.replies import Refused

MAX_FIELD = 255  # octets of a user name; RFC 4616 section 2 asks for as much
MAX_PASSWORD = 1024  # octets; above any password, below any trouble
CANCEL = b"*"  # RFC 4954 section 4
NOTHING = b"="  # an empty initial response


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user name and a password, neither empty."""

    login: str
    password: str = field(repr=False)


def decode(word: bytes) -> bytes:
    """One base64 word of the exchange. Raises Refused: cancelled, or not base64."""
    if word == CANCEL:
        raise Refused(replies.AUTH_CANCELLED)
    try:
        return b64decode(word, validate=True)
    except (binascii.Error, ValueError):
        raise Refused(replies.BAD_AUTH) from None


def read_plain(message: bytes) -> Credentials:
    """``authzid NUL authcid NUL password``; nobody acts for another, so authzid is empty or the same."""
    pieces = message.split(b"\0")
    if len(pieces) != 3:
        raise Refused(replies.BAD_AUTH)
    authzid, login, password = pieces
    if authzid not in {b"", login}:
        raise Refused(replies.SIGN_IN_REFUSED)
    return credentials(login, password)


def credentials(login: bytes, password: bytes) -> Credentials:
    """Raises Refused for what no member can have: empty, too long, or not UTF-8."""
    if not 0 < len(login) <= MAX_FIELD or not 0 < len(password) <= MAX_PASSWORD:
        raise Refused(replies.SIGN_IN_REFUSED)
    if b"\0" in login + password:
        raise Refused(replies.BAD_AUTH)
    try:
        return Credentials(login.decode(), password.decode())
    except UnicodeDecodeError:
        raise Refused(replies.SIGN_IN_REFUSED) from None
