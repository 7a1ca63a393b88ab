"""Encoded words (RFC 2047): tolerant in reading, strict in writing."""

from __future__ import annotations

import base64
import binascii
import re

from gateway.mime.charset import decode_text
from gateway.mime.encoding import decode_base64

MAX_WORD = 75  # characters of one encoded word, RFC 2047 section 2

_WORD = re.compile(r"=\?([^?\s]{1,80})\?([bBqQ])\?([^?]*)\?=")
_CONTROLS = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_Q_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")  # section 5 (3)
_ROOM = MAX_WORD - len("=?utf-8?q??=")


def clean(text: str) -> str:
    """One line: every run of white space, control characters and line separators becomes one space."""
    if text.isascii() and text.isprintable() and "  " not in text:  # as nearly all is
        return text.strip()
    return _CONTROLS.sub(" ", text).strip()


def decode_words(value: str) -> str:
    """Decode the encoded words of a value; whatever is none stays as it is."""
    if "=?" not in value:
        return value
    out: list[str] = []
    run: list[bytes] = []  # neighbours of one charset are joined first: senders cut in the middle of a character
    charset, done = "", 0
    for match in _WORD.finditer(value):
        between = value[done : match.start()]
        name = match[1].split("*", 1)[0].lower()  # RFC 2231 section 5: a language may follow
        touching = bool(run) and not between.strip()
        if run and not (touching and name == charset):
            out.append(decode_text(b"".join(run), charset))
            run.clear()
        if not touching:
            out.append(between)
        run.append(_payload(match[2], match[3]))
        charset, done = name, match.end()
    if run:
        out.append(decode_text(b"".join(run), charset))
    out.append(value[done:])
    return "".join(out)


def _payload(kind: str, text: str) -> bytes:
    raw = text.encode("utf-8", "surrogatepass")
    if kind in "bB":
        return decode_base64(raw)[0]
    return binascii.a2b_qp(raw.replace(b"_", b" "))


def encode_words(text: str) -> list[str]:
    """UTF-8 encoded words, each at most 75 characters and of whole characters; to be joined by white space."""
    raw = text.encode("utf-8")
    readable = sum(octet in _Q_SAFE or octet == 0x20 for octet in raw) * 2 >= len(raw)
    cost, room = (_q_length, _ROOM) if readable else (_b_length, _ROOM // 4 * 3)
    chunks, start, size = [], 0, 0
    for index, character in enumerate(text):
        length = cost(character)
        if size + length > room:
            chunks.append(text[start:index])
            start, size = index, 0
        size += length
    chunks.append(text[start:])
    return [_q_word(chunk) if readable else _b_word(chunk) for chunk in chunks]


def _b_length(character: str) -> int:
    return len(character.encode("utf-8"))


def _q_length(character: str) -> int:
    return len(_q(character))


def _q(text: str) -> str:
    return "".join(
        chr(octet) if octet in _Q_SAFE else "_" if octet == 0x20 else f"={octet:02X}" for octet in text.encode("utf-8")
    )


def _q_word(text: str) -> str:
    return f"=?utf-8?q?{_q(text)}?="


def _b_word(text: str) -> str:
    return f"=?utf-8?b?{base64.b64encode(text.encode('utf-8')).decode('ascii')}?="
