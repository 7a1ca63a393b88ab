"""Row I8 for what people write: nothing in a subject or a text is read as a template, a format or a pattern."""

from __future__ import annotations

import pytest

from gateway.mime.render import Edits, SignatureBlock, render
from tests.policy.test_signature import I8

SIGNATURE = SignatureBlock("-- \nAna \\g<0> {{7*7}}", "<b>Ana \\g<0> {{7*7}}</b>")


@pytest.mark.parametrize("kind", ["plain", "html"])
@pytest.mark.parametrize("encoding", ["7bit", "quoted-printable"])
@pytest.mark.parametrize("text", I8)
def test_I8_subject_and_text_leave_as_they_were_written(text: str, encoding: str, kind: str) -> None:
    body = f"<p>{text}</p>" if kind == "html" else text
    written = body.replace("=", "=3D") if encoding == "quoted-printable" else body
    raw = (
        f"From: ana@firm.example\r\nSubject: {text}\r\nContent-Type: text/{kind}\r\n"
        f"Content-Transfer-Encoding: {encoding}\r\n\r\n{written}\r\n"
    ).encode()
    out = render(raw, Edits(signature=SIGNATURE)).raw.decode()
    assert f"\r\nSubject: {text}\r\n" in out
    assert out.count(text) >= 2
    assert "Ana \\g<0> {{7*7}}" in out
