"""``ENVELOPE``: the header as IMAP shows it, its values undecoded and its addresses in four pieces."""

from __future__ import annotations

import re

from gateway.mime.header import Header
from gateway.proxy.imap.answers import nstring

MAX_ADDRESSES = 2_000  # shown of one field; a list longer than that is no person's
MAX_VALUE = 100_000  # octets of one field looked at; Postfix's header_size_limit is 102,400

_FOLD = re.compile(rb"\r?\n(?=[ \t])")
_TOKEN = re.compile(
    rb"[ \t\r\n]+"
    rb'|"(?P<quoted>(?:[^"\\]|\\.)*)"?'
    rb"|(?P<special>[<>@,:;()\[\]\\])"
    rb'|(?P<atom>[^ \t\r\n"<>@,:;()\[\]\\]+)',
    re.DOTALL,
)


def envelope(header: Header) -> bytes:
    """RFC 9051 section 7.5.2; Sender and Reply-To fall back to From."""
    author = addresses(header.first("From"))
    pieces = [
        nstring(unfolded(header.first("Date"))),
        nstring(unfolded(header.first("Subject"))),
        author,
        _or(addresses(header.first("Sender")), author),
        _or(addresses(header.first("Reply-To")), author),
        addresses(header.first("To")),
        addresses(header.first("Cc")),
        addresses(header.first("Bcc")),
        nstring(unfolded(header.first("In-Reply-To"))),
        nstring(unfolded(header.first("Message-ID"))),
    ]
    return b"(" + b" ".join(pieces) + b")"


def unfolded(value: bytes | None) -> bytes | None:
    """The value on one line, its octets otherwise as they are."""
    return None if value is None else _FOLD.sub(b"", value).replace(b"\r", b" ").replace(b"\n", b" ")


def _or(value: bytes, instead: bytes) -> bytes:
    return instead if value == b"NIL" else value


def addresses(value: bytes | None) -> bytes:
    """An address list for people to look at: tolerant, and never a ground for a decision."""
    if value is None:
        return b"NIL"
    reader = _Reader()
    for token in _TOKEN.finditer(value[:MAX_VALUE]):
        if len(reader.found) >= MAX_ADDRESSES:
            break
        reader.take(token)
    reader.finish()
    return b"(" + b"".join(reader.found) + b")" if reader.found else b"NIL"


class _Reader:
    """Collects words until a comma says what they were; parentheses are counted, never followed down."""

    def __init__(self) -> None:
        self.found: list[bytes] = []
        self._comments = 0
        self._in_group = False
        self._start()

    def _start(self) -> None:
        self._words: list[bytes] = []  # of the display name, or of the local part when @ comes
        self._local: bytes | None = None
        self._domain = b""
        self._comment: list[bytes] = []
        self._phrase: list[bytes] | None = None  # what stood before <

    def take(self, token: re.Match[bytes]) -> None:
        special = token["special"] or b""
        if special == b"(":
            self._comments += 1
        elif special == b")":
            self._comments = max(0, self._comments - 1)
        elif self._comments:
            self._comment.append(_word(token))
        elif special:
            self._special(special)
        elif word := _word(token):
            self._add(word)

    def _add(self, word: bytes) -> None:
        if self._local is None:
            self._words.append(word)
        else:
            self._domain += word

    def _special(self, special: bytes) -> None:
        if special == b"<":
            self._phrase, self._words = self._words, []
        elif special == b"@":
            if self._local is None:
                self._local, self._words = b"".join(self._words), []
        elif special in {b",", b">"}:
            self._ended(special)
        elif special == b":":
            self._group()
        elif special == b";":
            self._ended(b",")
            if self._in_group:
                self.found.append(b"(NIL NIL NIL NIL)")
            self._in_group = False
        elif special in {b"[", b"]"}:
            self._add(special)

    def _group(self) -> None:
        if self._phrase is not None:  # a source route, <@a,@b:c@d>: what stood before the colon is not the address
            self._local, self._domain, self._words = None, b"", []
        elif not self._in_group:
            self.found.append(b"(NIL NIL " + nstring(b" ".join(self._words)) + b" NIL)")
            self._in_group = True
            self._start()

    def _ended(self, special: bytes) -> None:
        if special == b"," and self._phrase is not None and self._local == b"":
            return  # inside a source route
        if self._local is not None or self._phrase is not None or self._words:
            name = b" ".join(self._phrase or self._comment) or None
            local = self._local if self._local is not None else b" ".join(self._words)
            pieces = (nstring(name), b"NIL", nstring(local), nstring(self._domain))
            self.found.append(b"(" + b" ".join(pieces) + b")")
        self._start()

    def finish(self) -> None:
        self._ended(b",")
        if self._in_group:
            self.found.append(b"(NIL NIL NIL NIL)")


def _word(token: re.Match[bytes]) -> bytes:
    quoted = token["quoted"]
    return re.sub(rb"\\(.)", rb"\1", quoted, flags=re.DOTALL) if quoted is not None else token["atom"] or b""
