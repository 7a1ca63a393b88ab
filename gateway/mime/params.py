"""Parameters of Content-Type and Content-Disposition (RFC 2045 section 5.1, RFC 2231), read tolerantly."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

from gateway.mime.charset import decode_text
from gateway.mime.header import readable
from gateway.mime.words import decode_words

MAX_VALUE = 65_536  # octets of one field that are looked at
MAX_PIECES = 2_000  # parameters and RFC 2231 pieces of one field

_PARAMETER = re.compile(r';\s*+([^\s=;"]++)\s*+=\s*+(?:"((?:[^"\\]++|\\.)*+)"?|([^;]*+))', re.DOTALL)
_PIECE = re.compile(r"([^*]+)\*(?:(\d{1,5})(\*)?)?")
_ESCAPE = re.compile(r'\\(["\\])')
_TYPE = re.compile(r"[!#$&^_.+\-a-z0-9]+/[!#$&^_.+\-a-z0-9]+")


def parse_value(value: bytes) -> tuple[str, Mapping[str, str]]:
    """Split into the word in front, in lower case, and the parameters, decoded, by lower-case name."""
    text = readable(value[:MAX_VALUE])
    plain: dict[str, str] = {}
    if "*" not in text and "\\" not in text and "=?" not in text:  # nothing to be undone, as in nearly all
        for name, quoted, bare in _PARAMETER.findall(text)[:MAX_PIECES]:
            plain.setdefault(name.lower(), quoted or bare.strip())
        return text.partition(";")[0].strip().lower(), plain
    pieces: dict[str, dict[int, tuple[str, bool]]] = {}
    for count, match in enumerate(_PARAMETER.finditer(text)):
        if count == MAX_PIECES:
            break
        name, content = match[1].lower(), _content(match)
        piece = _PIECE.fullmatch(name)
        if piece is None:
            plain.setdefault(name, decode_words(content))
        else:
            single = piece[2] is None
            number = 0 if single else int(piece[2])
            pieces.setdefault(piece[1], {}).setdefault(number, (content, single or piece[3] is not None))
    return text.split(";", 1)[0].strip().lower(), plain | {name: _joined(found) for name, found in pieces.items()}


def media_type(word: str, default: str) -> str:
    """Make sure of a media type; what can't be one is opaque, for guessing would be editing the unknown."""
    word = word.split("(", 1)[0].strip()
    if not word:
        return default
    if _TYPE.fullmatch(word):
        return word
    return "text/plain" if word == "text" else "application/octet-stream"


def _content(match: re.Match[str]) -> str:
    return _ESCAPE.sub(r"\1", match[2]) if match[2] is not None else match[3].strip()


def _joined(found: Mapping[int, tuple[str, bool]]) -> str:
    """Join the pieces of RFC 2231 section 3 in order of their numbers; the first says the charset (section 4)."""
    ordered = [found[number] for number in sorted(found)]
    charset = "utf-8"
    if ordered[0][1] and ordered[0][0].count("'") >= 2:
        charset, _, rest = ordered[0][0].split("'", 2)
        ordered[0] = (rest, True)
    raw = b"".join(unquote_to_bytes(text) if coded else text.encode("utf-8") for text, coded in ordered)
    return decode_text(raw, charset or "utf-8")
