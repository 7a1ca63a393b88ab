"""A message for a server of seven bits: ASCII, the same to a reader, and what is sealed stays untouched."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mime.encoding import decode_transfer
from gateway.mime.seven import seven_bit
from gateway.mime.tree import parts
from tests.corpus import canonical, corpus_messages, needs_corpus

HEAD = b"From: a@b.example\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
MIXED = (
    "Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: 8bit\r\n\r\nțară\r\n"
    "--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nBună ziua\r\n"
    "--b\r\nContent-Type: application/x-data\r\nContent-Transfer-Encoding: binary\r\n\r\nîn octeți\r\n"
    "--b\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    "Subject: x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>ă</p>\r\n--b--\r\nsfârșit\r\n"
).encode()


@given(st.text(alphabet=st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"])), st.booleans())
def test_a_reader_sees_the_same_text(text: str, end: bool) -> None:
    raw = HEAD + text.encode() + (b"\r\n" if end else b"")
    seven = seven_bit(raw)
    assert seven is not None
    assert seven.isascii()
    assert read(seven) == read(raw)


def test_every_part_keeps_its_octets_and_the_rest_of_the_message_its_bytes() -> None:
    seven = seven_bit(MIXED)
    assert seven is not None
    assert seven.isascii()
    before, now = parts(MIXED), parts(seven)
    assert [(one.content_type, one.path) for one in before] == [(one.content_type, one.path) for one in now]
    assert [one.encoding for one in now] == ["7bit", "quoted-printable", "base64", "7bit"]
    assert decode_transfer(now[1].body(seven), now[1].encoding)[0] == "Bună ziua".encode()
    assert decode_transfer(now[2].body(seven), now[2].encoding)[0] == "în octeți".encode()
    inner = now[3].body(seven)
    assert read(inner) == "<p>ă</p>".encode()


def test_what_is_ascii_is_the_same_object() -> None:
    raw = b"Subject: x\r\n\r\nx\r\n"
    assert seven_bit(raw) is raw


@pytest.mark.parametrize(
    "raw",
    [
        "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\nă\r\n--b--\r\n".encode(),
        "Subject: ă\r\n\r\nx\r\n".encode(),
        "Content-Transfer-Encoding: base64\r\n\r\nYQ==ă\r\n".encode(),
        MIXED.replace(b"Subject: x\r\nContent-Type: text/html; charset=utf-8", b"Content-Type: multipart/signed"),
        (
            "Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n\r\nx\r\n"
            "--o\r\nContent-Disposition: attachment\r\n"
            "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\nă\r\n--b--\r\n--o--\r\n"
        ).encode(),
    ],
    ids=["signed", "header", "called encoded", "signed inside a message", "signed attachment"],
)
def test_what_must_not_be_changed_is_not(raw: bytes) -> None:
    assert seven_bit(raw) is None


@pytest.mark.corpus
@needs_corpus
def test_the_corpus_comes_out_as_ascii_with_the_same_parts_or_not_at_all() -> None:
    changed = 0
    for path in corpus_messages():
        raw = canonical(path.read_bytes())
        seven = seven_bit(raw)
        if seven is None or seven is raw:
            continue
        changed += 1
        assert seven.isascii(), path
        assert [one.path for one in parts(raw)] == [one.path for one in parts(seven)], path
    assert changed > 20  # most of those with eight bits have them in a header, or are sealed


@given(st.binary(max_size=400))
def test_no_octets_break_it(raw: bytes) -> None:
    seven = seven_bit(raw)
    assert seven is None or seven.isascii()


def read(raw: bytes) -> bytes:
    """Return the text of a message of one part as a reader has it."""
    (part,) = parts(raw)
    return decode_transfer(part.body(raw), part.encoding)[0]
