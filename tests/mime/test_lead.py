"""How a large message will leave, told from its beginning: right wherever the rest changes none of the edits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mime.header import Field, Header
from gateway.mime.lead import lead
from gateway.mime.render import Edits, SignatureBlock, plan, render
from tests.corpus import canonical, corpus_messages, needs_corpus

EDITS = Edits(
    prepend=(Field.token("Received", "by mail.firm.example; Mon, 2 Mar 2026 09:00:00 +0200"),),
    remove=frozenset({"bcc"}),
    signature=SignatureBlock("-- \nAna Pop", "<p><b>Ana Pop</b></p>"),
)
HEAD = b"From: ana@firm.example\r\nBcc: b@else.example\r\nMIME-Version: 1.0\r\n"
MIXED = HEAD + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
TEXT = b"--b\r\nContent-Type: text/plain\r\n\r\nDear Al,\r\nit is done.\r\n"
FILE = b"--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\n\r\n"
REST = b"x" * 76 + b"\r\n"


def told(head: bytes, edits: Edits = EDITS) -> tuple[bytes, int] | None:
    header = Header.read(head)
    return lead(head, header, plan(head, edits, header).splices)


@pytest.mark.parametrize("cut", [-30, 0, 1, 500, 5_000])
def test_what_is_edited_above_the_first_attachment_is_told_before_that_has_come(cut: int) -> None:
    raw = MIXED + TEXT + FILE + REST * 100 + b"--b--\r\n"
    found = told(raw[: len(MIXED + TEXT + FILE) + cut])
    assert found is not None
    octets, end = found
    assert b"Ana Pop" in octets
    assert b"Bcc" not in octets
    assert octets + raw[end:] == render(raw, EDITS).raw


@pytest.mark.parametrize(
    "head",
    [
        MIXED[:40],
        HEAD + b"Subject: " + b"x" * 1_000,
        MIXED + TEXT,  # more of the text may come
        HEAD + b"Content-Type: text/plain\r\n\r\n" + REST * 10,
        HEAD + b"Content-Type: text/html\r\n\r\n<p>" + REST * 10,
    ],
)
def test_nothing_is_told_of_what_is_cut_off_where_it_is_edited(head: bytes) -> None:
    assert told(head) is None


def test_a_text_that_is_not_to_be_signed_may_be_cut_off() -> None:
    raw = HEAD + b"Content-Type: text/plain\r\n\r\n" + REST * 10
    edits = EDITS._replace(signature=None)
    found = told(raw[:300], edits)
    assert found is not None
    assert found[0] + raw[found[1] :] == render(raw, edits).raw


@needs_corpus
@given(st.data())
def test_what_was_told_is_what_leaves_wherever_the_edits_stay_the_same(data: st.DataObject) -> None:
    raw = canonical(data.draw(st.sampled_from(corpus_messages())).read_bytes())
    head = raw[: data.draw(st.integers(0, len(raw)))]
    header = Header.read(head)
    whole = Header.read(raw)
    if not header.complete or not whole.complete:
        return
    edits = plan(head, EDITS, header)
    found = lead(head, header, edits.splices)
    if found is not None and edits.splices == plan(raw, EDITS, whole).splices:
        assert found.octets + raw[found.end :] == render(raw, EDITS).raw
