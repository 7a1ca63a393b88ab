"""Transfer encodings (RFC 2045 section 6), tolerant in reading, strict in writing."""

from __future__ import annotations

import binascii
import re
from io import BytesIO

BASE64_COLUMNS = 76  # RFC 2045 section 6.8
QUOTED_COLUMNS = 76  # section 6.7 rule 5
MAX_QUOTED_LINE = 100_000  # octets that are searched one by one; the standard allows 76
LITERAL = 8  # octets that a place is known by: "</body>" and its line end are more
PIECE = 768 * 1024  # octets of base64 that are decoded in one go
IDENTITY = frozenset({"", "7bit", "8bit", "binary"})

_NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="))
_WHITE = b" \t\r\n"
# No line of base64 holds it: another octet, blanks between two letters, or a CR that ends no line.
_UNCODED = re.compile(
    rb"[^A-Za-z0-9+/=\n](?:(?<=[^ \t\r])|(?<=[A-Za-z0-9+/=][ \t])[ \t]*+(?=[A-Za-z0-9+/=])|(?<=\r)(?!\n))"
)
_BLANK = re.compile(rb"[ \t\r]*+")
_PADDING = re.compile(rb"=+")
_TRAILING = re.compile(rb"(?<![ \t])[ \t]++(?=\r?\n|\Z)")
_BLANKS = (b" ", b"\t")
_BLANK_END = re.compile(rb"\n(?:(?<=[ \t]\n)|(?<=[ \t]\r\n))")  # line ends are found faster than blanks
_PLAIN_LINE = re.compile(rb"(?:(?![.]|From |--[^ ])[\t -<>-~]*[!-<>-~])?")
_TREACHEROUS = re.compile(rb"[.]|From |--(?!=20|[ ])")  # a lone dot, what mbox quotes, a delimiter
_TREACHEROUS_LINE = re.compile(rb"^(?:" + _TREACHEROUS.pattern + rb")", re.MULTILINE)
_TOKENS = [bytes((o,)) if o == 9 or (0x20 <= o <= 0x7E and o != 0x3D) else b"=%02X" % o for o in range(256)]
_ESCAPE = re.compile(rb"=[0-9A-Fa-f]{2}")


def decode_base64(raw: bytes, start: int = 0, stop: int | None = None) -> tuple[bytes, bool]:
    """Return the octets and whether all was well; what follows padding is decoded too: senders do concatenate.

    Behind padding it is over with the first line that is no base64, since mailing lists and scanners put sentences
    there. Piece by piece, so that beside what comes out hardly anything is held: attachments can be large.
    """
    stop = len(raw) if stop is None else stop
    if stop - start <= PIECE:
        try:
            return binascii.a2b_base64(raw[start:stop].translate(None, _WHITE), strict_mode=True), True
        except binascii.Error:
            pass  # nearly all is sound; this is not
    end, padding = stop, raw.find(b"=", start, stop)
    if padding != -1:
        end = _coded_until(raw, padding, stop)
    out = BytesIO()
    sound = _decode(out, raw, start, end) and not raw[end:stop].strip(_WHITE)
    return out.getvalue(), sound


def _coded_until(raw: bytes, start: int, stop: int) -> int:
    """Where the first line begins that is no base64, or ``start`` where that is cut out of one."""
    found = _UNCODED.search(raw, start, stop)
    if found is None or _BLANK.fullmatch(raw, found.start(), stop):
        return stop
    return max(start, raw.rfind(b"\n", start, found.start()) + 1)


def _decode(out: BytesIO, raw: bytes, start: int, stop: int) -> bool:
    left, sound = b"", True
    for at in range(start, stop, PIECE):
        piece = raw[at : min(at + PIECE, stop)]
        body = piece.translate(None, _NOT_BASE64)
        sound = sound and len(piece.translate(None, _WHITE)) == len(body)
        *padded, last = _PADDING.split(body)
        for chunk in padded:
            sound = _chunk(out, left + chunk) and sound
            left = b""
        left += last
        whole = len(left) // 4 * 4
        out.write(binascii.a2b_base64(left[:whole]))
        left = left[whole:]
    return _chunk(out, left) and sound


def _chunk(out: BytesIO, body: bytes) -> bool:
    """Decode what padding or the end follows; whether it is whole: six bits are no octet, the end was cut off."""
    over = len(body) % 4
    whole = body[:-1] if over == 1 else body + b"=" * (-over % 4)
    out.write(binascii.a2b_base64(whole))
    return over != 1


def encode_base64(raw: bytes) -> bytes:
    """Lines of 76 columns, each ended by CRLF."""
    step = BASE64_COLUMNS // 4 * 3
    return b"".join(
        binascii.b2a_base64(raw[at : at + step], newline=False) + b"\r\n" for at in range(0, len(raw), step)
    )


def decode_quoted(raw: bytes) -> bytes:
    """Quoted-printable; white space at line ends is the transport's (RFC 2045 section 6.7 rule 3)."""
    if raw.endswith(_BLANKS) or _BLANK_END.search(raw):
        raw = _TRAILING.sub(b"", raw)  # takes ten times as long as all of the rest, and is hardly ever needed
    return binascii.a2b_qp(raw)


def encode_quoted(raw: bytes) -> bytes:
    """Quoted-printable of text with CRLF line ends, from a line's start on; lines of at most 76.

    No line of what comes out can be the delimiter of a multipart around it, whatever the text says.
    """
    return b"\r\n".join(_quoted_line(line) for line in raw.split(b"\r\n"))


def _quoted_line(line: bytes) -> bytes:
    if len(line) <= QUOTED_COLUMNS and _PLAIN_LINE.fullmatch(line):
        return line
    coded = binascii.b2a_qp(line, istext=False)
    lines = coded.split(b"\n")  # its soft breaks; some come a few columns late
    if max(map(len, lines)) <= QUOTED_COLUMNS and not _TREACHEROUS_LINE.search(coded):
        return b"\r\n".join(lines)
    return _quoted_with_care(line)


def _quoted_with_care(line: bytes) -> bytes:
    """Where some line would begin in a way that is mangled, or mistaken, on the way."""
    tokens = [_TOKENS[octet] for octet in line]
    if line[-1:] in {b" ", b"\t"}:
        tokens[-1] = b"=%02X" % line[-1]
    coded, out, at = b"".join(tokens), [], 0
    while True:
        lead = b"=%02X" % coded[at] if _TREACHEROUS.match(coded, at) else b""
        at += bool(lead)
        room = QUOTED_COLUMNS - len(lead)
        if len(coded) - at <= room:
            break
        cut = at + room - 1
        escape = coded.rfind(b"=", cut - 2, cut)
        cut = cut if escape == -1 else escape  # an escape is three columns and stays whole
        out.append(lead + coded[at:cut] + b"=\r\n")
        at = cut
    return b"".join((*out, lead, coded[at:]))


def decode_transfer(raw: bytes, encoding: str) -> tuple[bytes, bool]:
    """Return the octets of a body, and False where its encoding is unknown or damaged; uuencode is not undone."""
    if encoding in IDENTITY:
        return raw, True
    if encoding == "base64":
        return decode_base64(raw)
    if encoding == "quoted-printable":
        return decode_quoted(raw), True
    return raw, False


def quoted_place(raw: bytes, octets: bytes, wanted: int) -> int | None:
    """Where octet ``wanted`` of ``octets`` begins in their quoted-printable form ``raw``; None if no token does there.

    All of it decodes to the octets before that one, and the rest to those behind it.
    """
    at = _literal(raw, octets, wanted)
    if at is None:
        at = quoted_offset(raw, wanted)
        if at is not None and decode_quoted(_ended(raw, at)) != octets[:wanted]:
            return None
    return at


def _ended(raw: bytes, at: int) -> bytes:
    return raw[:at] if raw[at - 1 : at] in {b"", b"\n"} else raw[:at] + b"=\r\n"


def _literal(raw: bytes, octets: bytes, wanted: int) -> int | None:
    """The same, found by what stands there where that is written as it is; only the rest has to be decoded for it."""
    following = octets[wanted : wanted + LITERAL]
    at = raw.rfind(following) if len(following) == LITERAL else -1
    before = raw[max(0, at - 3) : at]
    if at < 3 or b"=" in before or before.endswith((*_BLANKS, b"\r")):  # it may be the end of a token
        return None
    return at if decode_quoted(raw[at:]) == octets[wanted:] else None


def quoted_offset(raw: bytes, wanted: int) -> int | None:
    """Where in quoted-printable ``raw`` octet ``wanted`` of its decoded form begins; None where no token does."""
    low, high, have = 0, len(raw), 0
    while middle := _line_start(raw, low, high):  # only whole lines decode on their own
        length = len(decode_quoted(raw[low:middle]))
        if have + length <= wanted:
            low, have = middle, have + length
        else:
            high = middle
    if high - low > MAX_QUOTED_LINE:
        return None
    while have < wanted and low < high:
        low += 3 if _ESCAPE.match(raw, low) else 1
        have += 1
    return low if have == wanted else None


def _line_start(raw: bytes, low: int, high: int) -> int:
    """Find a line's start strictly between the two, near their middle; 0 if there is none."""
    middle = (low + high) // 2
    found = raw.find(b"\n", middle, high - 1) + 1
    return found or raw.rfind(b"\n", low, middle) + 1
