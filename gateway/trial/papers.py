"""What the trial writes: its settings, its firm with a logo, and the two letters of its story."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path

from gateway.mime.header import Header

FIRM = "Popescu & Asociații"
MEMBER, PASSWORD = "ion", "ion"  # how ion signs in to the gateway
ION, SUPPORT, ARCHIVE = "ion@firm.example", "support@firm.example", "archive@firm.example"
CLIENT, CLIENT_NAME = "al@pacino.example", "Al Pacino"
ACCOUNTS = dict.fromkeys((ION, SUPPORT, ARCHIVE, CLIENT), "provider")  # at the trial provider

_SETTINGS = """\
# Written anew by each `postern trial`.
data_dir = "."

[submission]
hostname = "gateway.firm.example"
listen = ["127.0.0.1:{port}"]

[queue]
retry = ["5s", "30s", "5m"]
"""

_FIRM = """\
# The firm of the trial; written anew by each `postern trial`. config/firm.toml explains every line.

[firm]
name = "{firm}"
reply_to = "{support}"

[[member]]
login = "ana"
name = "Ana Pop"
role = "owner"
password = "ana"

[[member]]
login = "{member}"
name = "Ion Ionescu"
password = "{password}"

[[mailbox]]
address = "{support}"
name = "Popescu Support"
members = ["ana", "ion"]
allow_others_to_send = true
signature = "support"
password = "{secret}"
imap = {{ host = "127.0.0.1", port = {imap_port}, security = "none" }}
smtp = {{ host = "127.0.0.1", port = {smtp_port}, security = "none" }}

[[mailbox]]
address = "{ion}"
name = "Ion Ionescu"
members = ["ion"]
password = "{secret}"
imap = {{ host = "127.0.0.1", port = {imap_port}, security = "none" }}
smtp = {{ host = "127.0.0.1", port = {smtp_port}, security = "none" }}

[[signature]]
name = "support"
text = "-- \\n{{{{ member.name }}}}\\n{{{{ firm.name }}}}"
html = "<p><img src=\\"cid:logo\\" alt=\\"\\"><br><b>{{{{ member.name }}}}</b><br>{{{{ firm.name }}}}</p>"
images = {{ logo = "logo.png" }}

[[rule]]
name = "everything to clients leaves as support"
when = {{ member = ["ion"], to_client = true }}
send_as = "{support}"
display_name = "{{{{ member.name }}}} ({{{{ firm.name }}}})"
reply_to = "{support}"
signature = "support"
bcc = ["{archive}"]

[[client]]
name = "{client_name}"
members = ["ana", "ion"]
contacts = [
  {{ name = "{client_name}", addresses = [
    {{ address = "{client}", email_sync = true, notify = true, login = false }},
  ] }},
]
"""


def write(folder: Path, *, submission_port: int, smtp_port: int, imap_port: int) -> None:
    """``postern.toml``, ``firm.toml`` and ``logo.png`` in the folder; what else lies there is left alone."""
    folder.joinpath("postern.toml").write_text(_SETTINGS.format(port=submission_port), "utf-8")
    folder.joinpath("logo.png").write_bytes(_logo())
    text = _FIRM.format(
        firm=FIRM,
        member=MEMBER,
        password=PASSWORD,
        secret=ACCOUNTS[SUPPORT],
        support=SUPPORT,
        ion=ION,
        archive=ARCHIVE,
        client=CLIENT,
        client_name=CLIENT_NAME,
        smtp_port=smtp_port,
        imap_port=imap_port,
    )
    folder.joinpath("firm.toml").write_text(text, "utf-8")


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail as a mail program hands it over."""

    message_id: str
    raw: bytes


def letter(at: datetime) -> Letter:
    """What ion writes to the client, as Thunderbird would: a plain and an HTML form of it."""
    message_id = f"<{at:%Y%m%d%H%M%S%f}.letter@firm.example>"
    mail = _mail(f"Ion Ionescu <{ION}>", CLIENT, message_id, at)
    mail["Subject"] = f"Your statement of {at:%d.%m.%Y, %H:%M:%S}"
    mail.set_content("Dear Mr Pacino,\n\nplease send us the statement of your account.\n\nKind regards\n")
    mail.add_alternative(
        "<html><body><p>Dear Mr Pacino,</p><p>please send us the <b>statement</b> of your account.</p>"
        "<p>Kind regards</p></body></html>",
        subtype="html",
    )
    return Letter(message_id, mail.as_bytes())


def answer(received: bytes, at: datetime) -> Letter:
    """The client's answer to what arrived, to where its Reply-To points, with a PDF."""
    header = Header.read(received)
    to = header.mailboxes("Reply-To") or header.mailboxes("From")
    message_id = f"<{at:%Y%m%d%H%M%S%f}.answer@pacino.example>"
    mail = _mail(f"{CLIENT_NAME} <{CLIENT}>", str(to[0].address), message_id, at)
    mail["Subject"] = f"Re: {header.text('Subject')}"
    mail["In-Reply-To"] = mail["References"] = header.text("Message-ID")
    mail.set_content(
        f"Here it is. Hoo-ah!\n\nAl\n\nOn {at:%d.%m.%Y}, {header.text('From')} wrote:\n> please send us …\n"
    )
    mail.add_attachment(statement(at), maintype="application", subtype="pdf", filename="statement.pdf")
    return Letter(message_id, mail.as_bytes())


def _mail(sender: str, to: str, message_id: str, at: datetime) -> EmailMessage:
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = to
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = message_id
    return mail


def statement(at: datetime) -> bytes:
    """A PDF of one page (ISO 32000-1 section 7.5) that says when it was made."""
    text = f"BT /F1 24 Tf 72 760 Td (Statement of {at:%d.%m.%Y, %H:%M:%S}) Tj ET".encode("ascii")
    bodies = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources 6 0 R >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(text), text),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Font << /F1 5 0 R >> >>",
    )
    pdf = bytearray(b"%PDF-1.4\n")
    offsets: list[int] = []
    for number, body in enumerate(bodies, 1):
        offsets.append(len(pdf))
        pdf += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = len(pdf)
    pdf += b"xref\n0 %d\n0000000000 65535 f \n" % (len(bodies) + 1)
    pdf += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    pdf += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(bodies) + 1, table)
    return bytes(pdf)


def _logo() -> bytes:
    """A small gate: two posts and a lintel, 24 pixels square (PNG, RFC 2083)."""
    side, ink, paper = 24, b"\x1f\x4e\x79", b"\xff\xff\xff"
    rows = bytearray()
    for y in range(side):
        rows.append(0)
        for x in range(side):
            rows += ink if 3 <= y < 7 or (y >= 7 and (4 <= x < 8 or 16 <= x < 20)) else paper
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(bytes(rows), 9)) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
