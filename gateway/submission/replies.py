"""Every SMTP reply that we give, and the one place where a domain error becomes a code (RFC 5321, 3463, 4954)."""

from __future__ import annotations

import textwrap
import unicodedata
from dataclasses import dataclass, field

from gateway.domain.errors import (
    BadMessage,
    ClientOffLimits,
    GrantMissing,
    Loop,
    NoSpace,
    NotSignedIn,
    PosternError,
    Refusal,
    TooLarge,
)

LINE_WIDTH = 480  # octets of text: code, status and CRLF keep the line within 512 (RFC 5321 section 4.5.3.1.5)
UTF8_WIDTH = LINE_WIDTH // 4  # characters that surely fit
MAX_LINES = 8  # of one reply; no sentence of ours is longer, and mail programs show little more

_PLAIN = str.maketrans(
    {"–": "-", "—": "-", "‘": "'", "’": "'", "“": '"', "”": '"', "„": '"', "…": "...", "\u00a0": " "}
)


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply; ``status`` empty where RFC 2034 wants none (greeting, EHLO, 334, 354)."""

    code: int
    status: str
    text: str
    _plain: bytes = field(init=False, repr=False, compare=False)  # as it is sent, where that is the same to everybody

    def __post_init__(self) -> None:
        plain = len(self.text) <= LINE_WIDTH and self.text.isascii() and self.text.isprintable()
        object.__setattr__(self, "_plain", self._line(" ", self.text) if plain else b"")

    def wire(self, *, utf8: bool = False) -> bytes:
        """The lines as they are sent; other than ASCII only where the client asked for it (RFC 6531)."""
        if self._plain:
            return self._plain  # nearly all
        text = self.text if utf8 else _ascii(self.text)
        width = LINE_WIDTH if text.isascii() else UTF8_WIDTH
        text = text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)
        pieces = [text] if len(text) <= width else textwrap.wrap(text, width)[:MAX_LINES] or [""]
        last = len(pieces) - 1
        return b"".join(self._line(" " if n == last else "-", piece) for n, piece in enumerate(pieces))

    def _line(self, mark: str, piece: str) -> bytes:
        line = f"{self.code}{mark}{self.status} {piece}".rstrip() if self.status else f"{self.code}{mark}{piece}"
        return f"{line}\r\n".encode("utf-8", "replace")


class Refused(Exception):
    """Ends a command with this reply; with ``hang_up`` the connection too."""

    def __init__(self, reply: Reply, *, hang_up: bool = False) -> None:
        super().__init__(reply.text)
        self.reply = reply
        self.hang_up = hang_up


def _ascii(text: str) -> str:
    """Letters without their marks; a person still reads "Popescu & Asociatii"."""
    if text.isascii():
        return text
    spread = unicodedata.normalize("NFKD", text.translate(_PLAIN))
    return "".join(c for c in spread if not unicodedata.combining(c)).encode("ascii", "replace").decode()


def for_error(error: PosternError) -> Reply:
    """The reply to what the floors below refused; the sentence is theirs."""
    for kind, code, status in _CODES:
        if isinstance(error, kind):
            return Reply(code, status, error.sentence)
    return INTERNAL


_CODES: tuple[tuple[type[PosternError], int, str], ...] = (
    (NoSpace, 452, "4.3.1"),
    (NotSignedIn, 530, "5.7.0"),
    (GrantMissing, 550, "5.7.1"),
    (ClientOffLimits, 550, "5.7.1"),
    (BadMessage, 550, "5.6.0"),
    (TooLarge, 552, "5.3.4"),
    (Loop, 554, "5.4.6"),
    (Refusal, 550, "5.7.1"),
    (PosternError, 451, "4.3.0"),
)


def for_sign_in(error: PosternError) -> Reply:
    """The reply where a password could not be checked now: too many tries, or trouble of ours (RFC 4954)."""
    return Reply(454, "4.7.0", error.sentence)


def too_large(limit: int) -> Reply:
    """Over SIZE, declared or sent (RFC 1870 section 6)."""
    return Reply(552, "5.3.4", f"The message is too large: this server takes up to {limit} bytes. Send less at once.")


def accepted(queue_id: str) -> Reply:
    """The message is ours to deliver from here on (RFC 5321 section 6.1)."""
    return Reply(250, "2.0.0", f"Accepted as {queue_id}")


OK = Reply(250, "2.0.0", "OK")
SENDER_OK = Reply(250, "2.1.0", "Sender OK")
RECIPIENT_OK = Reply(250, "2.1.5", "Recipient OK")
GO_AHEAD = Reply(354, "", "End the message with <CR><LF>.<CR><LF>")
BYE = Reply(221, "2.0.0", "Bye")
READY_FOR_TLS = Reply(220, "2.0.0", "Ready to start TLS")
SIGNED_IN = Reply(235, "2.7.0", "Signed in")

CLOSING = Reply(421, "4.3.2", "The server is shutting down; try again in a minute")
TOO_MANY_CONNECTIONS = Reply(421, "4.7.0", "Too many connections from your address; close some and try again")
SERVER_FULL = Reply(421, "4.3.2", "The server has too many connections; try again in a minute")
TIMED_OUT = Reply(421, "4.4.2", "Nothing came for too long, so the connection is closed; try again")
TOO_SLOW = Reply(421, "4.4.2", "The message came too slowly, so the connection is closed; try again")
TOO_MANY_ERRORS = Reply(421, "4.7.0", "Too many errors; check the settings of the mail program")
TOO_MANY_SIGN_INS = Reply(421, "4.7.0", "Too many failed sign-ins; check user name and password")
INTERNAL = Reply(451, "4.3.0", "Something went wrong here and nothing was kept; try again later")
TOO_MANY_RECIPIENTS = Reply(452, "4.5.3", "Too many recipients for one message; send it again to the rest")
TLS_NOT_NOW = Reply(454, "4.7.0", "TLS is not available")

UNKNOWN = Reply(500, "5.5.1", "That is not a command of SMTP")
BAD_LINE = Reply(500, "5.5.2", "That line can't be read as a command")
LINE_TOO_LONG = Reply(500, "5.5.2", "The command is too long")
BARE_LINE_END = Reply(501, "5.5.2", "Each line must end in CR and LF together")
CONTROL_CHARACTER = Reply(501, "5.5.2", "The command holds a control character")
NO_ARGUMENT = Reply(501, "5.5.4", "This command takes no argument")
NEEDS_HOST = Reply(501, "5.5.4", "Say the name of the host")
BAD_MAIL = Reply(501, "5.5.4", "Say MAIL FROM:<address>")
BAD_RCPT = Reply(501, "5.5.4", "Say RCPT TO:<address>")
BAD_SENDER = Reply(501, "5.1.7", "The sender's address can't be read; check its spelling")
BAD_RECIPIENT = Reply(501, "5.1.3", "The recipient's address can't be read; check its spelling")
BAD_PARAMETER = Reply(501, "5.5.4", "A parameter of the command can't be read")
BAD_RET = Reply(501, "5.5.4", "Say RET=FULL or RET=HDRS")
BAD_ENVID = Reply(501, "5.5.4", "The ENVID can't be read: up to 100 printable characters as xtext (RFC 3461)")
BAD_NOTIFY = Reply(501, "5.5.4", "Say NOTIFY=NEVER, or each of SUCCESS, FAILURE and DELAY once at most")
BAD_ORCPT = Reply(501, "5.5.4", "The ORCPT can't be read: say ORCPT=type;address, the address as xtext (RFC 3461)")
BAD_HOLD = Reply(501, "5.5.4", "Say HOLDFOR=seconds, or HOLDUNTIL=2026-12-01T08:00:00Z")
HOLD_TWICE = Reply(501, "5.5.4", "HOLDFOR and HOLDUNTIL say the same thing: give one of them")
HOLD_TOO_LONG = Reply(501, "5.5.4", "That is too far in the future: EHLO says how long a message may wait here")
BAD_AUTH = Reply(501, "5.5.2", "The sign-in can't be read")
AUTH_CANCELLED = Reply(501, "5.7.0", "Sign-in cancelled")
NOT_HERE = Reply(502, "5.5.1", "This server does not offer that command")
HELLO_FIRST = Reply(503, "5.5.1", "Say EHLO first")
MAIL_FIRST = Reply(503, "5.5.1", "Say MAIL first")
RCPT_FIRST = Reply(503, "5.5.1", "Name a recipient first")
MAIL_TWICE = Reply(503, "5.5.1", "A message is under way already")
SIGNED_IN_ALREADY = Reply(503, "5.5.1", "You are signed in already")
TLS_ALREADY = Reply(503, "5.5.1", "TLS is on already")
UNKNOWN_MECHANISM = Reply(504, "5.5.4", "Sign in by PLAIN or LOGIN")
SIGN_IN_FIRST = Reply(530, "5.7.0", "Sign in first: turn on authentication in the mail program")
SIGN_IN_REFUSED = Reply(535, "5.7.8", "Wrong user name or password")
TLS_FIRST = Reply(538, "5.7.11", "Turn on STARTTLS in the mail program: passwords are not taken unencrypted")
NEEDS_SMTPUTF8 = Reply(553, "5.6.7", "That address needs SMTPUTF8, which the mail program did not ask for")
SMUGGLING = Reply(554, "5.6.0", "The message holds a bare CR, a bare LF or a NUL; it was not accepted")
FLOODED = Reply(554, "5.3.4", "Far too much data; the connection is closed")
UNKNOWN_PARAMETER = Reply(555, "5.5.4", "This server does not know a parameter of the command")
