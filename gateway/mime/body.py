"""Which parts are the body that a person wrote, and which messages nobody may touch."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gateway.mime.encoding import decode_transfer
from gateway.mime.tree import Part

_SEALED = {
    "multipart/signed": "The message is signed.",
    "multipart/encrypted": "The message is encrypted.",
    "application/pkcs7-mime": "The message is signed or encrypted (S/MIME).",
    "application/x-pkcs7-mime": "The message is signed or encrypted (S/MIME).",
    "multipart/report": "The message is a report.",
    "text/calendar": "The message is an invitation or an answer to one.",
}
_ARMOUR = re.compile(rb"^-----BEGIN PGP (?:SIGNED )?MESSAGE-----", re.MULTILINE)


def sealed(raw: bytes, tree: Sequence[Part]) -> str:
    """Say why the whole body must stay byte for byte as it is; empty if it need not."""
    if tree[0].content_type.startswith("message/"):
        return "The message is another message."
    for part in tree:
        if part.content_type in _SEALED and _is_way_to_body(part, tree):
            return _SEALED[part.content_type]
    for part in body_parts(tree):
        body = part.body(raw)
        if b"-----BEGIN" not in body and part.encoding == "base64":
            body = decode_transfer(body, part.encoding)[0]
        if b"-----BEGIN" in body and _ARMOUR.search(body):
            return "The message is signed or encrypted (PGP)."
    return ""


def _is_way_to_body(part: Part, tree: Sequence[Part]) -> bool:
    """Whether a sealed part is the body or holds it; a signed mail that is forwarded as a file is neither."""
    if part.parent is None:
        return True
    if part.disposition == "attachment":
        return False
    if part.content_type in {"multipart/signed", "text/calendar"}:
        return True
    around = tree[part.parent]
    return around.children[0] == part.number and _is_way_to_body(around, tree)


def body_parts(tree: Sequence[Part]) -> tuple[Part, ...]:
    """Choose the text parts of the body: one, or those of one alternative; none if there is no text."""
    chosen: list[Part] = []
    waiting = [tree[0]]
    kinds: set[str] = set()
    while waiting:
        part = waiting.pop()
        children = [tree[number] for number in part.children]
        if part.content_type == "multipart/alternative":
            waiting.extend(reversed(children))
        elif part.content_type == "multipart/related":
            waiting.extend(children[:1])
        elif part.is_multipart:
            waiting.extend(_first_with_text(children, tree))
        elif is_text(part) and part.content_type not in kinds:
            kinds.add(part.content_type)
            chosen.append(part)
    return tuple(chosen)


def is_text(part: Part) -> bool:
    """Whether it is shown as the message's text."""
    return part.content_type in {"text/plain", "text/html"} and part.disposition != "attachment" and not part.filename


def _first_with_text(children: Sequence[Part], tree: Sequence[Part]) -> list[Part]:
    """Find the first child that holds text; a file in front of the text does not hide it."""
    for child in children:
        waiting = [child]
        while waiting:
            part = waiting.pop()
            if is_text(part):
                return [child]
            waiting.extend(tree[number] for number in part.children)
    return []
