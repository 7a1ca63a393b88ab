"""Names from outside, as files: hostile.md I3, each vector."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.filename import MAX_NAME, NAMELESS, NAMELESS_CLIENT, safe_name, slug, with_number

VECTORS = [
    ("statement.pdf", "statement.pdf"),
    ("../../etc/passwd", "etc_passwd"),
    ("..\\x", "x"),
    ("/abs", "abs"),
    ("C:\\x", "x"),
    ("C:\\temp\\x.doc", "temp_x.doc"),
    ("C:x", "C_x"),
    ("\\\\srv\\share", "srv_share"),
    ("\\\\?\\C:\\x", "__C__x"),
    ("a/b", "a_b"),
    ("Re: 3/2026.eml", "Re_ 3_2026.eml"),
    (".bashrc", "bashrc"),
    ("..bashrc", "bashrc"),
    ("-rf", "rf"),
    ("--", NAMELESS),
    ("CON", "_CON"),
    ("con.txt", "_con.txt"),
    ("aux.pdf", "_aux.pdf"),
    ("nul.", "_nul"),
    ("nul .txt", "_nul .txt"),
    ("COM1", "_COM1"),
    ("com\u00b9.log", "_com\u00b9.log"),
    ("lpt9.tar.gz", "_lpt9.tar.gz"),
    ("CONIN$", "_CONIN$"),
    ("-CON", "_CON"),
    (".CON.", "_CON"),
    ("console.txt", "console.txt"),
    ("com10", "com10"),
    ("x.pdf.", "x.pdf"),
    ("x.pdf ", "x.pdf"),
    ("x.pdf . . ", "x.pdf"),
    (" x.pdf", "x.pdf"),
    ("a:stream", "a_stream"),
    ('a*b?c"d<e>f|g', "a_b_c_d_e_f_g"),
    ("invoice\u202efdp.exe", "invoicefdp.exe"),
    ("a\u200bb", "ab"),
    ("a\ufeffb\u2066c\u2069", "abc"),
    ("a\0b", "ab"),
    ("a\nb", "a b"),
    ("a\r\n\tb", "a b"),
    ("a\x1b[31mb", "a[31mb"),
    ("a\x85b\u2028c\u2029d", "a b c d"),
    ("a\u00a0b\u3000c", "a b c"),
    ("a\udcffb", "ab"),
    ("cafe\u0301.txt", "caf\u00e9.txt"),
    ("caf\u00e9.txt", "caf\u00e9.txt"),
    ("a\uff0fb\uff1ac\uff5cd", "a_b_c_d"),
    ("a\u2100b", "a_b"),
    ("", NAMELESS),
    (".", NAMELESS),
    ("...", NAMELESS),
    ("/", NAMELESS),
    ("\u202e\u200b", NAMELESS),
    ("%2e%2e%2f", "%2e%2e%2f"),
    ("=?utf-8?q?=2E=2E=2Fx?=", "=_utf-8_q_=2E=2E=2Fx_="),
    ("..%2f..%2fx", "%2f..%2fx"),
    ("$(reboot) `x` ; & '", "$(reboot) `x` ; & '"),
    ("Extras de cont — martie.pdf", "Extras de cont — martie.pdf"),
    ("請求書.pdf", "請求書.pdf"),
]


@pytest.mark.parametrize(("name", "safe"), VECTORS)
def test_I3_a_name_from_outside_is_made_safe(name: str, safe: str) -> None:
    assert safe_name(name) == safe


@pytest.mark.parametrize("length", [189, 190, 300, 5_000, 500_000])
@pytest.mark.parametrize("letter", ["x", "ă", "請", "🙂"])
def test_I3_a_long_name_is_cut_between_characters_and_keeps_its_extension(length: int, letter: str) -> None:
    name = safe_name(letter * length + ".pdf")
    assert MAX_NAME - 4 < len(name.encode()) <= MAX_NAME
    assert set(name.removesuffix(".pdf")) == {letter}
    assert name.endswith(".pdf") or length * len(letter.encode()) > MAX_NAME * 8


def test_I3_a_long_extension_is_no_extension() -> None:
    assert len(safe_name("x." + "y" * 500).encode()) == MAX_NAME


def test_I3_twins_in_other_normal_forms_are_one_name() -> None:
    assert safe_name(unicodedata.normalize("NFD", "Ștefăniță.pdf")) == safe_name("Ștefăniță.pdf")


ANY = st.text(st.characters(exclude_categories=[])) | st.text(alphabet="./\\: -_\0\n\u202eAUXcon1", max_size=30)


@given(ANY)
def test_I3_whatever_comes_in_the_name_is_safe(name: str) -> None:
    safe = safe_name(name)
    assert 0 < len(safe.encode()) <= MAX_NAME
    assert not set(safe) & set('/\\:*?"<>|')
    assert safe[0] not in ".- "
    assert safe[-1] not in ". "
    assert all(unicodedata.category(c)[0] != "C" and (c == " " or not c.isspace()) for c in safe)
    assert not re.match(r"(?i)(con|prn|aux|nul|com\d|lpt\d)\s*(\.|$)", safe)


@given(ANY)
def test_I3_a_safe_name_is_its_own(name: str) -> None:
    assert safe_name(safe_name(name)) == safe_name(name)


@pytest.mark.parametrize(
    ("name", "numbered"),
    [
        ("statement.pdf", "statement (2).pdf"),
        ("statement", "statement (2)"),
        ("archive.tar.gz", "archive.tar (2).gz"),
        ("Dr. Pop", "Dr. Pop (2)"),
        ("0 .0", "0 (2).0"),
    ],
)
def test_a_second_file_of_a_name_is_numbered_before_its_extension(name: str, numbered: str) -> None:
    assert with_number(name, 2) == numbered


@given(ANY, st.integers(2, 10_000))
def test_I3_a_numbered_name_is_as_short_and_another_one(name: str, number: int) -> None:
    numbered = with_number(safe_name(name), number)
    assert len(numbered.encode()) <= MAX_NAME
    assert numbered != with_number(safe_name(name), number + 1)
    assert safe_name(numbered) == numbered


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("Al Pacino", "Al Pacino"),
        ("Popescu & Asociații S.R.L.", "Popescu & Asociații S.R.L"),
        ("../../etc", "etc"),
        ("A/S Danske", "A_S Danske"),
        ("...", NAMELESS_CLIENT),
        ("NUL", "_NUL"),
    ],
)
def test_I4_a_clients_folder_bears_the_clients_name(name: str, folder: str) -> None:
    assert slug(name) == folder
