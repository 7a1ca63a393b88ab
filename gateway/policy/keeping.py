"""Which attachments become documents: all, but pictures that are decoration by their size or by coming again.

Disposition decides nothing: an inline PDF is a document, and so is a photo between the words. What is left out stays
in the raw message and is listed with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gateway.domain.record import Attachment
from gateway.mime.picture import pixels

SPACER = 3  # pixels; a picture with a side no longer than this shows nothing to anybody
ICON = 8_000  # octets; the signs of social networks have one to four thousand
ICON_SIDE = 300  # pixels; a screenshot has more, however few octets it takes
LOGO = 100_000  # octets; logos and banners have up to some tens of thousands, photos and scans more


class LeftOut(StrEnum):
    """Why an attachment is not saved; the value is what a person reads."""

    TRACKER = "a picture of a few pixels: a spacer, or a tracker"
    ICON = "a small picture that the text shows: an icon"
    REPEATED = "a small picture that came in earlier mail: a logo"


@dataclass(frozen=True, slots=True)
class Known:
    """What the store knows of an attachment's content."""

    seen: bool = False  # in earlier mail of the client, either way, or of the same sender
    saved: bool = False  # it is a document of the client already


def left_out(one: Attachment, known: Known) -> LeftOut | None:
    """None: save it. The same photo attached again is one more origin of its document, so it is not left out."""
    if not one.content_type.startswith("image/"):
        return None
    size = pixels(one.content)
    if size is not None and min(size) <= SPACER:
        return LeftOut.TRACKER
    if len(one.content) > LOGO:
        return None
    if known.seen and (one.shown or not known.saved):
        return LeftOut.REPEATED
    if one.shown and len(one.content) <= ICON and (size is None or max(size) <= ICON_SIDE):
        return LeftOut.ICON
    return None


def may_repeat(one: Attachment) -> bool:
    """Whether it is worth remembering that its content was seen: later mail may bring it again."""
    return one.content_type.startswith("image/") and len(one.content) <= LOGO
