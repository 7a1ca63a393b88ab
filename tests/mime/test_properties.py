"""What holds for every message there is, tried on generated ones, judged by two readers that did not do the work."""

from __future__ import annotations

import email
from collections.abc import Iterator
from email import policy

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.domain.address import Address, NamedAddress
from gateway.mime.header import MAX_LINE, Field
from gateway.mime.render import Edits, SignatureBlock, render
from gateway.mime.tree import parts
from tests.mime.comparing import compared
from tests.mime.independent import Node, body_of, header_of, read
from tests.mime.trees import messages, signatures

EDITS = Edits(
    prepend=(
        Field.token("Received", "by mail.firm.example (Postern) with ESMTPSA id X; Tue, 3 Mar 2026 10:00:00 +0000"),
    ),
    replace=(Field.mailboxes("From", [NamedAddress("Popescu Sup\u0219ort", Address("support", "firm.example"))]),),
    default=(Field.token("Message-ID", "<new@firm.example>"), Field.token("Date", "Tue, 3 Mar 2026 10:00:00 +0000")),
    remove=frozenset({"bcc", "resent-bcc"}),
)
_EDITED = {b"from", b"bcc", b"resent-bcc"}
thorough = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def signed(raw: bytes, signature: SignatureBlock) -> bytes:
    edits = Edits(EDITS.prepend, EDITS.replace, EDITS.default, EDITS.remove, signature)
    return render(raw, edits).raw


@thorough
@given(messages())
def test_the_two_readers_see_the_same_parts(raw: bytes) -> None:
    ours = [
        (part.content_type, part.encoding, raw[part.start : part.header_end], part.body(raw)) for part in parts(raw)
    ]
    theirs = [(node.kind, node.encoding, header_of(raw, node), body_of(raw, node)) for node in read(raw)]
    assert ours == theirs


@thorough
@given(messages())
def test_without_edits_every_octet_stays(raw: bytes) -> None:
    assert render(raw, Edits()).raw == raw


@thorough
@given(messages(), signatures())
def test_the_tree_stays_but_for_the_signature(raw: bytes, signature: SignatureBlock) -> None:
    result = compared(raw, signed(raw, signature))
    assert result.changed == []
    assert not result.worse
    assert all("Popescu" in added for added in result.added)
    assert result.pictures <= result.signed * ("cid:" in signature.html)


@thorough
@given(messages(), signatures())
def test_a_signature_comes_in_or_a_note_says_why_not(raw: bytes, signature: SignatureBlock) -> None:
    rendered = render(raw, Edits(signature=signature))
    assert bool(rendered.notes) or compared(raw, rendered.raw).signed > 0
    assert rendered.raw != raw or rendered.notes


@thorough
@given(messages(), signatures())
def test_a_signature_that_stands_already_is_not_added_again(raw: bytes, signature: SignatureBlock) -> None:
    once = render(raw, Edits(signature=signature)).raw
    assert render(once, Edits(signature=signature)).raw == once


@thorough
@given(messages(), signatures())
def test_only_the_named_fields_of_the_header_differ(raw: bytes, signature: SignatureBlock) -> None:
    before, after = read(raw), read(signed(raw, signature))
    assert after.fields[0] == EDITS.prepend[0].line
    assert [f for f in after.fields if _name(f) == b"from"] == [EDITS.replace[0].line]
    assert not any(_name(f) in {b"bcc", b"resent-bcc"} for f in after.fields)
    new = {EDITS.prepend[0].line, *(field.line for field in EDITS.default)}
    assert _kept(before) == [each for each in _kept(after) if each not in new]
    for field in EDITS.default:
        had = [each for each in before.fields if _name(each) == field.name.lower().encode()]
        assert [each for each in after.fields if _name(each) == field.name.lower().encode()] == (had or [field.line])


@thorough
@given(messages(), signatures())
def test_new_lines_are_canonical_short_and_seven_bit_unless_announced(raw: bytes, signature: SignatureBlock) -> None:
    after = signed(raw, signature)
    assert after.count(b"\r\n") == after.count(b"\n") == after.count(b"\r")
    old = set(raw.split(b"\r\n"))
    assert all(len(line) <= MAX_LINE for line in after.split(b"\r\n") if line not in old)
    assert all(len(line) <= 78 for field in _new_fields(raw, after) for line in field.split(b"\r\n"))
    if raw.isascii() and b"8bit" not in raw.lower() and b"binary" not in raw.lower():
        assert after.isascii()


@thorough
@given(messages(), signatures())
def test_the_standard_library_sees_the_same_files(raw: bytes, signature: SignatureBlock) -> None:
    before, after = list(_files(raw)), list(_files(signed(raw, signature)))
    assert after == before


@given(st.binary(max_size=400), signatures())
def test_any_octets_are_walked_and_rendered_without_harm(raw: bytes, signature: SignatureBlock) -> None:
    assert render(raw, Edits()).raw == raw
    render(raw, Edits(signature=signature))


@given(messages(), st.data(), signatures())
def test_a_message_cut_anywhere_or_damaged_is_not_made_worse(
    raw: bytes, data: st.DataObject, signature: SignatureBlock
) -> None:
    at = data.draw(st.integers(0, len(raw)))
    damage = data.draw(st.sampled_from([b"", b"\r\n--", b"\r\n\r\n", b"=", b'"', b"; boundary=x", b"\xff"]))
    broken = raw[:at] + damage + (b"" if data.draw(st.booleans()) else raw[at:])
    broken = broken.replace(b"\r\n", b"\n").replace(b"\r", b"").replace(b"\n", b"\r\n")
    result = compared(broken, render(broken, Edits(signature=signature)).raw)
    assert result.changed == []


def _name(field: bytes) -> bytes:
    return field.partition(b":")[0].strip().lower()


def _kept(root: Node) -> list[bytes]:
    return [each for each in root.fields if _name(each) not in _EDITED and not _name(each).startswith(b"content-")]


def _new_fields(raw: bytes, after: bytes) -> list[bytes]:
    old = set(read(raw).fields)
    return [field for field in read(after).fields if field not in old]


def _files(raw: bytes) -> Iterator[tuple[str, str | None, object]]:
    message = email.message_from_bytes(raw, policy=policy.compat32)
    for part in message.walk():
        kind, ours = part.get_content_type(), "@inline>" in str(part.get("Content-ID", ""))
        letter = part.get_content_maintype() == "text" and part.get_content_disposition() != "attachment"
        if not part.is_multipart() and not ours and not letter:
            yield kind, part.get_filename(), part.get_payload(decode=True)
