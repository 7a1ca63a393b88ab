"""A signature in every charset and transfer encoding: the words that were there keep their letters and octets."""

from __future__ import annotations

import base64
import email.policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mime.check import longest_line
from gateway.mime.header import Header
from gateway.mime.render import Edits, SignatureBlock, render
from tests.mime.letters import HEAD, SIGNATURE, left_alone, letter, multipart, part, read, signed, text_of

CHARSETS = {  # a text in it, and a signature that it can say too
    "iso-2022-jp": ("こんにちは、今日は\r\nよい天気\r\n", "東京 太郎"),
    "shift_jis": ("こんにちは ｱｲｳ\r\n表示\r\n", "東京 太郎"),
    "euc-jp": ("こんにちは\r\n", "東京 太郎"),
    "koi8-r": ("Привет, мир\r\n", "Иван Петров"),
    "windows-1251": ("Привет, мир\r\n", "Иван Петров"),
    "windows-1252": ("“Grüße” – €\r\n", "Jürgen Groß"),
    "windows-1250": ("Žluťoučký\r\n", "Jiří Dvořák"),
    "windows-1255": ("שלום\r\n", "דוד"),
    "iso-8859-2": ("Žluť\r\n", "Jiří"),
    "iso-8859-15": ("Prix: 10 €\r\n", "Œuvre"),
    "gb18030": ("你好，世界\r\n", "王小明"),
    "gb2312": ("你好\r\n", "王小明"),
    "big5": ("你好\r\n", "王小明"),
    "euc-kr": ("안녕하세요\r\n", "김철수"),
    "utf-8": ("Grüße 你好 🎉\r\n", "Ștefan 🎉"),
    "tis-620": ("สวัสดี\r\n", "สมชาย"),
}


def _coded(octets: bytes, encoding: str) -> bytes:
    if encoding == "base64":
        return base64.encodebytes(octets).replace(b"\n", b"\r\n")
    if encoding == "quoted-printable":
        return b"".join(b"\r\n" if o == 10 else b"" if o == 13 else b"=%02x" % o for o in octets)  # lower-case hex
    return octets


@pytest.mark.parametrize("encoding", ["8bit", "binary", "quoted-printable", "base64"])
@pytest.mark.parametrize("charset", CHARSETS)
def test_a_signature_that_the_charset_has_stays_in_it(charset: str, encoding: str) -> None:
    text, name = CHARSETS[charset]
    raw = letter(f"text/plain; charset={charset}", _coded(text.encode(charset), encoding), encoding)
    out = signed(raw, SignatureBlock(f"-- \n{name}", ""))
    assert text_of(out) == (text + f"\r\n-- \r\n{name}\r\n").replace("\r\n", "\n")
    assert out.startswith(raw[: Header.read(raw).end])
    if encoding != "base64":
        assert out.startswith(raw)


@pytest.mark.parametrize("encoding", ["8bit", "quoted-printable", "base64"])
@pytest.mark.parametrize("charset", [name for name in CHARSETS if name not in {"utf-8", "gb18030"}])
def test_a_signature_that_the_charset_has_not_raises_the_part_to_utf_8(charset: str, encoding: str) -> None:
    text, _ = CHARSETS[charset]
    raw = letter(f"text/plain; format=fixed; charset={charset}", _coded(text.encode(charset), encoding), encoding)
    out = signed(raw, SignatureBlock("-- \nȘ🎉", ""))
    assert text_of(out) == (text + "\r\n-- \r\nȘ🎉\r\n").replace("\r\n", "\n")
    assert Header.read(out).first("Content-Type") == b"text/plain; format=fixed;\r\n charset=utf-8"
    assert Header.read(out).first("Content-Transfer-Encoding") == b"quoted-printable"
    assert out.isascii()


@pytest.mark.parametrize("charset", CHARSETS)
def test_a_page_keeps_its_charset_and_names_the_letters_that_it_has_not(charset: str) -> None:
    text, _ = CHARSETS[charset]
    raw = letter(f"text/html; charset={charset}", text.encode(charset) + b"<p>x</p>", "8bit")
    out = signed(raw, SIGNATURE)
    assert out.startswith(raw)
    assert read(out).get_body(("html",)) is not None
    assert text in text_of(out, "html").replace("\n", "\r\n")
    assert "Ștefan" in text_of(out, "html") or "&#536;tefan" in text_of(out, "html")


def test_a_japanese_text_is_never_cut_in_a_shifted_state() -> None:
    body = b"\x1b$B$3$s\r\n$K$A$O\x1b(B\r\n"  # two lines in one shift, as the standard forbids
    raw = letter("text/plain; charset=iso-2022-jp", body + b"\r\nOn 3 Mar 2026, Al wrote:\r\n> x\r\n", "7bit")
    out = signed(raw, SignatureBlock("-- \n東京", ""))
    assert text_of(out).startswith(body.decode("iso-2022-jp").replace("\r\n", "\n") + "\n-- \n東京\n\nOn 3 Mar")


def test_what_is_written_is_what_the_name_says_and_no_more() -> None:
    raw = letter("text/plain; charset=euc-kr", "안녕\r\n".encode("euc-kr"), "8bit")
    assert b"charset=utf-8" in signed(raw, SignatureBlock("-- \n똠방", ""))  # in Microsoft's extension alone
    raw = letter("text/plain; charset=gb2312", "你好\r\n".encode("gb2312"), "8bit")
    assert b"charset=utf-8" in signed(raw, SignatureBlock("-- \n朱镕基", ""))  # in GBK and above


def test_windows_letters_under_a_latin_name_survive_being_raised() -> None:
    raw = letter("text/plain; charset=iso-8859-1", b"\x93quoted\x94 \x80\r\n", "8bit")
    assert text_of(signed(raw, SIGNATURE)).startswith("“quoted” €\n")


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
def test_wide_text_in_base64_is_raised_to_utf_8(codec: str) -> None:
    body = base64.encodebytes("Grüße\r\n\r\nOn 3 Mar 2026, Al wrote:\r\n> x\r\n".encode(codec)).replace(b"\n", b"\r\n")
    out = signed(letter(f"text/plain; charset={codec.replace('-le', 'le').replace('-be', 'be')}", body, "base64"))
    assert text_of(out).startswith("Grüße\n\n-- \nAna Pop\nFirm\n\nOn 3 Mar")
    assert b"\xef\xbb\xbf" not in out


@pytest.mark.parametrize(
    ("content_type", "body", "encoding"),
    [
        ("text/plain; charset=utf-16", base64.b64encode("Hé\r\n".encode("utf-16-le")), "base64"),  # which way round?
        ("text/plain; charset=utf-16", "Hé\r\n".encode("utf-16"), "8bit"),
        ("text/plain; charset=utf-7", b"H+AOk-\r\n", "7bit"),
        ("text/plain; charset=hz-gb-2312", b"~{<:Ky~}\r\n", "7bit"),
        ("text/plain; charset=x-unknown", b"H\r\n", "7bit"),
        ("text/plain; charset=rot13", b"H\r\n", "7bit"),
        ("text/plain; charset=us-ascii", b"H\xe9\r\n", "8bit"),
        ("text/plain; charset=utf-8", b"H\xe9\r\n", "8bit"),
        ("text/plain; charset=utf-8", b"SGVsbG8*\r\n", "base64"),
        ("text/plain; charset=utf-8", b"SGVsbA==bG8h\r\n", "base64"),
        ("text/plain; charset=utf-8", b"SGVsb\r\n", "base64"),
        ("text/plain; charset=utf-8", b"SGVsbG8\r\n", "base64"),
        ("text/plain; charset=utf-8", b"begin 644 x\r\n#2&D*\r\n`\r\nend\r\n", "x-uuencode"),
        ("text/plain; charset=utf-8", b"H\r\n", "8-bit"),
        ("text/html; charset=utf-8", base64.b64encode(b"a\0b"), "base64"),
    ],
)
def test_a_part_that_is_not_sure_is_left_alone_and_the_note_says_so(
    content_type: str, body: bytes, encoding: str
) -> None:
    note = left_alone(letter(content_type, body, encoding), SIGNATURE)
    assert note.startswith(f"No signature added to the {content_type[:9]}")
    assert note.endswith(".")


@pytest.mark.parametrize(
    "body",
    [
        b"one =\r\ntwo  \t \r\nthree=20\r\nfour=3D=3d\r\n",
        b"ends in a soft break=\r\n",
        b"ends in an equals sign=",
        b"x" * 300 + b"\r\n" + b"=e4=b8=ad" * 40 + b"\r\n",
        b"no line end",
        b"wrong =XY escapes =\r\n\r\n",
        b"\r\n\r\n",
        b"",
        b"a=\r\n\r\nOn 3 Mar 2026, Al wrote:\r\n> x=\r\n",
    ],
)
def test_quoted_printable_of_any_shape_keeps_what_it_said(body: bytes) -> None:
    raw = letter("text/plain; charset=utf-8", body, "quoted-printable")
    before, out = text_of(raw), signed(raw, SIGNATURE)
    kept = text_of(out).replace("-- \nȘtefan Pop\nFirm\n", "")
    assert kept.replace("\n", "").rstrip() == before.replace("\n", "").rstrip()
    assert Header.read(out).first("Content-Transfer-Encoding") == b"quoted-printable"
    assert longest_line(out) <= max(76, longest_line(raw))


@pytest.mark.parametrize("columns", [1, 3, 7, 76, 1000])
def test_base64_lines_of_any_length_are_read(columns: int) -> None:
    coded = base64.b64encode("Grüße an alle\r\n".encode())
    body = b"\r\n".join(coded[at : at + columns] for at in range(0, len(coded), columns)) + b"\r\n"
    out = signed(letter("text/plain; charset=utf-8", body, "base64"))
    assert text_of(out) == "Grüße an alle\n\n-- \nAna Pop\nFirm\n"


@pytest.mark.parametrize("encoding", ["", "7bit"])
@pytest.mark.parametrize("body", [b"Hi\r\n", b"Gr\xc3\xbc\xc3\x9fe\r\n"])
def test_eight_bits_never_appear_where_none_were_announced(encoding: str, body: bytes) -> None:
    out = signed(letter("text/plain; charset=utf-8", body, encoding), SIGNATURE)
    assert out.isascii()
    assert Header.read(out).first("Content-Transfer-Encoding") == b"quoted-printable"
    assert "Ștefan" in text_of(out)


@pytest.mark.parametrize(("around", "eight"), [("", False), ("7bit", False), ("8bit", True), ("binary", True)])
def test_a_multipart_that_announces_seven_bits_gets_no_eight_from_us(around: str, eight: bool) -> None:
    more = f"\r\nContent-Transfer-Encoding: {around}" if around else ""
    child = part("text/plain; charset=utf-8", b"plain\r\n", "8bit")
    raw = HEAD + multipart("mixed", "b", child, part("text/html; charset=utf-8", b"<p>x</p>", "8bit"), more=more)
    out = signed(raw, SIGNATURE)
    assert out.isascii() is not eight
    assert "Ștefan" in text_of(out)
    already = raw.replace(b"plain\r\n", "ö\r\n".encode())
    assert "Ștefan".encode() in signed(already, SIGNATURE)


def test_lines_that_are_too_long_already_are_left_so_and_ours_are_not() -> None:
    raw = letter("text/html; charset=utf-8", b"<p>" + b"x" * 3_000 + b"</p>\r\n", "7bit")
    out = render(raw, Edits(signature=SIGNATURE)).raw
    assert out.startswith(raw)
    assert longest_line(out[len(raw) :]) < 100


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0\r\ufeff"), max_size=60), st.booleans())
def test_any_text_survives_in_any_encoding(text: str, html: bool) -> None:
    octets = text.replace("\n", "\r\n").encode()
    kind = "html" if html else "plain"
    for encoding in ("8bit", "base64"):
        body = base64.encodebytes(octets).replace(b"\n", b"\r\n") if encoding == "base64" else octets
        out = signed(letter(f"text/{kind}; charset=utf-8", body, encoding), SIGNATURE)
        found = email.message_from_bytes(out, policy=email.policy.compat32).get_payload(decode=True)
        assert isinstance(found, bytes)
        assert set(text) <= set(found.decode())
        assert "tefan Pop" in found.decode()
