"""A second reader of messages, strict and line by line (RFC 2046), that shares no code with `gateway.mime`."""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

LONGEST_LINE = 998  # RFC 5322 section 2.1.1
CLEAR = frozenset({"", "7bit", "8bit", "binary"})
SEALED = frozenset(
    {
        "multipart/signed",
        "multipart/encrypted",
        "multipart/report",
        "application/pkcs7-mime",
        "application/x-pkcs7-mime",
    }
)

_LINE = re.compile(rb"[^\n]*\n|[^\n]+\Z")
_FOLD = re.compile(rb"\r\n(?=[ \t])")
_PARAMETER = re.compile(r';\s*([!-~]+?)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;"]*)')
_COMMENT = re.compile(r"\([^()]*\)")
_BAD_ESCAPE = re.compile(rb"=(?![0-9A-Fa-f]{2}|[ \t]*\r\n|[ \t]*\Z)")
_SOFT = re.compile(rb"=[ \t]*\r\n|=[ \t]*\Z")
_HEX = re.compile(rb"=([0-9A-Fa-f]{2})")
_CONTROLS = re.compile(rb"[\x80-\x9f]")
_BLANKS = re.compile(rb"[ \t]+(?=\r\n|\Z)")


@dataclass
class Node:
    """One part: where it lies in the message, and what its own header says of it."""

    path: tuple[int, ...]
    start: int
    parent: Node | None = None
    header_end: int = -1  # behind the empty line; -1 while we are still in the header
    end: int = -1
    fields: list[bytes] = field(default_factory=list)  # whole, folded, in order
    kind: str = "text/plain"
    params: dict[str, str] = field(default_factory=dict)
    encoding: str = ""
    disposition: str = ""
    children: list[Node] = field(default_factory=list)
    preamble_end: int = -1
    epilogue: int = -1  # where it starts
    closed: bool = False

    @property
    def is_multipart(self) -> bool:
        return self.kind.startswith("multipart/")

    @property
    def is_letter(self) -> bool:
        """Text that a person reads as the message: the only part that may get a signature."""
        return self.kind in {"text/plain", "text/html"} and self.disposition != "attachment" and not self.named

    @property
    def named(self) -> bool:
        return any(name.partition("*")[0] in {"name", "filename"} for name in self.params)

    def first(self, name: str) -> str:
        wanted = name.lower().encode() + b":"
        for each in self.fields:
            head, colon, value = each.partition(b":")
            if head.rstrip().lower() + colon == wanted:
                return _FOLD.sub(b"", value).strip().decode("latin-1")
        return ""

    def __iter__(self) -> Iterator[Node]:
        """All parts, the message first, in the order in which they lie."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(reversed(node.children))


class _Reader:
    """The state of one reading: a stack of open multiparts, and the part whose lines come now."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.root = self.now = Node((), 0)
        self.open: dict[bytes, Node] = {}  # delimiter to the outermost multipart that it belongs to

    def read(self) -> Node:
        for match in _LINE.finditer(self.raw):
            line, at = match[0], match.start()
            if line.startswith(b"--") and self._delimiter(line, at, match.end()):
                continue
            if self.now.header_end == -1:
                self._header_line(line, match.end())
        self._finish(self.root, len(self.raw), len(self.raw))
        return self.root

    def _header_line(self, line: bytes, after: int) -> None:
        node = self.now
        if line.rstrip(b"\r\n") == b"":
            self._head_done(node, after)
        elif line[:1] in {b" ", b"\t"} and node.fields:
            node.fields[-1] += line
        else:
            node.fields.append(line)

    def _head_done(self, node: Node, after: int) -> None:
        node.header_end = after
        default = "message/rfc822" if node.parent and node.parent.kind == "multipart/digest" else "text/plain"
        word, node.params = _value(node.first("Content-Type"))
        node.kind = word if re.fullmatch(r"[^\s/;]+/[^\s/;]+", word) else default
        node.encoding = _value(node.first("Content-Transfer-Encoding"))[0].strip('"')
        node.disposition, more = _value(node.first("Content-Disposition"))
        node.params = more | node.params
        boundary = node.params.get("boundary", "").rstrip().encode("latin-1")
        if node.is_multipart and boundary and node.encoding in CLEAR:
            self.open.setdefault(b"--" + boundary, node)

    def _delimiter(self, line: bytes, at: int, after: int) -> bool:
        bare = line.rstrip(b" \t\r\n")
        owner = self.open.get(bare)
        closing = owner is None
        if owner is None and bare.endswith(b"--"):
            owner = self.open.get(bare[:-2])
        if owner is None:
            return False
        # The line end before a delimiter belongs to the delimiter (section 5.1.1).
        before = at - (2 if self.raw[at - 2 : at] == b"\r\n" else 1 if at else 0)
        if not owner.children:
            owner.preamble_end = before
        else:
            self._finish(owner.children[-1], max(before, owner.children[-1].start), at)
        self._forget_below(owner)
        if closing:
            owner.closed, owner.epilogue, self.now = True, after, owner
            self.open = {mark: node for mark, node in self.open.items() if node is not owner}
        else:
            self.now = Node((*owner.path, len(owner.children) + 1), after, owner)
            owner.children.append(self.now)
        return True

    def _forget_below(self, owner: Node) -> None:
        marks = list(self.open)
        for mark in marks[[id(node) for node in self.open.values()].index(id(owner)) + 1 :]:
            del self.open[mark]

    def _finish(self, node: Node, end: int, hard_end: int) -> None:
        """Settle where a part and the unclosed ones inside of it end."""
        while True:
            if node.header_end == -1:
                self._head_done(node, min(end, hard_end))
            node.header_end = min(node.header_end, max(end, node.start))
            node.end = end
            if node.closed or not node.children or node.children[-1].end != -1:
                return
            node = node.children[-1]


def read(raw: bytes) -> Node:
    """Read a message; all offsets of its parts are those of ``raw``."""
    return _Reader(raw).read()


def header_of(raw: bytes, node: Node) -> bytes:
    return raw[node.start : node.header_end]


def body_of(raw: bytes, node: Node) -> bytes:
    return raw[node.header_end : node.end]


def octets_of(raw: bytes, node: Node) -> bytes | None:
    """Undo the transfer encoding; None where it is unsound."""
    body = body_of(raw, node)
    if node.encoding in CLEAR:
        return body
    if node.encoding == "base64":
        try:
            return base64.b64decode(re.sub(rb"\s+", b"", body), validate=True)
        except binascii.Error:
            return None
    if node.encoding == "quoted-printable":
        if _BAD_ESCAPE.search(body):
            return None
        joined = _SOFT.sub(b"", _BLANKS.sub(b"", body))
        return _HEX.sub(lambda match: bytes((int(match[1], 16),)), joined)
    return None


def text_of(raw: bytes, node: Node) -> str | None:
    """Decode a text part strictly, its line ends made ``\\n``; None where that can't be done."""
    octets = octets_of(raw, node)
    charset = node.params.get("charset", "").strip("'\" ")
    if octets is None:
        return None
    for name in [charset] if charset else ["ascii", "utf-8"]:
        try:
            codec = codecs.lookup(name).name
            if codec == "iso8859-1" and _CONTROLS.search(octets):
                codec = "cp1252"  # what all programs show where that is written and controls would come out
            text = octets.decode(codec)
        except (LookupError, UnicodeError, ValueError):
            continue
        return re.sub("\r\n|\r", "\n", text)
    return None


def defects(raw: bytes, root: Node) -> Counter[str]:
    """Count what a strict reader finds wrong."""
    found: Counter[str] = Counter()
    found["line over 998 octets"] = sum(len(line.rstrip(b"\r\n")) > LONGEST_LINE for line in raw.split(b"\n"))
    found["bare CR or LF"] = raw.count(b"\r") + raw.count(b"\n") - 2 * raw.count(b"\r\n")
    for node in root:
        found.update(_defects(raw, node))
    return +found


def _defects(raw: bytes, node: Node) -> Iterator[str]:
    for each in node.fields:
        if not re.match(rb"[!-9;-~]+:", each):
            yield "line that is no field"
    if any(not each.isascii() for each in node.fields):
        yield "eight bits in a header"
    for name in ("Content-Type", "Content-Transfer-Encoding", "MIME-Version", "From", "Date", "Message-ID"):
        count = sum(each.partition(b":")[0].rstrip().lower() == name.lower().encode() for each in node.fields)
        if count > 1:
            yield f"{name} more than once"
    if node.is_multipart:
        yield from _multipart_defects(node)
        return
    body = body_of(raw, node)
    if node.encoding in {"", "7bit"} and not body.isascii():
        yield "eight bits not announced"
    if node.encoding not in CLEAR and octets_of(raw, node) is None:
        yield f"{node.encoding} that can't be undone"
    if node.is_letter and text_of(raw, node) is None:
        yield "text that can't be read"


def _multipart_defects(node: Node) -> Iterator[str]:
    if not node.params.get("boundary"):
        yield "multipart without boundary"
    elif not node.children:
        yield "multipart without parts"
    elif not node.closed:
        yield "multipart that is not closed"
    if node.encoding not in CLEAR:
        yield "multipart with a transfer encoding"
    if node.encoding in {"", "7bit"} and any(child.encoding in {"8bit", "binary"} for child in node.children):
        yield "seven-bit multipart around eight bits"


def _value(text: str) -> tuple[str, dict[str, str]]:
    """Split a structured value; comments are dropped where they are not nested and not quoted."""
    if '"' not in text:
        text = _COMMENT.sub(" ", text)
    params: dict[str, str] = {}
    for match in _PARAMETER.finditer(text):
        content = match[2]
        if content.startswith('"'):
            content = re.sub(r"\\(.)", r"\1", content[1:-1])
        params.setdefault(match[1].lower(), content)
    return text.split(";", 1)[0].strip().lower(), params
