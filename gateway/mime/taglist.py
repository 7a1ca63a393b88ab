"""Lists of tags, as DKIM, ARC and DMARC write them (RFC 6376 section 3.2): strict, and bounded."""

from __future__ import annotations

import base64
import binascii
import re

MAX_LIST = 20_000  # octets: a signature that lists 200 fields and holds an RSA key of 8192 bits has a quarter of that
MAX_TAGS = 50  # the standards know 15

_TAG = re.compile(r"([A-Za-z][A-Za-z0-9_]*)[ \t]*=[ \t]*([!-:<-~ \t]*)")
_FOLD = re.compile(r"\r?\n(?=[ \t])")
_WHITE = re.compile(r"[ \t\r\n]+")


def read_tags(text: bytes | str) -> dict[str, str] | None:
    """Tags by name, values without outer white space; None for what is no such list, or names a tag twice."""
    if len(text) > MAX_LIST:
        return None
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    pieces = _FOLD.sub("", words).split(";")
    if len(pieces) > MAX_TAGS:
        return None
    if not pieces[-1].strip(" \t\r\n"):
        pieces.pop()
    tags: dict[str, str] = {}
    for piece in pieces:
        found = _TAG.fullmatch(piece.strip(" \t\r\n"))
        if found is None or found[1] in tags:
            return None
        tags[found[1]] = found[2]
    return tags


def octets(value: str) -> bytes | None:
    """What a value in base64 holds, white space anywhere in it; None where it is none."""
    try:
        return base64.b64decode(_WHITE.sub("", value), validate=True)
    except (binascii.Error, ValueError):
        return None
