"""The text of office documents: OOXML (ECMA-376) and OpenDocument (ISO/IEC 26300) files, which are XML in a zip.

Nothing is unpacked to a disk. Which entries are read is ours to say, not the archive's, and how much of each is bounded
by its compressed size and in all, so that a few octets can't become gigabytes.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from xml.parsers import expat

MAX_RATIO = 100  # times that an entry may grow; text in XML grows ten to thirty times
MAX_UNPACKED = 32 * 1024 * 1024  # octets of all entries together: a thousand pages
MAX_ENTRIES = 200  # that are read: sheets and slides
CHUNK = 64 * 1024

_ENTRIES = re.compile(
    r"word/(document|header\d*|footer\d*|footnotes|endnotes|comments)\.xml"
    r"|xl/(sharedStrings|worksheets/sheet\d+)\.xml|ppt/(slides/slide|notesSlides/notesSlide)\d+\.xml|content\.xml"
)
_TEXT = frozenset({"t", "v"})  # of OOXML: w:t, a:t and t; v is a cell's value
_BREAKS = frozenset({"p", "br", "tab", "row", "c", "si", "h", "table-cell", "line-break", "s"})


class NotRead(ValueError):
    """No document that text can be taken from; it says why."""


def office_text(content: bytes) -> Iterator[str]:
    """Yield the text entry by entry. Raises NotRead for what is damaged, encrypted or too large to be honest."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            room = MAX_UNPACKED
            wanted = [one for one in archive.infolist() if _ENTRIES.fullmatch(one.filename)]
            for entry in wanted[:MAX_ENTRIES]:
                xml = _unpacked(archive, entry, room)
                room -= len(xml)
                yield _text(xml, open_document=entry.filename == "content.xml")
    except (zipfile.BadZipFile, zlib.error, expat.ExpatError, NotImplementedError, EOFError, RuntimeError) as error:
        # RuntimeError is how zipfile speaks of a password.
        raise NotRead(f"{type(error).__name__}: {error}") from error


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, room: int) -> bytes:
    """Read an entry as far as it is honest: what its directory says of its size counts for nothing."""
    allowed = min(room, max(entry.compress_size, 1) * MAX_RATIO)
    with archive.open(entry) as stream:
        found = stream.read(allowed + 1)
    if len(found) > allowed:
        raise NotRead(f"{entry.filename!r} grows too much when it is unpacked")
    return found


def _text(xml: bytes, *, open_document: bool) -> str:
    reader = _Reader(open_document=open_document)
    for at in range(0, len(xml), CHUNK):
        reader.parser.Parse(xml[at : at + CHUNK], False)
    reader.parser.Parse(b"", True)
    return "".join(reader.pieces)


class _Reader:
    """Collects characters of text elements; document types, and with them entities, are refused."""

    def __init__(self, *, open_document: bool) -> None:
        self.pieces: list[str] = []
        self._all = open_document  # there, all characters are text
        self._inside = 0
        self.parser = parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._refuse
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters

    def _refuse(self, *declared: object) -> None:
        raise NotRead("its XML declares a document type, as no office program does")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(":")[2]
        if local in _BREAKS:
            self.pieces.append(" ")
            self._shared = attributes.get("t") == "s"  # the cell's value is the number of a string, not a value
        elif local in _TEXT and not (local == "v" and self._shared):
            self._inside += 1

    def _end(self, name: str) -> None:
        local = name.rpartition(":")[2]
        if local in _TEXT:
            self._inside = max(0, self._inside - 1)
        elif local in _BREAKS:
            self.pieces.append(" ")

    def _characters(self, data: str) -> None:
        if self._all or self._inside:
            self.pieces.append(data)

    _shared = False
