"""Messages for the tests of signatures, and readers of them that are not ours."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage

from gateway.domain.firm import InlineImage
from gateway.mime.check import line_fault
from gateway.mime.render import Edits, SignatureBlock, render

HEAD = b"From: ana@firm.example\r\nTo: al@pacino.example\r\nSubject: x\r\nMIME-Version: 1.0\r\n"
SIGNATURE = SignatureBlock("-- \nȘtefan Pop\nFirm", "<p><b>Ștefan Pop</b><br>Firm</p>")
PLAIN = SignatureBlock("-- \nAna Pop\nFirm", "<p><b>Ana Pop</b><br>Firm</p>")
IMAGE = InlineImage("logo", "image/png", bytes(range(256)))
LOGO = SignatureBlock("-- \nAna Pop", '<p>Ana Pop<img src="cid:logo"></p>', (IMAGE,), "5eed" * 8)


def letter(content_type: str, body: bytes, encoding: str = "") -> bytes:
    """A message of one part."""
    return HEAD + part(content_type, body, encoding)


def part(content_type: str, body: bytes, encoding: str = "", *more: str) -> bytes:
    """Header and body of a part."""
    fields = [f"Content-Type: {content_type}"] if content_type else []
    fields += [f"Content-Transfer-Encoding: {encoding}"] if encoding else []
    return "".join(f"{field}\r\n" for field in (*fields, *more)).encode() + b"\r\n" + body


def multipart(kind: str, boundary: str, *children: bytes, more: str = "") -> bytes:
    """Header and body of a multipart, without a line end behind its last delimiter."""
    delimiter = f"--{boundary}".encode()
    body = b"".join(delimiter + b"\r\n" + child + b"\r\n" for child in children) + delimiter + b"--"
    return f'Content-Type: multipart/{kind}; boundary="{boundary}"{more}\r\n\r\n'.encode() + body


def signed(raw: bytes, block: SignatureBlock = PLAIN) -> bytes:
    """Render with a signature that has to fit, and look that the lines are sound."""
    rendered = render(raw, Edits(signature=block))
    assert rendered.notes == ()
    assert line_fault(rendered.raw) is None
    return rendered.raw


def left_alone(raw: bytes, block: SignatureBlock = PLAIN) -> str:
    """Render what must not change, and say why it did not."""
    rendered = render(raw, Edits(signature=block))
    assert rendered.raw == raw
    return " ".join(rendered.notes)


def read(raw: bytes) -> EmailMessage:
    """The message as the standard library sees it."""
    return email.message_from_bytes(raw, policy=email.policy.SMTP)


def text_of(raw: bytes, kind: str = "plain") -> str:
    """The body as the standard library decodes it, line ends as ``\\n``."""
    found = read(raw).get_body((kind,))
    assert found is not None
    return str(found.get_content()).replace("\r\n", "\n")
