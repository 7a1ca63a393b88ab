"""Somebody's HTML as it may be shown: words, tables and the message's own pictures; nothing acts or is fetched."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from urllib.parse import unquote

import nh3

from gateway.mime.leaf import Leaf

PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})  # SVG is a document that acts
MAX_PICTURES = 8 * 1024 * 1024  # octets of all that one message shows: a letter with scans between its words

_TAGS = frozenset(
    (
        *("a", "abbr", "b", "bdi", "bdo", "big", "blockquote", "br", "caption", "center", "cite", "code", "col"),
        *("colgroup", "dd", "del", "dfn", "div", "dl", "dt", "em", "font", "h1", "h2", "h3", "h4", "h5", "h6", "hr"),
        *("i", "img", "ins", "kbd", "li", "mark", "ol", "p", "pre", "q", "s", "samp", "small", "span", "strike"),
        *("strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "tt", "u", "ul", "var"),
    )
)
# With what is in them: it is no text of the letter, or programs read it in two ways.
_GONE = frozenset(
    (
        *("applet", "embed", "frameset", "iframe", "math", "noembed", "noframes", "noscript", "object", "plaintext"),
        *("script", "style", "svg", "template", "textarea", "title", "xmp"),
    )
)
_ATTRIBUTES = {
    "*": {"dir", "lang"},
    "a": {"href"},
    "col": {"span"},
    "colgroup": {"span"},
    "img": {"src", "alt", "width", "height"},
    "li": {"value"},
    "ol": {"start", "type"},
    "table": {"border", "cellpadding", "cellspacing", "width"},
    "td": {"align", "colspan", "rowspan", "valign", "width"},
    "th": {"align", "colspan", "rowspan", "valign", "width"},
}
_LINK = re.compile(r"(?:https?://|mailto:|tel:)", re.IGNORECASE)
_LENGTH = re.compile(r"[0-9]{1,4}%?")
_WORD = re.compile(r"[A-Za-z0-9\-]{1,35}")


def harmless(page: str, pictures: Mapping[str, str]) -> str:
    """Clean a page into a fragment; ``pictures`` has ``data:`` URLs by Content-ID.

    Hostile nesting costs minutes: it is for a process that may be ended. Styles, names and classes are left out with
    all that acts, so that a letter can neither fetch anything nor look like the page around it.
    """

    def keep(tag: str, name: str, value: str) -> str | None:
        if name == "href":
            return value if _LINK.match(value) else None
        if name == "src":
            return pictures.get(unquote(value[4:])) if value[:4].lower() == "cid:" else None
        if name in {"alt", "rel"}:
            return value
        return (
            value
            if (_WORD if name in {"dir", "lang", "align", "valign", "type"} else _LENGTH).fullmatch(value)
            else None
        )

    return nh3.clean(
        page,
        tags=set(_TAGS),
        clean_content_tags=set(_GONE),
        attributes=_ATTRIBUTES,
        attribute_filter=keep,
        url_schemes={"http", "https", "mailto", "tel", "cid"},
        link_rel="noopener noreferrer nofollow",
    )


def shown_pictures(leaves: list[Leaf]) -> dict[str, str]:
    """``data:`` URLs of the pictures that the message's own HTML shows, by Content-ID; as many as there is room for."""
    found: dict[str, str] = {}
    room = MAX_PICTURES
    for leaf in leaves:
        if leaf.shown and leaf.part.content_type in PICTURES and leaf.part.content_id not in found:
            content, sound = leaf.content()
            room -= len(content)
            if sound and room >= 0:
                coded = base64.b64encode(content).decode("ascii")
                found[leaf.part.content_id] = f"data:{leaf.part.content_type};base64,{coded}"
    return found
