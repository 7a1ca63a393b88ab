"""Every real message: read in bounded time, rendered with a signature, and not one attachment's octet changed."""

from __future__ import annotations

import email
import re
from email.message import Message
from pathlib import Path

import pytest

from gateway.domain.address import Address, NamedAddress
from gateway.domain.firm import InlineImage
from gateway.mime.attachments import attachments
from gateway.mime.body import body_parts, sealed
from gateway.mime.encoding import decode_transfer
from gateway.mime.facts import correspondents, facts
from gateway.mime.header import Field, Header
from gateway.mime.plain import plain_text
from gateway.mime.render import Edits, SignatureBlock, render
from gateway.mime.tree import parts
from tests.corpus import CORPUS, canonical, corpus_messages, needs_corpus
from tests.cost import within

pytestmark = [pytest.mark.corpus, needs_corpus]

SIGNATURE = SignatureBlock(
    "-- \nȘtefan Pop\nPopescu & Asociații",
    '<p><b>Ștefan Pop</b><br><img src="cid:logo">Popescu &amp; Asociații</p>',
    (InlineImage("logo", "image/png", bytes(range(256))),),
    "0123456789abcdef" * 2,
)
FROM = Field.mailboxes("From", [NamedAddress("Popescu Support", Address("support", "firm.example"))])
EDITS = Edits(replace=(FROM,), remove=frozenset({"bcc", "resent-bcc"}), signature=SIGNATURE)
CPU_PER_MESSAGE = 2.0  # seconds; the largest has 1.2 MB and takes a tenth of that

MESSAGES = corpus_messages()
IDS = [str(path.relative_to(CORPUS / "messages")) for path in MESSAGES]


@pytest.mark.parametrize("path", MESSAGES, ids=IDS)
def test_a_real_message_keeps_all_but_its_text(path: Path) -> None:
    raw = canonical(path.read_bytes())
    rendered, files, *_ = within(
        CPU_PER_MESSAGE, lambda: (render(raw, EDITS), _files(raw), facts(raw), correspondents(raw), plain_text(raw))
    )
    assert render(raw, Edits()).raw == raw
    assert rendered.raw.count(b"\n") == rendered.raw.count(b"\r\n") == rendered.raw.count(b"\r")
    assert _files(rendered.raw) == files
    _assert_parts_kept(raw, rendered.raw)
    _assert_header_kept(raw, rendered.raw)
    texts = (decode_transfer(part.body(rendered.raw), part.encoding)[0] for part in parts(rendered.raw))
    assert rendered.notes or any(b"tefan Pop" in text for text in texts)


def _assert_parts_kept(raw: bytes, out: bytes) -> None:
    """Every part that is no body is in the result as the same octets, header included, in the same order."""
    tree = parts(raw)
    bodies = () if sealed(raw, tree) else body_parts(tree)
    edited = {part.number for part in bodies}
    if not edited:
        header = Header.read(raw)
        assert out.endswith(raw[header.end :])
    at = 0
    for part in tree[1:]:
        if part.number in edited or part.is_multipart or part.body_end == part.start:
            continue
        at = out.find(raw[part.start : part.body_end], at)
        assert at != -1, f"part {part.path} changed"


def _assert_header_kept(raw: bytes, out: bytes) -> None:
    before, after = Header.read(raw), Header.read(out)
    ours = {"from", "bcc", "resent-bcc", "mime-version", "content-type", "content-transfer-encoding"}
    kept = [raw[span.start : span.end] for span in before.fields if not _is_edited(span.name, ours)]
    found = [out[span.start : span.end] for span in after.fields if not _is_edited(span.name, ours)]
    assert found == kept
    assert after.all("From") == (b"Popescu Support <support@firm.example>",)
    assert not after.spans("Bcc")


def _is_edited(name: str, ours: set[str]) -> bool:
    return name.lower() in ours or name.lower().startswith("content-")


def _leaves(raw: bytes) -> list[object]:
    """What the standard library reads of the parts that are not text; an independent pair of eyes."""
    message: Message = email.message_from_bytes(raw)
    if any(part.defects for part in message.walk()):
        return []
    return [
        part.get_payload(decode=True)
        for part in message.walk()
        if not part.is_multipart() and part.get_content_maintype() != "text" and part.get("Content-ID") != _logo_id()
    ]


def _logo_id() -> str:
    return f"<image1.{SIGNATURE.seed}@inline>"


def test_the_standard_library_sees_the_same_files_before_and_after() -> None:
    compared = 0
    for path in MESSAGES:
        raw = canonical(path.read_bytes())
        before = _leaves(raw)
        if before:
            assert _leaves(render(raw, EDITS).raw) == before, path
            compared += len(before)
    assert compared > 100


def test_most_real_messages_take_the_signature_and_each_other_one_says_why() -> None:
    reasons: dict[str, int] = {}
    for path in MESSAGES:
        for note in render(canonical(path.read_bytes()), EDITS).notes or ("signed",):
            reason = re.sub(r"'.*'|really .*", "…", note.split(": ", 1)[-1])
            reasons[reason] = reasons.get(reason, 0) + 1
    assert reasons["signed"] > 480
    unexpected = {
        reason: count
        for reason, count in reasons.items()
        if not re.search(r"^signed$|^The message |charset …|not …|transfer encoding|read in two ways", reason)
    }
    assert unexpected == {}


def _files(raw: bytes) -> list[tuple[str, str, bytes]]:
    """The attachments without the pictures that the text shows, of which our logo is one."""
    return [(one.name, one.content_type, one.content) for one in attachments(raw) if not one.shown]


def test_M4_a_part_that_somebody_else_s_message_follows_is_flagged() -> None:
    found = [
        one
        for path in MESSAGES
        if path.parts[-2] == "mimekit" and b"Content-Length: 1431" in path.read_bytes()
        for one in attachments(canonical(path.read_bytes()))
        if one.name == "smime.p7m" and b"From" not in one.content
    ]
    assert [one.damaged for one in found] == [True]
