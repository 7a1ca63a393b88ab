"""Four times the message takes no more than some four times as long, however it was made to hurt; nothing recurses."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from functools import partial

import pytest

from gateway.domain.address import Address, NamedAddress
from gateway.domain.errors import BadMessage
from gateway.domain.firm import InlineImage
from gateway.mime.address import AddressFault, hides_address, parse_mailboxes
from gateway.mime.attachments import attachments
from gateway.mime.facts import correspondents, facts
from gateway.mime.header import Field, Header
from gateway.mime.plain import plain_text
from gateway.mime.render import Edits, SignatureBlock, render
from tests.cost import in_proportion

STEEPEST = 8.0  # quadratic would be 16
PATIENCE = 2.0  # seconds of CPU for the worst megabyte (hostile.md, F5)
SLOWEST = 2_000_000  # octets a second beyond it: a text of 30 MB may have to be encoded anew
FRAMES = 90  # of the stack, that all work must fit in
EDITS = Edits(
    replace=(Field.mailboxes("From", [NamedAddress("Support", Address("support", "firm.example"))]),),
    remove=frozenset({"bcc"}),
    signature=SignatureBlock(
        "-- \nȘtefan Pop",
        '<p>Ștefan Pop<img src="cid:logo"></p>',
        (InlineImage("logo", "image/png", b"x" * 300),),
        "ab",
    ),
)
_TOP = b"From: Ana <ana@firm.example>\r\nMIME-Version: 1.0\r\n"


def _flat(kind: bytes, body: bytes, *, encoding: bytes = b"7bit") -> bytes:
    return _TOP + b"Content-Type: " + kind + b"\r\nContent-Transfer-Encoding: " + encoding + b"\r\n\r\n" + body


def _plain(body: bytes) -> bytes:
    return _flat(b"text/plain; charset=utf-8", body)


def _html(body: bytes) -> bytes:
    return _flat(b"text/html; charset=utf-8", body)


def _mixed(body: bytes) -> bytes:
    return _flat(b"multipart/mixed; boundary=b", b"--b\r\n\r\nHello\r\n--b\r\n" + body + b"\r\n--b--\r\n")


def _deep(count: int) -> bytes:
    return _TOP + b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (number, number) for number in range(count)
    )


def _deep_same(count: int) -> bytes:
    return _TOP + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" * count


def _forwarded(count: int) -> bytes:
    return _TOP + b"Content-Type: message/rfc822\r\n\r\n" * count


def _header(lines: bytes) -> bytes:
    return _TOP + lines + b"Content-Type: text/plain\r\n\r\nHello\r\n"


SHAPES: dict[str, tuple[Callable[[int], bytes], int]] = {  # how it is made, and how many of it at the first measure
    "30 MB of a file": (lambda n: _mixed(b"Content-Type: application/pdf\r\n\r\n" + (b"J" * 76 + b"\r\n") * n), 96_000),
    "30 MB of text": (lambda n: _plain((b"word " * 15 + b"\r\n") * n), 96_000),
    "5 MB of quoted-printable": (
        lambda n: _flat(b"text/plain", (b"=C3=A4" * 12 + b"=\r\n") * n, encoding=b"quoted-printable"),
        17_000,
    ),
    "5 MB of base64 text": (lambda n: _flat(b"text/plain", (b"QUJD" * 19 + b"\r\n") * n, encoding=b"base64"), 17_000),
    "2,000 deep": (_deep, 500),
    "2,000 deep, one boundary": (_deep_same, 500),
    "1,000 forwarded in each other": (_forwarded, 250),
    "50,000 parts": (lambda n: _mixed(b"\r\n--b\r\nContent-Type: image/png\r\n\r\nx" * n), 12_500),
    "10,000 fields": (lambda n: _header(b"X-A: b\r\n" * n), 2_500),
    "10,000 recipients' fields": (lambda n: _header(b"To: a@b.example\r\n" * n), 2_500),
    "a field of a million folds": (lambda n: _header(b"X-A: b" + b"\r\n b" * n + b"\r\n"), 250_000),
    "10 MB in one line": (lambda n: _plain(b"x" * n), 2_500_000),
    "10 MB in one line of HTML": (lambda n: _html(b"x" * n), 2_500_000),
    "10 MB in one line of quoted-printable": (
        lambda n: _flat(b"text/plain", b"=41" * n, encoding=b"quoted-printable"),
        800_000,
    ),
    "100,000 look-alikes of a boundary": (lambda n: _mixed(b"--bb\r\n" * n), 25_000),
    "100,000 lines of dashes": (lambda n: _plain(b"-----\r\n" * n), 25_000),
    "100,000 quote marks": (lambda n: _plain(b"> \r\n" * n), 25_000),
    "100,000 quote marks in a line": (lambda n: _plain(b">" * n), 25_000),
    "100,000 lines that end in a colon": (lambda n: _plain(b"On 1.1.2026 wrote:\r\nx\r\n" * n), 25_000),
    "100,000 headers of a quote": (lambda n: _plain(b"From: x\r\n" * n), 25_000),
    "100,000 blockquotes": (lambda n: _html(b"<blockquote type=cite>" * n), 25_000),
    "100,000 comments of HTML left open": (lambda n: _html(b"<!--</body>" * n), 25_000),
    "100,000 tags left open": (lambda n: _html(b"<div class=gmail_quote " * n), 25_000),
    "100,000 ends of a body": (lambda n: _html(b"</body>" * n), 25_000),
    "100,000 angles": (lambda n: _html(b"<" * n), 25_000),
    "100,000 encoded words": (lambda n: _header(b"Subject:" + b"\r\n =?utf-8?q?x?=" * n + b"\r\n"), 25_000),
    "100,000 openings of encoded words": (lambda n: _header(b"Subject: " + b"=?utf-8?q?" * n + b"\r\n"), 25_000),
    "10,000 addresses": (lambda n: _header(b"To: " + b"A <a@b.example>,\r\n " * n + b"c@d.example\r\n"), 2_500),
    "100,000 comments": (lambda n: _header(b"To: " + b"(x)" * n + b"\r\n"), 25_000),
    "100,000 comments in each other": (lambda n: _header(b"To: " + b"(" * n + b")" * n + b"\r\n"), 25_000),
    "100,000 comments left open": (lambda n: _header(b"To: " + b"(" * n + b"\r\n"), 25_000),
    "100,000 backslashes": (lambda n: _header(b'To: "' + b"\\" * n + b"\r\n"), 25_000),
    "100,000 parameters": (lambda n: _flat(b"text/plain" + b";\r\n a=b" * n, b"Hello\r\n"), 25_000),
    "100,000 pieces of a name": (
        lambda n: _mixed(b"Content-Type: image/png" + b"".join(b";\r\n name*%d=a" % i for i in range(n)) + b"\r\n\r\n"),
        25_000,
    ),
    "100,000 references": (lambda n: _header(b"References:" + b"\r\n <a@b.example>" * n + b"\r\n"), 25_000),
}


def everything(raw: bytes) -> None:
    """All that the gateway ever does to a message's bytes."""
    header = Header.read(raw)
    header.text("Subject")
    for name in ("From", "To"):
        try:
            for mailbox in header.mailboxes(name):
                hides_address(mailbox)
        except AddressFault:
            continue
    try:
        render(raw, EDITS)
    except BadMessage:
        assert not header.complete
    facts(raw), correspondents(raw), attachments(raw), plain_text(raw)


@pytest.mark.parametrize("shape", SHAPES)
def test_F4_F5_four_times_as_much_takes_no_more_than_some_four_times_as_long(shape: str) -> None:
    make, count = SHAPES[shape]
    raw = make(count * 4)
    large = in_proportion(partial(everything, make(count)), partial(everything, raw), below=STEEPEST)
    assert large < PATIENCE + len(raw) / SLOWEST


@pytest.mark.parametrize("shape", SHAPES)
def test_M5_nothing_recurses(shape: str) -> None:
    make, count = SHAPES[shape]
    raw = make(min(count, 2_000))
    everything(_plain(b"Hello\r\n"))  # loads what is loaded when it is first needed
    everything(raw[:20_000])
    usual, depth, frame = sys.getrecursionlimit(), 0, sys._getframe()
    while frame.f_back is not None:
        depth, frame = depth + 1, frame.f_back
    sys.setrecursionlimit(depth + FRAMES)
    try:
        everything(raw)
    finally:
        sys.setrecursionlimit(usual)


@pytest.mark.parametrize(
    "value",
    [unit * 25_000 for unit in ("(", "()", '"a" ', "<", "a.", "a:;", "\\", "é")],
    ids=["comments left open", "comments", "quoted words", "angles", "dots", "groups", "backslashes", "letters"],
)
def test_F4_an_address_of_any_shape_is_linear(value: str) -> None:
    def read(text: str) -> None:
        with contextlib.suppress(AddressFault):
            parse_mailboxes(text)

    in_proportion(partial(read, value), partial(read, value * 4), below=STEEPEST)
