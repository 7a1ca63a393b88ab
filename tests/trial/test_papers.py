"""What the trial writes is what the gateway reads."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime
from pathlib import Path

from gateway.mime.attachments import attachments
from gateway.mime.check import line_fault
from gateway.mime.header import Header
from gateway.mime.tree import parts
from gateway.office import draft
from gateway.settings import firmfile
from gateway.settings import gateway as gateway_settings
from gateway.trial import papers

AT = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)


def test_the_settings_and_the_firm_are_without_fault(tmp_path: Path) -> None:
    papers.write(tmp_path, submission_port=1587, smtp_port=1025, imap_port=1143)
    settings = gateway_settings.load(tmp_path / "postern.toml")
    assert settings.data_dir == tmp_path
    firm = draft.parse(firmfile.read([tmp_path / "firm.toml"], {})).firm
    assert firm.name == papers.FIRM
    assert [str(mailbox.address) for mailbox in firm.mailboxes] == [papers.SUPPORT, papers.ION]
    assert firm.rules[0].bcc[0].key == papers.ARCHIVE
    (image,) = firm.signatures[0].images
    assert image.content.startswith(b"\x89PNG\r\n")
    assert len(zlib.decompress(image.content[41:-16])) == 24 * (1 + 24 * 3)


def test_the_letter_is_what_a_mail_program_sends() -> None:
    letter = papers.letter(AT)
    assert line_fault(letter.raw) is None
    assert [part.content_type for part in parts(letter.raw)] == ["multipart/alternative", "text/plain", "text/html"]
    assert Header.read(letter.raw).text("Message-ID") == letter.message_id


def test_the_answer_goes_where_replies_go_with_a_pdf() -> None:
    letter = papers.letter(AT)
    answer = papers.answer(b"Reply-To: support@firm.example\r\n" + letter.raw, AT)
    header = Header.read(answer.raw)
    assert header.text("To") == "support@firm.example"
    assert header.text("In-Reply-To") == letter.message_id
    (pdf,) = attachments(answer.raw)
    assert (pdf.name, pdf.content_type, pdf.content) == ("statement.pdf", "application/pdf", papers.statement(AT))


def test_the_pdfs_table_points_at_its_objects() -> None:
    pdf = papers.statement(AT)
    table = int(pdf.split(b"startxref\n")[1].split(b"\n")[0])
    assert pdf[table:].startswith(b"xref\n0 7\n")
    offsets = [int(line[:10]) for line in pdf[table:].splitlines()[3:9]]
    for number, offset in enumerate(offsets, 1):
        assert pdf[offset:].startswith(b"%d 0 obj\n" % number)
