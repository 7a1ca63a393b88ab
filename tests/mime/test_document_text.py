"""The text of documents, and the archives and pages that would rather be a bomb."""

from __future__ import annotations

import io
import zipfile

import pytest

from gateway.domain.record import Attachment
from gateway.mime.document_text import MAX_TEXT, document_text
from gateway.mime.office_text import MAX_RATIO, NotRead

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def zipped(**entries: str | bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name.replace("__", "/") + ".xml", content)
    return out.getvalue()


def pdf(text: str) -> bytes:
    """A page with one line, as small as a PDF can be."""
    stream = f"BT /F1 24 Tf 72 720 Td ({text}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, places = b"%PDF-1.4\n", []
    for number, one in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, one)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    return out + head + table + b"trailer << /Root 1 0 R /Size 6 >>\nstartxref\n%d\n%%%%EOF" % len(out)


def text_of(content: bytes, kind: str = "application/octet-stream") -> str:
    return " ".join(" ".join(document_text(Attachment(1, "a", kind, content))).split())


DOCX = zipped(
    word__document=f"<w:document {W}><w:p><w:r><w:t>Lea</w:t></w:r><w:r><w:t>se &amp; more</w:t></w:r></w:p>"
    "<w:p><w:t>signed</w:t></w:p></w:document>",
    docProps__app="<a>Word of Nobody</a>",
)
XLSX = zipped(
    xl__sharedStrings="<sst><si><t>Rent</t></si></sst>",
    xl__worksheets__sheet1='<worksheet><row><c t="s"><v>0</v></c><c><v>1234.5</v></c></row></worksheet>',
)
ODT = zipped(content='<o:t xmlns:o="x"><o:p>Contract<o:s/>de <o:span>chirie</o:span></o:p><o:p>semnat</o:p></o:t>')


@pytest.mark.parametrize(
    ("content", "kind", "text"),
    [
        (DOCX, "", "Lease & more signed"),
        (XLSX, "", "Rent 1234.5"),
        (ODT, "", "Contract de chirie semnat"),
        (pdf("Statement of March"), "", "Statement of March"),
        (b"a;b\nstraat 7", "text/csv", "a;b straat 7"),
        (b"<p>Page<script>no</script></p>", "text/html", "Page"),
        (b"Subject: Inner\r\n\r\nforwarded", "message/rfc822", "Inner forwarded"),
        (zipped(other__thing="<t>x</t>"), "", ""),
        (b"\x89PNG", "image/png", ""),
    ],
)
def test_the_text_of_a_document_is_what_a_reader_sees(content: bytes, kind: str, text: str) -> None:
    assert text_of(content, kind) == text


def test_I5_an_entry_that_grows_too_much_is_refused_whatever_the_directory_says_of_its_size() -> None:
    bomb = zipped(word__document=f"<w:document {W}><w:t>" + "a" * 4_000_000 + "</w:t></w:document>")
    assert len(bomb) * MAX_RATIO < 4_000_000
    lying = bomb.replace((4_000_000 + 95).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    for one in (bomb, lying):
        with pytest.raises(NotRead):
            text_of(one)


@pytest.mark.parametrize(
    "xml",
    [
        '<!DOCTYPE d [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><d>&b;</d>',
        '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><d>&x;</d>',
        "<d><unclosed>",
        "",
    ],
)
def test_I5_entities_and_broken_markup_are_refused(xml: str) -> None:
    with pytest.raises(NotRead):
        text_of(zipped(content=xml))


@pytest.mark.parametrize("content", [b"PK\x03\x04rubbish", b"%PDF-1.7\nrubbish", DOCX[:-30]])
def test_a_broken_document_says_so(content: bytes) -> None:
    with pytest.raises(NotRead):
        text_of(content)


def test_an_endless_text_is_read_to_its_limit() -> None:
    assert len(text_of(b"word " * MAX_TEXT, "text/plain")) <= MAX_TEXT
