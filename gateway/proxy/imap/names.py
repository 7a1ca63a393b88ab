"""Folder names on the wire: modified UTF-7 (RFC 3501 section 5.1.3) and LIST's wildcards."""

from __future__ import annotations

import base64
import binascii

from gateway.proxy.imap.answers import Bad

DELIMITER = "/"
MAX_NAME = 1_000  # characters; Dovecot's limit


def decoded(wire: bytes) -> str:
    """The name as people write it; Bad where it is not modified UTF-7. UTF-8 is taken as some clients send it."""
    try:
        text = wire.decode("utf-8")
    except UnicodeDecodeError:
        raise Bad("the folder name is neither modified UTF-7 nor UTF-8") from None
    if len(text) > MAX_NAME or any(ord(c) < 0x20 or ord(c) == 0x7F for c in text):
        raise Bad("the folder name is too long or holds control characters")
    pieces = text.split("&")
    name = pieces[0] + "".join(_shifted(piece) for piece in pieces[1:])
    return "INBOX" if name.upper() == "INBOX" else name


def _shifted(piece: str) -> str:
    run, dash, rest = piece.partition("-")
    if not dash:
        raise Bad("the folder name has an & that ends nowhere")
    if not run:
        return "&" + rest
    try:
        octets = base64.b64decode(run.replace(",", "/") + "=" * (-len(run) % 4), validate=True)
        return octets.decode("utf-16-be") + rest
    except (binascii.Error, ValueError):
        raise Bad("the folder name is not modified UTF-7") from None


def encoded(name: str) -> bytes:
    """The name as modified UTF-7."""
    written: list[str] = []
    run: list[str] = []
    for character in name:
        if 0x20 <= ord(character) < 0x7F:
            written += [_flushed(run), "&-" if character == "&" else character]
        else:
            run.append(character)
    written.append(_flushed(run))
    return "".join(written).encode("ascii")


def _flushed(run: list[str]) -> str:
    if not run:
        return ""
    octets = "".join(run).encode("utf-16-be", "surrogatepass")
    run.clear()
    return "&" + base64.b64encode(octets).decode("ascii").rstrip("=").replace("/", ",") + "-"


def matches(name: str, pattern: str) -> bool:
    """LIST's ``*`` and ``%`` (RFC 9051 section 6.3.9); all alternatives at once, so no pattern is expensive."""
    if name == "INBOX":
        pattern = "INBOX" if pattern.upper() == "INBOX" else pattern
    live = _spread({0}, pattern)
    for character in name:
        stepped = set[int]()
        for at in live:
            wanted = pattern[at] if at < len(pattern) else ""
            if wanted == "*" or (wanted == "%" and character != DELIMITER):
                stepped.add(at)
            elif wanted == character:
                stepped.add(at + 1)
        live = _spread(stepped, pattern)
    return len(pattern) in live


def _spread(places: set[int], pattern: str) -> set[int]:
    spread = set(places)
    for place in places:
        at = place
        while at < len(pattern) and pattern[at] in "*%" and at + 1 not in spread:
            at += 1
            spread.add(at)
    return spread
