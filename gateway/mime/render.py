"""What leaves: the submitted bytes with fields replaced and a signature spliced in; all else as it came."""

from __future__ import annotations

import html
import re
from typing import NamedTuple

from gateway.domain.errors import BadMessage
from gateway.domain.firm import InlineImage
from gateway.mime.body import Decoded, body_parts, sealed
from gateway.mime.header import Field, Header
from gateway.mime.related import Pictures, in_related, shows
from gateway.mime.splice import Splice, splice, spliced
from gateway.mime.standing import Known
from gateway.mime.textpart import LeftAlone, Place, TextBody, block_of
from gateway.mime.tree import Part, parts
from gateway.mime.written import added

_MIME = re.compile(r"mime-version|content-", re.IGNORECASE)
_CID = re.compile(r"cid:([^\"'\s<>()]+)")


class SignatureBlock(NamedTuple):
    """A signature written out for one message; ``seed``: unguessable hex, once per message, for images' names."""

    text: str
    html: str
    images: tuple[InlineImage, ...] = ()
    seed: str = ""


class Edits(NamedTuple):
    """What to change; ``remove``: names in lower case. MIME's own fields are render's business, not to be named."""

    prepend: tuple[Field, ...] = ()
    replace: tuple[Field, ...] = ()
    default: tuple[Field, ...] = ()
    remove: frozenset[str] = frozenset()
    signature: SignatureBlock | None = None


class Rendered(NamedTuple):
    """The bytes to send, and why a signature is missing where it is."""

    raw: bytes
    notes: tuple[str, ...] = ()


class Plan(NamedTuple):
    """Where the bytes of a message change, and why a signature is missing where it is."""

    splices: tuple[Splice, ...]
    notes: tuple[str, ...] = ()


def render(raw: bytes, edits: Edits, header: Header | None = None) -> Rendered:
    """Edit a message with CRLF line ends; raises BadMessage where its header is too large to be sure of it.

    ``header``: the message's own, where the caller has read it.
    """
    found = plan(raw, edits, header or Header.read(raw))
    return Rendered(spliced(raw, found.splices), found.notes)


def plan(raw: bytes, edits: Edits, header: Header) -> Plan:
    """What `render` would do."""
    if not header.complete:
        raise BadMessage("The message has too many header fields; send it with an ordinary mail program.")
    splices = _header_splices(header, edits)
    notes: list[str] = []
    if edits.signature is not None and (edits.signature.text or edits.signature.html):
        splices += _signed(raw, header, edits.signature, notes)
    return Plan(tuple(splices), tuple(notes))


def _header_splices(header: Header, edits: Edits) -> list[Splice]:
    """The fields in their places: first of a name replaced, further ones dropped, the absent ones above MIME's own."""
    by_name = header.by_name
    out = [splice((0, 0, b"".join([field.line for field in edits.prepend])))] if edits.prepend else []
    replace = {field.name.lower(): field for field in edits.replace}
    for name, spans in by_name.items():
        if name in replace:
            out.append(splice((spans[0].start, spans[0].end, replace[name].line)))
            out += [splice((span.start, span.end, b"")) for span in spans[1:]]
        elif name in edits.remove:
            out += [splice((span.start, span.end, b"")) for span in spans]
    added = [field for name, field in replace.items() if name not in by_name]
    added += [field for field in edits.default if field.name.lower() not in by_name]
    if added:
        at = next((span.start for span in header.fields if _MIME.match(span.name)), header.block_end)
        lead = b"" if at < header.block_end or _ends_line(header) else b"\r\n"
        out.append(splice((at, at, lead + b"".join([field.line for field in added]))))
    return out


def _ends_line(header: Header) -> bool:
    return header.block_end == 0 or header.raw[header.block_end - 1 : header.block_end] == b"\n"


def _signed(raw: bytes, header: Header, block: SignatureBlock, notes: list[str]) -> list[Splice]:
    tree = parts(raw, header)
    decoded: Decoded = {}
    reason = sealed(raw, tree, decoded)
    bodies = () if reason else body_parts(tree)
    if not bodies:
        notes.append(f"No signature added: {reason or 'The message has no text.'}")
        return []
    known = Known.by(block.text, block.html)
    splices: list[Splice] = []
    for part in bodies:
        try:
            if part.content_type == "text/html" or block.text:
                body = TextBody.read(raw, part, tree, decoded.get(part.number))
                splices.extend(_signed_part(tree, body, block, known))
        except LeftAlone as fault:
            notes.append(f"No signature added to the {part.content_type} part: {fault}.")
    return splices


def _signed_part(tree: tuple[Part, ...], body: TextBody, block: SignatureBlock, known: Known) -> list[Splice]:
    """Write the signature into one part; nothing where it stands already."""
    place = Place.free(body, known)
    if place is None:
        return []
    if not body.is_html:
        return added(body, place.at, block_of(body, place, block.text))
    if not block.html:
        return added(body, place.at, block_of(body, place, _as_html(block.text)))
    markup, images = _with_ids(block)
    if images and not known.forms and shows(body.raw, tree, body.text[: place.at], images):
        return []
    splices = added(body, place.at, block_of(body, place, markup))
    return in_related(body.raw, tree, body.part, splices, Pictures(images, block.seed)) if images else splices


def _as_html(text: str) -> str:
    return "<br>\r\n".join(html.escape(line, quote=False) for line in text.strip("\r\n").splitlines())


def _with_ids(block: SignatureBlock) -> tuple[str, tuple[tuple[str, InlineImage], ...]]:
    """Give the images that the signature shows their Content-IDs of this one message."""
    if not block.images:
        return block.html, ()
    known = {image.name: (f"image{number}.{block.seed}@inline", image) for number, image in enumerate(block.images, 1)}
    used = {name: known[name] for name in _CID.findall(block.html) if name in known}
    if used and not block.seed:
        raise ValueError("a signature with images needs a seed")
    markup = _CID.sub(lambda match: f"cid:{used[match[1]][0]}" if match[1] in used else match[0], block.html)
    return markup, tuple(used.values())
