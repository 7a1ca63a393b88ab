"""Verifying signatures: ours and dkimpy's, whole and broken; what dkimpy says, and what must never count."""

from __future__ import annotations

import base64
import logging
from itertools import cycle

import dkim as dkimpy
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from dkim.canonicalization import Simple
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.verdict import Result
from gateway.mime.dkim import Signer, sign
from gateway.mime.dkim_canonical import simple_body
from gateway.mime.dkim_signature import DKIM, Signature, Unusable, read_signature
from gateway.mime.dkim_verify import Bodies, Checked, check_signature
from gateway.mime.header import Header
from tests.corpus import canonical, corpus_messages, needs_corpus
from tests.mime.signing import AT, BOTH, DOMAIN, RSA, records, verified_by_dkimpy, without_separator
from tests.vectors import dkim_cases

NOW = int(AT.timestamp())
LETTER = (
    b"From: Al Pacino <al@firm.example>\r\nTo: ana@firm.example\r\nSubject:  A \t statement\r\n of March\r\n"
    b"Date: Sun, 22 Nov 2026 06:30:00 +0000\r\n\r\nGood  day \t \r\n\r\nAl\r\n\r\n\r\n"
)
PEM = RSA.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
RSA_NAME = f"{RSA.selector}._domainkey.{DOMAIN}"


def checked(raw: bytes, *, known: dict[str, str] | None = None, now: int = NOW) -> list[Checked | Unusable]:
    """What comes of each signature, from the top down."""
    header = Header.read(raw)
    bodies = Bodies(raw[header.end :])
    published = records() if known is None else known
    out: list[Checked | Unusable] = []
    for span in header.spans(DKIM):
        one = read_signature(header, span)
        if isinstance(one, Signature):
            texts = [published[one.key_name].encode()] if one.key_name in published else []
            out.append(check_signature(header, bodies, one, texts, now))
        else:
            out.append(one)
    return out


def by_dkimpy(raw: bytes, forms: bytes = b"relaxed/relaxed", *, length: bool = False) -> bytes:
    head, _, body = forms.partition(b"/")
    logging.getLogger("dkimpy").setLevel(logging.CRITICAL)
    signature = dkimpy.sign(
        raw,
        RSA.selector.encode(),
        DOMAIN.encode(),
        PEM,
        canonicalize=(head, body),
        include_headers=[b"from", b"to", b"subject", b"date", b"from"],
        length=length,
    )
    return bytes(signature) + raw


def results(raw: bytes, **given_: object) -> list[Result]:
    return [one.result for one in checked(raw, **given_)]  # type: ignore[arg-type]


def test_what_we_sign_holds_with_both_kinds_of_key() -> None:
    assert results(sign(LETTER, BOTH, AT)) == [Result.PASS, Result.PASS]


@pytest.mark.parametrize("forms", [b"simple/simple", b"simple/relaxed", b"relaxed/simple", b"relaxed/relaxed"])
def test_what_dkimpy_signs_holds_in_every_canonical_form(forms: bytes) -> None:
    assert results(by_dkimpy(LETTER, forms)) == [Result.PASS]


@needs_corpus
@pytest.mark.corpus
def test_every_thirtieth_message_of_the_corpus_signed_by_dkimpy_holds_and_does_not_when_changed() -> None:
    forms = cycle([b"simple/simple", b"simple/relaxed", b"relaxed/simple", b"relaxed/relaxed"])
    held = 0
    for path, form in zip(corpus_messages()[::30], forms, strict=False):
        raw = without_separator(canonical(path.read_bytes()))
        raw = raw if raw.endswith(b"\r\n") else raw + b"\r\n"
        if Header.read(raw).fault or len(Header.read(raw).spans("From")) != 1 or len(raw) > 200_000:
            continue
        signed = by_dkimpy(raw, form)
        assert results(signed)[0] is Result.PASS, path
        assert results(signed + b"more\r\n")[0] is Result.FAIL, path
        held += 1
    assert held > 20


@needs_corpus
@pytest.mark.corpus
def test_the_signed_messages_of_other_projects_come_to_what_dkimpy_says() -> None:
    cases = list(
        dkim_cases(
            lambda raw, number, keys: verified_by_dkimpy(
                raw, number, {one: text.decode() for one, text in keys.items()}
            )
        )
    )
    assert len(cases) == 12
    assert [case.name for case in cases if not case.passed] == []
    assert sum(case.found == "pass" for case in cases) == 5


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Good", b"Bad"),
        (b"statement", b"invoice"),
        (b"Al Pacino <", b"Al <"),
        (b"From: Al", b"From: x@y.z\r\nFrom: Al"),
    ],
)
def test_a_change_of_text_subject_or_author_breaks_it(old: bytes, new: bytes) -> None:
    assert results(sign(LETTER, BOTH, AT).replace(old, new)) == [Result.FAIL, Result.FAIL]


def test_a_field_added_where_none_was_signed_breaks_nothing() -> None:
    assert results(b"Received: by x.example; now\r\n" + sign(LETTER, BOTH, AT)) == [Result.PASS, Result.PASS]


def test_a_missing_key_is_told_from_a_broken_signature() -> None:
    raw = sign(LETTER, [RSA], AT)
    (missing,) = checked(raw, known={})
    (revoked,) = checked(raw, known={RSA_NAME: "v=DKIM1; p="})
    assert isinstance(missing, Checked)
    assert isinstance(revoked, Checked)
    assert (missing.result, missing.key_missing) == (Result.PERMERROR, True)
    assert (revoked.result, revoked.key_missing) == (Result.PERMERROR, True)
    assert results(raw, known={RSA_NAME: "v=DKIM1; k=ed25519; p=eA=="}) == [Result.PERMERROR]
    assert results(raw, known={RSA_NAME: records()[RSA_NAME] + "; s=tlsrpt"}) == [Result.PERMERROR]
    assert results(raw, known={RSA_NAME: "v=DKIM1; p=AAAA"}) == [Result.FAIL]


def test_I1_text_added_behind_what_l_covers_is_told() -> None:
    raw = by_dkimpy(LETTER, length=True)
    assert checked(raw) == [Checked(Result.PASS)]
    (longer,) = checked(raw + b"Pay to this account instead.\r\n")
    assert isinstance(longer, Checked)
    assert (longer.result, longer.partial) == (Result.PASS, True)
    assert results(raw[:-20]) == [Result.FAIL]


def test_an_expired_signature_is_none() -> None:
    raw = sign(LETTER, [RSA], AT).replace(b"v=1;", b"v=1; x=%d;" % (NOW + 60))
    assert [one.why for one in checked(raw, now=NOW + 61)] == ["it has expired"]


def test_a_key_too_short_to_prove_anything_does_not() -> None:
    """768 bits, which can be counted out: openssl makes no such key any more."""
    number = (1 << 767) + 1
    der = bytes.fromhex("30680261") + b"\x00" + number.to_bytes(96, "big") + bytes.fromhex("0203010001")
    record = f"v=DKIM1; p={base64.b64encode(der).decode()}"
    (one,) = checked(sign(LETTER, [RSA], AT), known={RSA_NAME: record})
    assert isinstance(one, Checked)
    assert (one.result, "key" in one.why) == (Result.FAIL, True)
    enough = Signer(DOMAIN, "short", generate_private_key(65_537, 1024))
    assert results(sign(LETTER, [enough], AT), known=records([enough])) == [Result.PASS]


@pytest.mark.parametrize(
    ("tags", "why"),
    [
        ("v=2; a=rsa-sha256; d=x.example; s=s; h=from; bh=eA==; b=eA==", "version"),
        ("v=1; a=rsa-sha1; d=x.example; s=s; h=from; bh=eA==; b=eA==", "SHA-1"),
        ("v=1; a=rsa-sha512; d=x.example; s=s; h=from; bh=eA==; b=eA==", "algorithm"),
        ("v=1; a=rsa-sha256; d=x.example; s=s; h=to; bh=eA==; b=eA==", "From"),
        ("v=1; a=rsa-sha256; d=x.example; s=s; h=from; bh=eA==; b=!", "value"),
        ("v=1; a=rsa-sha256; d=example; s=s; h=from; bh=eA==; b=eA==", "domain"),
        ("v=1; a=rsa-sha256; d=x.example; s=a b; h=from; bh=eA==; b=eA==", "selector"),
        ("v=1; a=rsa-sha256; d=x.example; s=s; i=@y.example; h=from; bh=eA==; b=eA==", "outside"),
        ("v=1; a=rsa-sha256; d=x.example; s=s; i=@evilx.example; h=from; bh=eA==; b=eA==", "outside"),
        ("v=1; a=rsa-sha256; d=x.example; d=y.example; s=s; h=from; bh=eA==; b=eA==", "list of tags"),
        ("v=1; a=rsa-sha256; d=x.example; s=s; h=from; bh=eA==; b=eA==; l=-1", "number"),
        ("v=1; a=rsa-sha256; d=x.example; s=s; h=from; bh=eA==; b=eA==; l=9999999999999999999", "number"),
        ("v=1; a=rsa-sha256; d=x.example; s=s; h=from; bh=eA==; b=eA==; t=9; x=8", "expired"),
        ("v=1; a=rsa-sha256; c=nofws; d=x.example; s=s; h=from; bh=eA==; b=eA==", "canonical"),
        ("v=1; a=rsa-sha256; q=http; d=x.example; s=s; h=from; bh=eA==; b=eA==", "published"),
        ("v=1; a=rsa-sha256; d=x.example; s=s; h=" + "from:" * 300 + "to; bh=eA==; b=eA==", "more fields"),
        ("", "version"),
        ("x" * 30_000, "list of tags"),
        ("a=b;" * 60, "list of tags"),
    ],
)
def test_a_signature_that_can_be_read_in_no_way_or_two_is_none(tags: str, why: str) -> None:
    (one,) = checked(f"DKIM-Signature: {tags}\r\n".encode() + LETTER)
    assert isinstance(one, Unusable)
    assert why in one.why


def test_a_key_for_the_domain_alone_does_not_serve_an_identity_below_it() -> None:
    raw = sign(LETTER, [RSA], AT)
    strict = {RSA_NAME: records()[RSA_NAME] + "; t=s"}
    assert results(raw, known=strict) == [Result.PASS]
    below = raw.replace(b"d=firm.example;", b"d=firm.example; i=@sub.firm.example;")
    assert [one.why for one in checked(below, known=strict)] == ["its key does not serve subdomains"]


@given(st.binary(max_size=40).map(lambda raw: raw.replace(b"x", b"\r\n")))
def test_the_simple_body_is_dkimpys(body: bytes) -> None:
    body = canonical(body)
    assert simple_body(body) == Simple.canonicalize_body(body)


@given(st.text(alphabet="vabdshl=; \t\r\n1rsa-256xy.:/+", max_size=120))
def test_no_signature_field_raises(value: str) -> None:
    assert len(checked(f"DKIM-Signature: {value}\r\n".encode() + LETTER)) <= 2


def test_a_key_in_the_older_form_of_rsa_is_read() -> None:
    public = base64.b64encode(RSA.key.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)).decode()
    assert results(sign(LETTER, [RSA], AT), known={RSA_NAME: f"v=DKIM1; p={public}"}) == [Result.PASS]
