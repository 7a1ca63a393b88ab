"""Which parts are the body that a person wrote, and which messages nobody may touch."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gateway.mime.encoding import IDENTITY, decode_transfer
from gateway.mime.tree import Part

_SMIME = "The message is signed or encrypted (S/MIME)."
_PGP = "The message is signed or encrypted (PGP)."
_SEALED = {
    "multipart/signed": "The message is signed.",
    "multipart/encrypted": "The message is encrypted.",
    "application/pkcs7-mime": _SMIME,
    "application/x-pkcs7-mime": _SMIME,
    "application/pgp": _PGP,
    "multipart/report": "The message is a report.",
    "text/calendar": "The message is an invitation or an answer to one.",
}
_ANY = "application/octet-stream"
_SMIME_FILE = re.compile(r"smime\.p7[mz]|.*\.p7m", re.IGNORECASE)
_BEGIN = rb"-----BEGIN PGP (?:SIGNED )?MESSAGE(?:, PART [0-9/]{1,9})?-----"
_ARMOUR = {  # at the start of a line: armour that is quoted in a reply seals nothing
    "text/plain": re.compile(rb"^" + _BEGIN, re.MULTILINE),
    "text/html": re.compile(rb"(?:^|>)[ \t]*" + _BEGIN, re.MULTILINE),
}
# One of them stands in armour, whatever the encoding did; first what is found soonest where it is.
_CUE = (b"=\r\n", b"=2D", b"BEGIN PGP", b"BEGIN=20PGP")
MAX_ARMOUR = 100_000  # octets of a part that are searched for it; it stands at the top
KEPT = 4  # parts whose octets are handed on; a letter has its text twice, and may quote some more

Decoded = dict[int, bytes]  # octets of parts in quoted-printable, by the part's number


def sealed(raw: bytes, tree: Sequence[Part], decoded: Decoded | None = None) -> str:
    """Say why the whole body must stay byte for byte as it is; empty if it need not.

    ``decoded`` takes what had to be decoded for that, for whom that spares doing it again.
    """
    decoded = {} if decoded is None else decoded
    if tree[0].content_type.startswith("message/"):
        return "The message is another message."
    for part in tree:
        reason = _SEALED.get(part.content_type, "")
        if part.content_type == _ANY and _SMIME_FILE.fullmatch(part.filename):
            reason = _SMIME
        if reason and _is_way_to_body(part, tree):
            return reason
    for part in tree:
        if is_text(part) and _is_armoured(raw, part, decoded):
            return _PGP
    return ""


def _is_armoured(raw: bytes, part: Part, decoded: Decoded) -> bool:
    if part.encoding in IDENTITY:
        found = raw.find(b"-----BEGIN PGP", part.header_end, part.body_end) != -1
        return found and _holds_armour(part.body(raw), part.content_type)
    head = raw[part.header_end : min(part.body_end, part.header_end + MAX_ARMOUR)]
    if part.encoding == "quoted-printable" and not any(map(head.__contains__, _CUE)):
        return False
    octets = decode_transfer(head, part.encoding)[0]
    if part.encoding == "quoted-printable" and len(head) == part.body_end - part.header_end and len(decoded) < KEPT:
        decoded[part.number] = octets
    return _holds_armour(octets, part.content_type)


def _holds_armour(octets: bytes, content_type: str) -> bool:
    return b"-----BEGIN PGP" in octets and _ARMOUR[content_type].search(octets) is not None


def _is_way_to_body(part: Part, tree: Sequence[Part]) -> bool:
    """Whether a sealed part is the body or holds it; a signed mail that is forwarded as a file is neither."""
    if part.parent is None:
        return True
    around = tree[part.parent]
    if part.content_type == "text/calendar":
        asks = "method" in part.params and not part.filename
        return part.disposition != "attachment" and (asks or around.content_type == "multipart/alternative")
    if part.content_type in {"multipart/signed", "multipart/encrypted"}:
        return part.disposition != "attachment"
    if part.disposition == "attachment" and part.content_type.startswith("multipart/"):
        return False
    while around.children[0] == part.number:
        if around.parent is None:
            return True
        part, around = around, tree[around.parent]
    return False


def body_parts(tree: Sequence[Part]) -> tuple[Part, ...]:
    """Choose the text parts of the body: one, or those of one alternative; none if there is no text."""
    chosen: list[Part] = []
    waiting = [tree[0]]
    kinds: set[str] = set()
    while waiting:
        part = waiting.pop()
        if part.content_type in _SEALED:
            continue
        if part.content_type == "multipart/alternative":
            waiting += [tree[number] for number in reversed(part.children)]
        elif part.content_type == "multipart/related":
            root = root_of(part, tree)
            waiting.extend([root] if root else [])
        elif part.is_multipart:
            waiting.extend(_first_with_text(part, tree))
        elif is_text(part) and part.content_type not in kinds:
            kinds.add(part.content_type)
            chosen.append(part)
    return tuple(chosen)


def root_of(related: Part, tree: Sequence[Part]) -> Part | None:
    """Find the part that a multipart/related is about: the one that ``start`` names, else the first (RFC 2387)."""
    named = related.params.get("start", "").strip("<> \t")
    if named:
        found = next((tree[number] for number in related.children if tree[number].content_id == named), None)
        if found is not None:
            return found
    return tree[related.children[0]] if related.children else None


def is_text(part: Part) -> bool:
    """Whether it is shown as the message's text; what has a file's name is a file."""
    return part.content_type in {"text/plain", "text/html"} and part.disposition != "attachment" and not part.filename


def _first_with_text(mixed: Part, tree: Sequence[Part]) -> list[Part]:
    """Find the first child that holds text; a file in front of the text does not hide it."""
    for number in mixed.children:
        waiting = [tree[number]]
        while waiting:
            part = waiting.pop()
            if part.content_type in _SEALED:
                continue  # beside a file, it is one
            if is_text(part):
                return [tree[number]]
            waiting.extend(tree[child] for child in part.children)
    return []
