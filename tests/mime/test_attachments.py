"""Attachments in every wrapping that mail puts around them, and in those that are made to hurt."""

from __future__ import annotations

import base64
import binascii
import io
import struct
import tarfile
import tracemalloc
import zipfile
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.domain.record import Attachment, Note
from gateway.mime.attachments import MAX_ATTACHMENTS, attachments, each_attachment
from gateway.mime.cms import Kind, container
from gateway.mime.document_text import document_text
from gateway.mime.encoding import encode_base64
from gateway.mime.office_text import NotRead
from gateway.mime.picture import pixels
from gateway.mime.tnef import unpacked
from tests.cost import within
from tests.mime import containers as made

PDF = b"%PDF-1.4\n\x00\xff\r\n"
CPU = 2.0  # seconds: hostile.md I6


def part(body: bytes, kind: str = "application/pdf", encoding: str = "base64", more: str = "") -> bytes:
    coded = encode_base64(body) if encoding == "base64" else body
    return f"Content-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n{more}\r\n".encode() + coded


def mixed(*parts: bytes, boundary: str = "b") -> bytes:
    mark = f"--{boundary}".encode()
    inner = b"".join(mark + b"\r\n" + one + b"\r\n" for one in parts)
    return f"Content-Type: multipart/mixed; boundary={boundary}\r\n\r\n".encode() + inner + mark + b"--\r\n"


def told(raw: bytes) -> list[tuple[str, str, bytes, str]]:
    return [(one.part, one.name, one.content, str(one.note)) for one in attachments(raw)]


def test_a_forwarded_message_is_an_attachment_and_so_are_its_own() -> None:
    inner = b"Subject: statements\r\n" + mixed(b"\r\nhello", part(PDF, 'application/pdf; name="a.pdf"'), boundary="i")
    raw = mixed(b"\r\nsee below", b"Content-Type: message/rfc822\r\n\r\n" + inner)
    found = told(raw)
    assert [one[:2] for one in found] == [("2", "statements.eml"), ("2.2", "a.pdf")]
    assert found[0][2].strip() == inner.strip()
    assert found[1][2] == PDF


def test_what_a_report_returns_is_not_looked_into() -> None:
    inner = mixed(part(PDF, 'application/pdf; name="ours.pdf"'), boundary="i")
    raw = mixed(b"Content-Type: message/rfc822\r\n\r\n" + inner).replace(
        b"multipart/mixed; boundary=b", b"multipart/report; boundary=b"
    )
    assert [one.name for one in attachments(raw)] == ["message.eml"]


@pytest.mark.parametrize(
    ("coded", "content", "note"),
    [
        (b"YWJj\r\nZGVm", b"abcdef", Note.NONE),
        (b"YWJjZA==\r\nZWZn\r\n", b"abcdefg", Note.NONE),
        (b"YW!Jj*\r\nZG\x80Vm", b"abcdef", Note.DAMAGED),
        (b"YWJjZA==\r\n-- \r\nThis list is run by us.\r\n", b"abcd", Note.DAMAGED),
        (b"YWJjZ", b"abc", Note.DAMAGED),
        (b" YWJj \r\n  ZGVm", b"abcdef", Note.NONE),
    ],
)
def test_M4_base64_with_rubbish_or_early_padding_is_read_and_flagged(coded: bytes, content: bytes, note: Note) -> None:
    raw = b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n" + coded
    assert [(one.content, one.note) for one in attachments(raw)] == [(content, note)]


def uuencoded(content: bytes, name: str = "a b.pdf", *, space: bool = False) -> bytes:
    lines = [binascii.b2a_uu(content[at : at + 45], backtick=not space) for at in range(0, len(content), 45)]
    return b"begin 644 " + name.encode() + b"\n" + b"".join(lines) + b"`\nend\n"


@pytest.mark.parametrize("encoding", ["x-uuencode", "uuencode", "X-UUE"])
def test_a_uuencoded_part_is_decoded_under_the_name_inside(encoding: str) -> None:
    raw = part(uuencoded(PDF * 20), "application/octet-stream", encoding)
    assert told(raw) == [("1", "a b.pdf", PDF * 20, "")]


@pytest.mark.parametrize("space", [False, True])
def test_I6_files_in_the_middle_of_a_text_are_attachments(space: bool) -> None:
    text = (
        b"Hello,\r\nbegin 644 is how they start.\r\n"
        + uuencoded(PDF * 9, space=space).replace(b"\n", b"\r\n")
        + b"Bye\r\n"
    )
    raw = b"Subject: x\r\n\r\n" + text + uuencoded(bytes(100), "zero.bin", space=space) + b"begin 644 cut.bin\nM0V%T"
    assert [(one.name, one.content, one.damaged) for one in attachments(raw)] == [
        ("a b.pdf", PDF * 9, False),
        ("zero.bin", bytes(100), False),
        ("cut.bin", b"Cat" + bytes(42), True),
    ]
    assert attachments(b"\r\nbegin 644 now\r\nand let us see\r\nend\r\n") == ()


LONG = "Raport ședință — varianta finală, semnată de toți asociații.docx"


def test_winmail_dat_gives_its_files_under_their_long_names() -> None:
    stream = made.winmail(
        made.packed(b"RAPORT~1.DOC", PDF, made.named_property("x-odd", 7), made.text_property(0x3707, LONG)),
        made.packed("счёт.pdf".encode("cp1251"), b"two", made.number_property(0x3705, 1)),
        codepage=1251,
    )
    raw = mixed(b"\r\nhello", part(stream, "application/ms-tnef; name=winmail.dat"))
    assert told(raw) == [("2/1", LONG, PDF, ""), ("2/2", "счёт.pdf", b"two", "")]
    found = unpacked(stream)
    assert found is not None
    assert found.sound


def test_a_message_within_winmail_dat_gives_its_files_too() -> None:
    inner = made.IID_MESSAGE + made.winmail(made.packed(b"inner.pdf", PDF))
    stream = made.winmail(made.packed(b"Forwarded", b"", made.object_property(0x3701, inner)), made.packed(b"x", b"y"))
    raw = part(stream, "application/octet-stream; name=WINMAIL.DAT")
    assert sorted(told(raw)) == [("1/1.1", "inner.pdf", PDF, ""), ("1/2", "x", b"y", "")]


def test_I6_a_winmail_dat_that_breaks_off_is_kept_with_what_came_out_of_it() -> None:
    whole = made.winmail(made.packed(b"one.pdf", PDF), made.packed(b"two.pdf", PDF * 9))
    for cut in range(7, len(whole) - 1, 5):
        found = attachments(part(whole[:cut], "application/ms-tnef; name=winmail.dat"))
        if found and found[0].name == "winmail.dat":
            assert found[0].content == whole[:cut]
            assert found[0].damaged
    assert [one.note for one in attachments(part(b"not one", "application/ms-tnef"))] == [Note.DAMAGED]


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_I6_any_octets_in_a_container_are_survived(data: st.DataObject) -> None:
    whole = made.winmail(made.packed(b"one.pdf", PDF, made.text_property(0x3707, LONG)))
    der = made.streamed([b"abc", b"def"])
    for octets, look in ((whole, unpacked), (der, container)):
        at = data.draw(st.integers(0, len(octets) - 1))
        look(octets[:at] + data.draw(st.binary(max_size=6)) + octets[at + data.draw(st.integers(0, 6)) :])
    pixels(
        data.draw(st.sampled_from([b"\xff\xd8", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"BM"]))
        + data.draw(st.binary(max_size=60))
    )


ENTITY = mixed(b"\r\nsigned words", part(PDF, 'application/pdf; name="deed.pdf"'), boundary="s")


@pytest.mark.parametrize("wrapped", [made.signed(ENTITY), made.streamed([ENTITY[:9], ENTITY[9:]])], ids=["der", "ber"])
def test_the_parts_of_a_signed_message_are_found_in_its_container(wrapped: bytes) -> None:
    raw = part(wrapped, "application/pkcs7-mime; smime-type=signed-data; name=smime.p7m")
    assert told(raw) == [("1/2", "deed.pdf", PDF, "")]


def test_a_signed_file_is_kept_with_its_signature_and_without() -> None:
    once = made.signed(PDF)
    twice = made.signed(once)
    raw = part(twice, 'application/octet-stream; name="contract.pdf.p7m.p7m"')
    assert [one[:3] for one in told(raw)] == [
        ("1", "contract.pdf.p7m.p7m", twice),
        ("1/1", "contract.pdf.p7m", once),
        ("1/1/1", "contract.pdf", PDF),
    ]


def test_encrypted_mail_is_kept_as_it_came_and_said_so() -> None:
    sealed = made.encrypted(ENTITY)
    assert told(part(sealed, "application/pkcs7-mime; name=smime.p7m")) == [("1", "smime.p7m", sealed, "encrypted")]
    pgp = mixed(
        b"Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1",
        part(b"-----BEGIN PGP", "application/octet-stream"),
    )
    pgp = pgp.replace(b"multipart/mixed", b"multipart/encrypted")
    assert told(pgp) == [("2", "", b"-----BEGIN PGP", "encrypted")]


def test_a_signature_is_no_document_unless_it_is_one_of_a_file() -> None:
    signature = made.signed(b"")
    raw = mixed(
        part(signature, "application/pkcs7-signature; name=smime.p7s"),
        part(b"sig", "application/pkcs7-signature; name=deed.pdf.p7s"),
    )
    assert [one.name for one in attachments(raw)] == ["deed.pdf.p7s"]


def test_a_container_that_is_none_is_kept_as_a_file() -> None:
    assert [one.note for one in attachments(part(b"junk", "application/pkcs7-mime; name=smime.p7m"))] == [Note.DAMAGED]
    assert [one.note for one in attachments(part(b"junk", "application/octet-stream; name=x.p7m"))] == [Note.NONE]
    assert container(made.encrypted(b"x")) is not None
    assert container(b"0\x80") is None
    found = container(
        b"-----BEGIN PKCS7-----\n" + base64.encodebytes(made.streamed([b"ab", b"c"])) + b"-----END PKCS7-----\n"
    )
    assert found is not None
    assert (found.kind, found.content) == (Kind.SIGNED, b"abc")


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("Content-Disposition: attachment; filename*=iso-8859-2''%AA%65%64in%FE%E3.pdf", "Şedinţă.pdf"),
        ("Content-Disposition: attachment; filename*0*=utf-8''%C8%98; filename*1=tire.pdf", "Știre.pdf"),
        ("Content-Disposition: attachment; filename*1=b.pdf; filename*0=a", "ab.pdf"),
        ("Content-Disposition: attachment; filename*1=b.pdf", "b.pdf"),
        ('Content-Disposition: attachment; filename="=?windows-1251?B?8ffl8i5wZGY=?="', "счет.pdf"),
        ('Content-Disposition: attachment; filename="=?utf-8?q?=C8=98a?=\r\n =?utf-8?q?b=2Epdf?="', "Șab.pdf"),
        ("Content-Disposition: attachment; filename==?iso-2022-jp?B?GyRCQEE1YT1xGyhC?=.pdf", "請求書.pdf"),
        ("X: y", ""),
    ],
)
def test_I3_a_name_is_read_in_every_way_that_it_is_written(field: str, name: str) -> None:
    (one,) = attachments(f"Content-Type: application/pdf\r\n{field}\r\n\r\nx".encode())
    assert one.name == name


@pytest.mark.parametrize("charset", ["utf-7", "base64", "zlib", "x-unknown", "rot13", "../x", "idna", "uu"])
def test_I6_a_charset_that_is_none_of_mail_s_is_never_decoded_by(charset: str) -> None:
    field = f"Content-Disposition: attachment; filename*={charset}''a%2Bb.pdf"
    (one,) = attachments(f"Content-Type: application/pdf; charset={charset}\r\n{field}\r\n\r\nx".encode())
    assert (one.name, one.content) == ("a+b.pdf", b"x")


def test_where_the_empty_line_is_missing_the_file_is_not() -> None:
    body = b"Content-Type: application/zip; name=a.zip\r\nContent-Transfer-Encoding: base64\r\nYWJj\r\n"
    assert [(one.name, one.content) for one in attachments(mixed(b"\r\nhi", body))] == [("a.zip", b"abc")]


def _deep(count: int) -> bytes:
    return b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (number, number) for number in range(count)
    )


HOSTILE = {
    "2,000 deep": _deep(2_000) + part(PDF),
    "100,000 deep": _deep(100_000) + part(PDF),
    "50,000 parts": mixed(*[b"Content-Type: application/pdf\r\n\r\nx"] * 50_000),
    "1,000 messages": mixed(*[b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nx"] * 1_000),
    "2,000 messages in each other": b"Content-Type: message/rfc822\r\n\r\n" * 2_000 + PDF,
    "10,000 headers": b"".join(b"X-%d: y\r\n" % number for number in range(10_000)) + part(PDF),
    "a boundary of 2,048": mixed(part(PDF), boundary="b" * 2_048),
    "10,000 pieces of a name": part(
        PDF, more="Content-Disposition: attachment;" + "".join(f" filename*{n}=x;" for n in range(10_000)) + "\r\n"
    ),
    "many uuencoded": b"\r\n" + b"begin 644 x\nM\n" * 50_000,
    "many counts in winmail.dat": part(
        made.winmail(made.packed(b"x", b"", *[made.number_property(1, 1)] * 50_000)), "application/ms-tnef"
    ),
    "strings in strings": part(
        b"\x30\x80\x06\x09"
        + bytes.fromhex("2a864886f70d010702")
        + b"\xa0\x80\x30\x80\x02\x01\x01\x31\x00\x30\x80\x06\x01\x01\xa0\x80"
        + b"\x24\x80" * 200_000,
        "application/pkcs7-mime",
    ),
    "padding everywhere": part(b"YQ==" * 100_000, encoding="base64").replace(b"\r\n\r\n", b"\r\n\r\nYQ==", 1),
    "cids": mixed(
        b"Content-Type: text/html\r\n\r\n" + b'<img src="cid:a">' * 50_000,
        *[part(b"GIF", "image/gif", more="Content-ID: <z>\r\n")] * 900,
    ),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_F4_F5_I6_what_is_made_to_hurt_takes_little_time(what: str) -> None:
    assert len(within(CPU, lambda: attachments(HOSTILE[what]))) <= MAX_ATTACHMENTS


def zipped(*names: str, link: bool = False) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (0o120777 if link else 0o100644) << 16
            archive.writestr(entry, "/etc/passwd" if link else bytes(1_000_000))
    return out.getvalue()


def overlapping(name: str) -> bytes:
    """Every entry of the directory is the same octets: a megabyte each time that somebody looks."""
    whole = zipped(name)
    body, end = whole[: whole.index(b"PK\x01\x02")], whole.index(b"PK\x05\x06")
    entry = whole[len(body) : end]
    count = struct.pack("<HHII", 1_000, 1_000, len(entry) * 1_000, len(body))
    return body + entry * 1_000 + b"PK\x05\x06" + bytes(4) + count + bytes(2)


def tarred(name: str, kind: bytes, target: str = "") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = kind, target
        archive.addfile(entry)
    return out.getvalue()


ARCHIVES = {
    "parents.zip": zipped("../../../../tmp/x", "..\\x"),
    "absolute.zip": zipped("/etc/cron.d/x", "C:\\x"),
    "link.zip": zipped("x", link=True),
    "42.zip": zipped(*(f"{number}.zip" for number in range(16))),
    "overlapping.zip": overlapping("a"),
    "overlapping.docx": overlapping("word/document.xml"),
    "parents.tar": tarred("../../x", tarfile.REGTYPE),
    "link.tar": tarred("x", tarfile.SYMTYPE, "/etc"),
    "device.tar": tarred("x", tarfile.CHRTYPE),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_I5_an_archive_is_never_unpacked(name: str) -> None:
    content = ARCHIVES[name]
    found = attachments(part(content, f"application/octet-stream; name={name}"))
    assert [(one.name, one.content) for one in found] == [(name, content)]


@pytest.mark.parametrize("name", ARCHIVES)
def test_I5_an_archive_gives_search_no_more_than_its_name(name: str) -> None:
    (one,) = attachments(part(ARCHIVES[name], f"application/octet-stream; name={name}"))

    def read() -> str:
        with suppress(NotRead):  # it may say so, which is as good
            return "".join(document_text(one))
        return ""

    assert within(CPU, read) == ""


def test_F6_a_large_attachment_is_held_once_beside_its_message() -> None:
    size = 8 * 1024 * 1024
    raw = part(bytes(size), "application/pdf; name=large.pdf")
    tracemalloc.start()
    try:
        (one,) = each_attachment(raw)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(one.content) == size
    assert peak < size + 4 * 1024 * 1024, peak


def test_pictures_say_how_large_they_are() -> None:
    gif = b"GIF89a\x02\x00\x03\x00"
    png = b"\x89PNG\r\n\x1a\n" + bytes(8) + (640).to_bytes(4, "big") + (480).to_bytes(4, "big")
    jpeg = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x11\x08\x00\x10\x00\x20" + bytes(8)
    bmp = b"BM" + bytes(16) + (7).to_bytes(4, "little") + (2**32 - 9).to_bytes(4, "little")
    assert [pixels(one) for one in (gif, png, jpeg, bmp, b"%PDF")] == [(2, 3), (640, 480), (32, 16), (7, 9), None]


def test_an_attachment_says_when_it_is_damaged() -> None:
    assert Attachment(1, "", "", b"", Note.DAMAGED).damaged
    assert not Attachment(1, "", "", b"", Note.ENCRYPTED).damaged
