"""Signing: canonical forms as dkimpy has them, fields listed as the RFC wants, and what breaks a signature."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from dkim.canonicalization import Relaxed
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.mime.dkim import CLAIMS, OVERSIGNED, SIGNED, Signer, read_private, sign, signed_names
from gateway.mime.dkim_canonical import relaxed_body, relaxed_field
from gateway.mime.header import Header
from gateway.mime.render import Edits, SignatureBlock, render
from tests.corpus import canonical, corpus_messages, needs_corpus
from tests.cost import within
from tests.mime.signing import AT, BOTH, DOMAIN, ED25519, RSA, verdicts, without_separator

LETTER = (
    b"Received: by gateway.firm.example; Sun, 22 Nov 2026 06:30:00 +0000\r\n"
    b"From: Popescu Support <support@firm.example>\r\n"
    b"To: al@pacino.example\r\n"
    b"Subject:  Your \t statement\r\n  of March\r\n"
    b"Date: Sun, 22 Nov 2026 06:30:00 +0000\r\n"
    b"Message-ID: <1@firm.example>\r\n"
    b"References: <0@pacino.example>\r\n"
    b"MIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n"
    b"Content-Transfer-Encoding: 8bit\r\n"
    b"\r\n"
    b"Good  day \t \r\n\r\n  the statement.\r\n\r\n\r\n"
)

# RFC 8463 appendix A, written down from the document: its key, its message, its signature.
RFC_KEY = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="
RFC_FIELD = (
    b" v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"
    b" d=football.example.com; i=@football.example.com;\r\n"
    b" q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n"
    b" subject : date : message-id : from : subject : date;\r\n"
    b" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
    b" b="
)
RFC_SIGNATURE = "/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw=="
RFC_FIELDS = (
    (b"from", b" Joe SixPack <joe@football.example.com>\r\n"),
    (b"to", b" Suzie Q <suzie@shopping.example.net>\r\n"),
    (b"subject", b" Is dinner ready?\r\n"),
    (b"date", b" Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"),
    (b"message-id", b" <20030712040037.46341.5F8J@football.example.com>\r\n"),
)
RFC_BODY = b"Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n"

wire_lines = st.lists(st.binary(max_size=30).map(lambda line: re.sub(rb"[\r\n]", b" ", line)), max_size=12)
blank_lines = st.lists(st.text(" \tx", max_size=6).map(str.encode), max_size=12)


def fields(raw: bytes) -> list[bytes]:
    """Return the values of the signatures, unfolded, from the top down."""
    return [re.sub(rb"\r\n", b"", value) for value in Header.read(raw).all("DKIM-Signature")]


def tags(raw: bytes) -> dict[str, str]:
    """Return the tags of the first signature, without white space."""
    text = re.sub(r"\s", "", fields(raw)[0].decode())
    return {key: value for key, _, value in (tag.partition("=") for tag in text.split(";"))}


@given(st.one_of(wire_lines, blank_lines))
@example([b""])
@example([b" "])
@example([b"x", b"", b" \t", b""])
def test_a_body_is_canonical_as_dkimpy_has_it(lines: list[bytes]) -> None:
    body = b"".join(line + b"\r\n" for line in lines)
    assert relaxed_body(body) == Relaxed.canonicalize_body(body)


@given(st.binary(max_size=40).filter(lambda end: b"\r" not in end and b"\n" not in end))
def test_a_body_without_a_last_line_end_is_canonical_as_the_wire_ends_it(end: bytes) -> None:
    assert relaxed_body(b"x\r\n" + end) == relaxed_body(b"x\r\n" + end + b"\r\n")


@given(st.lists(st.text("ab \t:;=é", max_size=10).map(str.encode), min_size=1, max_size=5))
def test_a_field_is_canonical_as_dkimpy_has_it(lines: list[bytes]) -> None:
    value = b"\r\n ".join(lines) + b"\r\n"
    [(name, theirs)] = Relaxed.canonicalize_headers([(b"Subject", value)])
    assert relaxed_field(b"subject", value) + b"\r\n" == name + b":" + theirs


def test_the_example_of_rfc_8463_comes_out_to_the_last_bit() -> None:
    digest = base64.b64encode(hashlib.sha256(relaxed_body(RFC_BODY)).digest())
    assert b"bh=" + digest in RFC_FIELD
    above = b"".join(relaxed_field(name, value) + b"\r\n" for name, value in RFC_FIELDS)
    data = above + relaxed_field(b"dkim-signature", RFC_FIELD)
    key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(RFC_KEY))
    assert base64.b64encode(key.sign(hashlib.sha256(data).digest())).decode() == RFC_SIGNATURE


@pytest.mark.parametrize("signer", BOTH, ids=["rsa", "ed25519"])
def test_dkimpy_verifies_a_signature(signer: Signer) -> None:
    assert verdicts(sign(LETTER, [signer], AT)) == [True]


def test_a_domain_with_both_keys_signs_twice_and_rsa_is_first() -> None:
    signed = sign(LETTER, BOTH, AT)
    assert signed.endswith(LETTER)
    assert [re.search(rb"a=([^;]+)", field)[1] for field in fields(signed)] == [b"rsa-sha256", b"ed25519-sha256"]  # type: ignore[index]
    assert verdicts(signed) == [True, True]


@given(wire_lines, st.sampled_from([b"", b"\r\n", b"Reply-To:\r\n\r\n", b"To:\r\n  \r\n\r\n"]))
def test_dkimpy_verifies_whatever_is_signed(lines: list[bytes], head: bytes) -> None:
    raw = b"From: a@firm.example\r\n" + head + b"".join(line + b"\r\n" for line in lines)
    signed = sign(raw, BOTH, AT)
    assert signed == raw or verdicts(signed) == [True, True]


@pytest.mark.corpus
@needs_corpus
def test_dkimpy_agrees_on_every_message_of_the_corpus() -> None:
    signature = SignatureBlock("-- \nȘtefan Pop", "<p>Ștefan Pop</p>")
    left_alone, disagreed = [], []
    for path in corpus_messages():
        rendered = render(
            without_separator(canonical(path.read_bytes())), Edits(remove=CLAIMS, signature=signature)
        ).raw
        raw = rendered if rendered.endswith(b"\r\n") else rendered + b"\r\n"
        body = raw[Header.read(raw).end :]
        assert relaxed_body(body) == Relaxed.canonicalize_body(body), path
        signed = sign(raw, BOTH, AT)
        if signed is raw:
            left_alone.append(Header.read(raw).fault)
        elif verdicts(signed) != [True, True]:
            disagreed.append(str(path))
    assert disagreed == []
    assert 0 < len(left_alone) < 20
    assert all(left_alone)


def test_D1_the_fields_that_matter_are_listed_once_more_than_they_are_there() -> None:
    listed = tags(sign(LETTER, [RSA], AT))["h"].lower().split(":")
    present = Header.read(LETTER)
    for name in OVERSIGNED:
        assert listed.count(name.lower()) == len(present.spans(name)) + 1, name
    assert listed.count("references") == listed.count("content-transfer-encoding") == 1
    assert not {"received", "return-path", "bcc", "dkim-signature", "sender"} & set(listed)


def test_D1_no_length_no_sha1_and_nothing_simple() -> None:
    for signer in BOTH:
        found = tags(sign(LETTER, [signer], AT))
        assert found["c"] == "relaxed/relaxed"
        assert found["a"].endswith("-sha256")
        assert (found["d"], found["s"], found["t"]) == (DOMAIN, signer.selector, str(int(AT.timestamp())))
        assert not {"l", "i", "x"} & found.keys()


@pytest.mark.parametrize("name", OVERSIGNED)
@pytest.mark.parametrize("signer", BOTH, ids=["rsa", "ed25519"])
def test_D1_a_second_field_breaks_the_signature(signer: Signer, name: str) -> None:
    signed = sign(LETTER, [signer], AT)
    injected = f"{name}: somebody@else.example\r\n".encode()
    at = Header.read(signed).block_end
    assert verdicts(injected + signed) == [False]
    assert verdicts(signed[:at] + injected + signed[at:]) == [False]


@pytest.mark.parametrize("signer", BOTH, ids=["rsa", "ed25519"])
def test_one_other_octet_of_the_body_breaks_the_signature(signer: Signer) -> None:
    signed = sign(LETTER, [signer], AT)
    assert verdicts(signed.replace(b"statement.", b"statement!")) == [False]
    assert verdicts(signed + b"appended\r\n") == [False]


def test_what_servers_change_on_the_way_does_not() -> None:
    signed = sign(LETTER, BOTH, AT)
    moved = b"Return-Path: <x@firm.example>\r\nReceived: from here\r\n" + signed.replace(
        b"Good  day \t \r\n", b"Good day\r\n"
    )
    assert verdicts(moved.replace(b"Subject:  Your", b"SUBJECT: Your") + b"\r\n\r\n") == [True, True]


def test_D3_a_programs_own_signature_does_not_outlive_our_changes() -> None:
    theirs = sign(LETTER, [RSA], AT)
    rendered = render(theirs, Edits(remove=CLAIMS)).raw
    assert rendered == LETTER
    forged = b"Authentication-Results: firm.example; dkim=pass\r\nARC-Seal: i=1\r\nX-Google-DKIM-Signature: v=1\r\n"
    assert render(forged + theirs, Edits(remove=CLAIMS)).raw == LETTER


def test_fields_of_one_name_are_signed_from_the_bottom_up() -> None:
    two = b"References: <a@x.example>\r\nReferences: <b@x.example>\r\n" + LETTER
    signed = sign(two, BOTH, AT)
    assert verdicts(signed) == [True, True]
    swapped = signed.replace(b"<a@x", b"<c@x").replace(b"<b@x", b"<a@x").replace(b"<c@x", b"<b@x")
    assert verdicts(swapped) == [False, False]


def test_what_a_list_says_of_itself_is_signed() -> None:
    raw = (
        b"List-Unsubscribe: <https://firm.example/u>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" + LETTER
    )
    assert {"List-Unsubscribe", "List-Unsubscribe-Post"} <= set(signed_names(Header.read(raw)))
    assert all(name not in OVERSIGNED for name in SIGNED)


@pytest.mark.parametrize(
    "raw",
    [b"From: a@firm.example\r\nno field\r\n\r\nx\r\n", b"From : a@firm.example\r\n\r\nx\r\n"],
    ids=["a line that is no field", "a name with white space"],
)
def test_a_header_that_can_be_read_in_two_ways_is_left_unsigned(raw: bytes) -> None:
    assert sign(raw, BOTH, AT) is raw


def test_without_a_key_the_bytes_stay_the_same() -> None:
    assert sign(LETTER, (), AT) is LETTER


def test_no_line_of_a_signature_is_longer_than_78_characters() -> None:
    long = Signer("a" * 60 + "." + "b" * 60 + ".example", "s" * 60, ED25519.key)
    many = b"References: <x@x.example>\r\n" * 50 + LETTER
    for signer in (RSA, ED25519, long):
        signed = sign(many, [signer], AT)
        head = signed[: len(signed) - len(many)]
        assert head.startswith(b"DKIM-Signature: v=1;")
        assert head.endswith(b"\r\n")
        lines = head.split(b"\r\n")[:-1]
        assert max(map(len, lines)) <= (78 if signer is not long else 4 + len(long.domain))  # d= in one piece
        assert all(line.startswith(b" ") and line.strip() for line in lines[1:])


def pem(key: object) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()  # type: ignore[attr-defined, no-any-return]


def test_D1_keys_that_are_too_short_or_of_another_kind_are_refused() -> None:
    for weak in (generate_private_key(65_537, 1024), dsa.generate_private_key(1024)):
        with pytest.raises(ValueError, match="at least 2048 bits"):
            read_private(pem(weak))
    with pytest.raises(ValueError):
        read_private("nonsense")
    assert read_private(pem(ED25519.key)).public_key() == ED25519.key.public_key()


def test_a_key_shows_nothing_of_itself() -> None:
    assert repr(RSA) == f"Signer(domain='{DOMAIN}', selector='{RSA.selector}')"


def test_a_moment_of_any_zone_is_the_same_second() -> None:
    assert tags(sign(LETTER, [RSA], datetime(1970, 1, 1, tzinfo=UTC)))["t"] == "0"


@pytest.mark.parametrize(
    "body",
    [b" " * 10_000_000, b"\r\n" * 2_000_000, b" a" * 2_000_000, b"x" * 10_000_000, b"\t\r\n" * 2_000_000],
    ids=["one line of spaces", "empty lines", "alternating", "one long line", "blank lines"],
)
def test_a_hostile_body_takes_no_longer_than_its_size_allows(body: bytes) -> None:
    raw = b"From: a@firm.example\r\n\r\n" + body + b"\r\n"
    within(2.0, lambda: sign(raw, [ED25519], AT))
