"""The walk over parts: offsets, odd boundaries, and bombs that must not hurt."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mime.attachments import attachments
from gateway.mime.header import Header
from gateway.mime.params import parse_value
from gateway.mime.plain import plain_text
from gateway.mime.render import Edits, SignatureBlock, render
from gateway.mime.tree import MAX_DEPTH, MAX_PARTS, parts
from tests.cost import within

NESTED = (
    b"Content-Type: multipart/mixed; boundary=outer\r\n\r\npreamble\r\n"
    b"--outer\r\nContent-Type: multipart/alternative; boundary=\"in ner\"\r\n\r\n"
    b"--in ner\r\n\r\nplain\r\n"
    b"--in ner  \r\nContent-Type: text/html; charset=UTF-8\r\n\r\n<p>html</p>\r\n--in ner--\r\n"
    b"--outer\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nYWJj\r\n"
    b"--outer--\r\nepilogue\r\n--outer\r\nnot a part\r\n"
)  # fmt: skip


_LINES = (
    *(
        b"--b",
        b"--b--",
        b"--b--x",
        b"--bb",
        b"--b \t",
        b"--",
        b"",
        b"",
        b"text",
        b"Content-Type: text/html; charset=utf-8",
    ),
    *(b"Content-Type: multipart/mixed; boundary=b", b"Content-Type: multipart/mixed; boundary=c", b"--c", b"--c--"),
    *(b"Content-Transfer-Encoding: base64", b"X: " + b"x" * 500, b"no field", b"\r", b"Content-Type: message/rfc822"),
)
_ENDS = st.sampled_from([b"\r\n"] * 8 + [b"\n", b""])
_KINDS = st.sampled_from([b"multipart/alternative", b"multipart/mixed", b"multipart/digest", b"text/plain"])


@given(st.lists(st.tuples(st.sampled_from(_LINES), _ENDS), max_size=14), _KINDS, st.booleans())
def test_a_multipart_of_leaves_is_cut_as_any_other_is_walked(
    lines: list[tuple[bytes, bytes]], kind: bytes, closed: bool
) -> None:
    body = b"".join(line + end for line, end in lines)
    raw = b"Content-Type: " + kind + b"; boundary=b\r\n\r\n--b\r\n" + body + b"\r\n--b--\r\n" * closed
    assert parts(raw, Header.read(raw)) == parts(raw)


def test_parts_lie_where_the_offsets_say() -> None:
    tree = parts(NESTED)
    assert [(part.path, part.content_type, part.parent, part.children) for part in tree] == [
        ("", "multipart/mixed", None, (1, 4)),
        ("1", "multipart/alternative", 0, (2, 3)),
        ("1.1", "text/plain", 1, ()),
        ("1.2", "text/html", 1, ()),
        ("2", "application/pdf", 0, ()),
    ]
    assert [part.body(NESTED) for part in tree[2:]] == [b"plain", b"<p>html</p>", b"YWJj"]
    assert tree[3].charset == "UTF-8"
    assert tree[4].encoding == "base64"
    assert tree[4].filename == "a.pdf"


@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"])
def test_either_line_end_is_walked(line_end: bytes) -> None:
    tree = parts(NESTED.replace(b"\r\n", line_end))
    assert [part.content_type for part in tree][2:] == ["text/plain", "text/html", "application/pdf"]


def test_a_lone_text_is_part_1() -> None:
    (part,) = parts(b"Subject: x\r\n\r\nbody")
    assert (part.path, part.content_type, part.charset) == ("1", "text/plain", "us-ascii")


def test_a_part_without_a_closing_delimiter_ends_with_its_parent() -> None:
    raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n"
    assert [part.body(raw) for part in parts(raw)[1:]] == [b"one", b"two\r\n"]


def test_a_boundary_that_only_begins_alike_is_none() -> None:
    raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n--bc\r\nx --b\r\n--b--\r\n"
    assert [part.body(raw) for part in parts(raw)[1:]] == [b"--bc\r\nx --b"]


def test_a_digest_holds_messages() -> None:
    raw = b"Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nSubject: x\r\n\r\ny\r\n--b--\r\n"
    assert parts(raw)[1].content_type == "message/rfc822"


def test_an_encoded_multipart_is_opaque() -> None:
    raw = b"Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: base64\r\n\r\n--b\r\n\r\nx\r\n"
    assert [part.content_type for part in parts(raw)] == ["application/octet-stream"]


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (b'attachment; filename="a b.pdf"', "a b.pdf"),
        (b"attachment; filename=a b.pdf", "a b.pdf"),
        (b"attachment; filename*=utf-8''%c8%98tefan.pdf", "Ștefan.pdf"),
        (b"attachment; filename*1=b.pdf; filename*0=a", "ab.pdf"),
        (b"attachment; filename*0*=utf-8'en'%c8; filename*1*=%98.pdf", "Ș.pdf"),
        (b"attachment; filename*1*=%c8%98; filename*2=.pdf", "Ș.pdf"),
        (b"attachment; filename*=iso-8859-1''J%F6rg; filename=x", "Jörg"),
        (b"attachment; filename=\"=?utf-8?q?J=C3=B6rg?=\"", "Jörg"),
        (b"attachment; filename=\"=?utf-8?q?=2E=2E=2Fx?=\"", "../x"),
        (b"attachment; filename*=utf-8''..%2f..%2fx", "../../x"),
        (b"attachment; filename=\"a\\\"b\\\\c\"", 'a"b\\c'),
        (b'attachment; filename="open', "open"),
        ("attachment; filename=Žluť.pdf".encode(), "Žluť.pdf"),
        (b"attachment; filename=J\xf6rg", "Jörg"),
        (b"attachment;\r\n filename*0=\"one \";\r\n filename*1=\"two\"", "one two"),
        (b"attachment", ""),
    ],
)  # fmt: skip
def test_I3_names_are_read_as_the_sender_meant_them(value: bytes, name: str) -> None:
    word, params = parse_value(value)
    assert word == "attachment"
    assert params.get("filename", "") == name


def test_I3_ten_thousand_pieces_of_a_name_are_bounded() -> None:
    value = b"attachment" + b"".join(b"; filename*%d*=%%41" % number for number in range(10_000))
    assert set(parse_value(value)[1]["filename"]) == {"A"}


def _nested(depth: int) -> bytes:
    head = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(depth))
    return head + b"\r\nthe end\r\n" + b"".join(b"--b%d--\r\n" % n for n in reversed(range(depth)))


def _same_boundary(depth: int) -> bytes:
    return b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" * depth + b"\r\nthe end\r\n"


def _wide(count: int) -> bytes:
    return b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * count + b"--b--\r\n"


BOMBS: dict[str, Callable[[], bytes]] = {
    "depth 100": lambda: _nested(100),
    "depth 2,000": lambda: _nested(2_000),
    "depth 100,000": lambda: _nested(100_000),
    "one boundary": lambda: _same_boundary(50_000),
    "50,000 parts": lambda: _wide(50_000),
    "1,000 rfc822": lambda: b"Content-Type: message/rfc822\r\n\r\n" * 1_000 + b"x",
    "boundary 2,048": lambda: b"Content-Type: multipart/mixed; boundary=" + b"b" * 2_048 + b"\r\n\r\nx",
    "empty boundary": lambda: b'Content-Type: multipart/mixed; boundary=""\r\n\r\n' + b"--\r\n" * 100_000,
    "deep and large": lambda: _nested(99).replace(b"the end", b"\r\n-- b" * 500_000),
    "lookalikes": lambda: b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"\n--bx" * 400_000,
    "html tags": lambda: b"Content-Type: text/html\r\n\r\n" + b"<div <div class=" * 60_000,
    "html blockquotes": lambda: b"Content-Type: text/html\r\n\r\n" + b"<blockquote><br>x:" * 50_000,
    "html comments": lambda: b"Content-Type: text/html\r\n\r\n" + b"<!-- </body> " * 50_000,
    "html bold": lambda: b"Content-Type: text/html\r\n\r\n" + b"<b><i>From:</i></b>" * 50_000,
    "colons": lambda: b"Subject: x\r\n\r\n" + b"On 2001 a@b.c:\r\n" * 50_000,
    "dashes": lambda: b"Subject: x\r\n\r\n" + b"-" * 1_000_000 + b"\r\n" + b"---- a " * 100_000,
    "one line": lambda: b"Subject: x\r\n\r\n" + b"From: " * 200_000,
    "quoted": lambda: b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b" " * 500_000 + b"=" * 500_000,
    "base64 padding": lambda: b"Content-Transfer-Encoding: base64\r\n\r\n" + b"YQ==" * 100_000,
    "from lines": lambda: b"Subject: x\r\n\r\n" + b"From: a\r\nDate: b\r\n" * 50_000,
}  # fmt: skip


def _sign(raw: bytes) -> object:
    return render(raw, Edits(signature=SignatureBlock("-- \nAna", "<b>Ana</b>")))


@pytest.mark.parametrize("bomb", BOMBS)
def test_F5_I6_M5_bombs_take_less_than_two_seconds(bomb: str) -> None:
    raw = BOMBS[bomb]()
    tree = within(2, lambda: parts(raw))
    assert len(tree) <= MAX_PARTS
    assert max(part.depth for part in tree) <= MAX_DEPTH
    for look in (
        attachments,
        plain_text,
        lambda raw: render(raw, Edits(signature=SignatureBlock("-- \nAna", "<b>Ana"))),
    ):
        within(2, partial(look, raw))


@given(
    st.lists(
        st.sampled_from([b"--b", b"--b--", b"--c", b"\r\n", b"\n", b"x", b"Content-Type: multipart/mixed; boundary=c"])
    )
)
def test_any_bytes_are_walked_and_each_part_lies_within_its_parent(pieces: list[bytes]) -> None:
    raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"".join(pieces)
    tree = parts(raw)
    for part in tree:
        assert part.start <= part.header_end <= part.body_end <= len(raw)
        if part.parent is not None:
            assert tree[part.parent].header_end <= part.start
            assert part.body_end <= tree[part.parent].body_end
            assert part.number in tree[part.parent].children
