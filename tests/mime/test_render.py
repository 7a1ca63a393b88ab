"""What leaves: only what was asked for changes, and the signature is where a person would put it."""

from __future__ import annotations

import base64
import email
import email.policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.address import Address, NamedAddress
from gateway.domain.errors import BadMessage
from gateway.domain.firm import InlineImage
from gateway.mime.check import line_fault, longest_line
from gateway.mime.header import Field, Header
from gateway.mime.render import Edits, SignatureBlock, render

PLAIN = SignatureBlock("-- \nAna Pop\nFirm", "")
RICH = SignatureBlock("-- \nAna Pop", "<p><b>Ana Pop</b></p>")
ROMANIAN = SignatureBlock("-- \nȘtefan Pop", "<p>Ștefan Pop</p>")
LOGO = SignatureBlock(
    "-- \nAna", '<p>Ana<img src="cid:logo"></p>', (InlineImage("logo", "image/png", bytes(range(256)) * 4),), "5eed" * 8
)
HEAD = b"From: ana@firm.example\r\nTo: al@pacino.example\r\nSubject: x\r\nMIME-Version: 1.0\r\n"


def _message(content: bytes) -> bytes:
    return HEAD + content


def _typed(content_type: bytes, body: bytes, encoding: bytes = b"7bit") -> bytes:
    fields = b"Content-Type: " + content_type + b"\r\nContent-Transfer-Encoding: " + encoding + b"\r\n"
    return _message(fields + b"\r\n" + body)


def _signed(raw: bytes, block: SignatureBlock) -> bytes:
    rendered = render(raw, Edits(signature=block))
    assert rendered.notes == ()
    assert line_fault(rendered.raw) is None
    return rendered.raw


def _read(raw: bytes) -> EmailMessage:
    return email.message_from_bytes(raw, policy=email.policy.SMTP)


def _text(raw: bytes, kind: str = "plain") -> str:
    part = _read(raw).get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


# --- header


def test_only_the_fields_that_were_named_change() -> None:
    raw = b"X-A:  odd   spacing\r\nFrom: a@b,\r\n\tc@d\r\nBcc: e@f\r\nX-B: \xe9\r\n\r\nbody\r\n"
    edits = Edits(
        prepend=(Field.token("Received", "by mail.firm.example; now"),),
        replace=(Field.mailboxes("From", [NamedAddress("Firm", Address("s", "firm.example"))]),),
        default=(Field.token("Date", "now"), Field.token("X-a", "not taken")),
        remove=frozenset({"bcc"}),
    )
    assert render(raw, edits).raw == (
        b"Received: by mail.firm.example; now\r\nX-A:  odd   spacing\r\nFrom: Firm <s@firm.example>\r\n"
        b"X-B: \xe9\r\nDate: now\r\n\r\nbody\r\n"
    )


def test_P2_one_from_is_left_of_many() -> None:
    raw = b"From: a@b\r\nFrom : c@d\r\nX: y\r\nfrom\r\n : e@f\r\n\r\n"
    field = Field.mailboxes("From", [NamedAddress("", Address("s", "firm.example"))])
    assert render(raw, Edits(replace=(field,))).raw == b"From: s@firm.example\r\nX: y\r\n\r\n"


@pytest.mark.parametrize(
    "bcc",
    [
        b"Bcc: x@secret.example\r\n",
        b"bcc: x@secret.example\r\n",
        b"Bcc : x@secret.example\r\n",
        b"Bcc\r\n : x@secret.example\r\n",
        b"BCC: a@secret.example,\r\n\tb@secret.example\r\n",
        b"Bcc: a@secret.example\r\nBCC: b@secret.example\r\n",
        b"Resent-Bcc: x@secret.example\r\n",
    ],
)
def test_B1_blind_copies_are_gone_and_an_attached_message_keeps_its_own(bcc: bytes) -> None:
    attached = b"Content-Type: message/rfc822\r\n\r\nBcc: kept@inside.example\r\n\r\nx\r\n"
    raw = b"To: a@b\r\n" + bcc + attached
    assert render(raw, Edits(remove=frozenset({"bcc", "resent-bcc"}))).raw == b"To: a@b\r\n" + attached


def test_a_message_without_a_body_still_gets_its_fields() -> None:
    edits = Edits(default=(Field.token("Date", "now"),))
    assert render(b"Subject: x", edits).raw == b"Subject: x\r\nDate: now\r\n"
    assert render(b"", edits).raw == b"Date: now\r\n"
    assert render(b"\r\nbody", edits).raw == b"Date: now\r\n\r\nbody"


def test_F4_a_header_too_large_to_be_sure_of_is_refused() -> None:
    with pytest.raises(BadMessage):
        render(b"a: b\r\n" * 30_000 + b"Bcc: x@y\r\n\r\n", Edits(remove=frozenset({"bcc"})))


@given(st.binary(max_size=400))
def test_no_edits_is_identity(raw: bytes) -> None:
    assert render(raw, Edits()).raw == raw


@given(st.lists(st.sampled_from([b"A: b", b"\r\n", b" c", b"Bcc: d", b"--b", b"\r\n\r\n", b"Content-Type: text/html"])))
def test_any_shape_of_message_is_rendered(pieces: list[bytes]) -> None:
    raw = b"Content-Type: multipart/mixed; boundary=b\r\n" + b"".join(pieces)
    render(raw, Edits(remove=frozenset({"bcc"}), signature=LOGO))
    render(b"".join(pieces), Edits(remove=frozenset({"bcc"}), signature=ROMANIAN))


# --- text


def test_a_plain_mail_stays_plain_and_ends_with_the_signature() -> None:
    raw = _message(b"\r\nHello\r\n")
    assert _signed(raw, RICH) == raw + b"\r\n-- \r\nAna Pop\r\n"


def test_in_a_reply_the_signature_stands_above_the_quote() -> None:
    raw = _message(b"\r\nYes.\r\n\r\nOn 3 Mar 2026, Al wrote:\r\n> Do you?\r\n")
    assert _signed(raw, PLAIN).endswith(
        b"\r\n\r\nYes.\r\n\r\n-- \r\nAna Pop\r\nFirm\r\n\r\nOn 3 Mar 2026, Al wrote:\r\n> Do you?\r\n"
    )


def test_a_body_without_a_last_line_end_or_without_text_takes_it_too() -> None:
    assert _text(_signed(_message(b"\r\nHello"), PLAIN)) == "Hello\n\n-- \nAna Pop\nFirm\n"
    assert "Ana Pop" in _text(_signed(_message(b"\r\n"), PLAIN))
    assert "Ana Pop" in _text(_signed(HEAD, PLAIN))
    assert "Ana Pop" in _text(_signed(b"Subject: x", PLAIN))


def test_letters_beyond_ascii_raise_a_seven_bit_part_to_utf_8_and_quoted_printable() -> None:
    raw = _typed(b"text/plain; charset=us-ascii; format=flowed", b"Hi = \r\n", b"7bit")
    out = _signed(raw, ROMANIAN)
    header = Header.read(out)
    assert header.first("Content-Type") == b"text/plain; format=flowed;\r\n charset=utf-8"
    assert header.first("Content-Transfer-Encoding") == b"quoted-printable"
    assert out.isascii()
    assert _text(out).split("\n")[0] == "Hi = "
    assert "Ștefan Pop" in _text(out)


def test_a_message_that_says_nothing_of_mime_says_so_afterwards() -> None:
    out = _signed(b"Subject: x\r\n\r\nHello\r\n", ROMANIAN)
    assert Header.read(out).first("MIME-Version") == b"1.0"
    assert _text(out) == "Hello\n\n-- \nȘtefan Pop\n"


@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-2", "windows-1250"])
def test_a_charset_that_has_the_letters_is_kept(charset: str) -> None:
    body = "Șină și țară\r\n".replace("Ș", "S").replace("ș", "s").replace("ț", "t").encode(charset)
    raw = _message(
        b"Content-Type: text/plain; charset=%s\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" % charset.encode() + body
    )
    out = _signed(raw, SignatureBlock("-- \nTană", ""))
    assert out.startswith(raw)
    assert "Tană" in _text(out)


def test_quoted_printable_keeps_its_own_bytes_around_the_signature() -> None:
    body = b"Caf=E9 with a soft=\r\n break =\r\n\r\n\r\nOn 3 Mar 2026, Al wrote:\r\n> caf=e9=20\r\n"
    raw = _typed(b"text/plain; charset=iso-8859-1", body, b"quoted-printable")
    out = _signed(raw, SignatureBlock("-- \nJürgen", ""))
    before, _, after = out.partition(b"--=20\r\nJ=FCrgen\r\n\r\n")
    assert (before, after) == (raw[: raw.index(b"On 3 Mar")], raw[raw.index(b"On 3 Mar") :])


def test_base64_is_decoded_and_written_anew_for_that_part_alone() -> None:
    text = "Žluť\r\n" * 30
    coded = base64.encodebytes(text.encode()).replace(b"\n", b"\r\n")
    raw = _typed(b"text/plain; charset=utf-8", coded, b"base64")
    out = _signed(raw, ROMANIAN)
    assert Header.read(out).first("Content-Transfer-Encoding") == b"base64"
    assert _text(out) == text.replace("\r\n", "\n") + "\n-- \nȘtefan Pop\n"
    assert longest_line(out) <= 76


def test_flowed_text_gets_fixed_and_stuffed_lines() -> None:
    raw = _message(b"Content-Type: text/plain; format=flowed\r\n\r\nHello \r\nworld\r\n")
    out = _signed(raw, SignatureBlock("-- \nAna  \n> x\nFrom me\n y", ""))
    assert out.endswith(b"\r\n\r\n-- \r\nAna\r\n > x\r\n From me\r\n  y\r\n")


@pytest.mark.parametrize("charset", [b"utf-16", b"x-unknown", b"utf-7", b"cp037", b"../x"])
def test_I6_a_charset_that_cannot_be_spliced_is_left_alone_with_a_note(charset: bytes) -> None:
    raw = _message(b"Content-Type: text/plain; charset=" + charset + b"\r\n\r\nHello\r\n")
    rendered = render(raw, Edits(signature=PLAIN))
    assert rendered.raw == raw
    assert "charset" in rendered.notes[0]


def test_text_that_is_not_in_its_charset_is_left_alone() -> None:
    raw = _message(b"Content-Type: text/plain; charset=utf-8\r\n\r\nHell\xf6\r\n")
    assert render(raw, Edits(signature=PLAIN)).raw == raw


def test_a_part_whose_type_is_given_twice_is_left_alone() -> None:
    raw = _message(b"Content-Type: text/plain\r\nContent-Type: text/html\r\n\r\nHello\r\n")
    assert render(raw, Edits(signature=PLAIN)).raw == raw


def test_a_japanese_body_stays_in_its_charset() -> None:
    body = "こんにちは\r\n".encode("iso-2022-jp")
    raw = _typed(b"text/plain; charset=iso-2022-jp", body, b"7bit")
    assert (
        _signed(raw, SignatureBlock("-- \n東京", "")) == raw + b"\r\n-- \r\n" + "東京".encode("iso-2022-jp") + b"\r\n"
    )


# --- HTML


def test_html_takes_the_html_signature_before_the_body_ends() -> None:
    raw = _message(b"Content-Type: text/html\r\n\r\n<html><body><p>Hi</p></body></html>\r\n")
    out = _signed(raw, RICH)
    assert out.startswith(raw[: raw.index(b"</body>")])
    assert out.endswith(b"<div><p><b>Ana Pop</b></p></div>\r\n</body></html>\r\n")


def test_html_above_the_quote_and_the_rest_untouched() -> None:
    quote = b'<div class="gmail_quote">On 3 Mar<blockquote class="gmail_quote">x</blockquote></div>'
    raw = _message(b"Content-Type: text/html\r\n\r\n<p>Hi</p>" + quote)
    out = _signed(raw, RICH)
    assert out.index(b"Ana Pop") < out.index(b"gmail_quote")
    assert out.endswith(quote)


def test_a_text_signature_is_escaped_in_html() -> None:
    raw = _message(b"Content-Type: text/html\r\n\r\n<p>Hi</p>")
    out = _signed(raw, SignatureBlock("-- \nPop & <Co>", ""))
    assert b"-- <br>\r\nPop &amp; &lt;Co&gt;" in out


def test_html_keeps_seven_bits_by_naming_the_letters() -> None:
    raw = _typed(b"text/html; charset=us-ascii", b"<p>Hi</p>", b"7bit")
    out = _signed(raw, ROMANIAN)
    assert out.startswith(raw)
    assert b"&#536;tefan" in out


def test_an_html_signature_of_one_long_line_does_not_make_a_line_over_998() -> None:
    raw = _typed(b"text/html; charset=utf-8", b"<p>Hi</p>\r\n", b"8bit")
    out = _signed(raw, SignatureBlock("x", "<p>" + "ș" * 2_000 + "</p>"))
    assert longest_line(out) <= 998
    assert "ș" * 2_000 in _text(out, "html")


ALTERNATIVE = _message(
    b'Content-Type: multipart/alternative; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nHi\r\n'
    b"--b\r\nContent-Type: text/html\r\n\r\n<p>Hi</p>\r\n--b--\r\n"
)


def test_an_alternative_gets_it_in_both_parts() -> None:
    out = _signed(ALTERNATIVE, RICH)
    assert "Ana Pop" in _text(out)
    assert "<b>Ana Pop</b>" in _text(out, "html")


def test_only_the_body_is_signed_and_files_are_not() -> None:
    mixed = _message(
        b"Content-Type: multipart/mixed; boundary=m\r\n\r\n"
        b"--m\r\nContent-Type: text/plain; name=notes.txt\r\n\r\nfile\r\n"
        b"--m\r\nContent-Type: multipart/related; boundary=r\r\n\r\n"
        b"--r\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n"
        b"--a\r\n\r\nplain\r\n--a\r\nContent-Type: text/html\r\n\r\n<i>html</i>\r\n--a--\r\n"
        b"--r\r\nContent-Type: image/png\r\nContent-ID: <x>\r\n\r\nimage\r\n--r--\r\n"
        b"--m\r\nContent-Type: text/plain\r\nContent-Disposition: attachment\r\n\r\nattached\r\n"
        b"--m\r\nContent-Type: message/rfc822\r\n\r\nSubject: y\r\n\r\ninner\r\n--m--\r\n"
    )
    out = _signed(mixed, RICH)
    assert out.count(b"Ana Pop") == 2
    for kept in (
        b"\r\n\r\nfile\r\n--m",
        b"\r\n\r\nattached\r\n--m",
        b"Subject: y\r\n\r\ninner\r\n--m--",
        b"\r\n\r\nimage\r\n--r--",
    ):
        assert kept in out


# --- pictures


def _images(raw: bytes) -> list[EmailMessage]:
    return [part for part in _read(raw).walk() if part.get_content_maintype() == "image"]


def test_a_logo_wraps_the_html_part_into_related_in_its_place() -> None:
    out = _signed(ALTERNATIVE, LOGO)
    root = _read(out)
    assert root.get_content_type() == "multipart/alternative"
    plain, related = root.iter_parts()
    assert plain.get_content_type() == "text/plain"
    assert related.get_content_type() == "multipart/related"
    html, image = related.iter_parts()
    content_id = image["Content-ID"].strip("<>")
    assert f'src="cid:{content_id}"' in str(html.get_content())
    assert image.get_content() == LOGO.images[0].content
    assert longest_line(out) <= 998


def test_a_logo_in_a_lone_html_message_changes_content_fields_alone() -> None:
    raw = _message(
        b"Content-Type: text/html; charset=utf-8\r\nX-Last: y\r\n"
        b"Content-Transfer-Encoding: 8bit\r\n\r\n<p>\xc8\x98</p>\r\n"
    )
    out = _signed(raw, LOGO)
    assert out.startswith(HEAD + b"Content-Type: multipart/related;")
    assert Header.read(out).first("X-Last") == b"y"
    assert Header.read(out).first("Content-Transfer-Encoding") == b"8bit"
    assert "<p>Ș</p>" in _text(out, "html")
    assert len(_images(out)) == 1


def test_a_logo_joins_the_images_that_are_there() -> None:
    raw = _message(
        b"Content-Type: multipart/related; boundary=r\r\n\r\n"
        b"--r\r\nContent-Type: text/html\r\n\r\n<img src=cid:own>\r\n"
        b"--r\r\nContent-Type: image/png\r\nContent-ID: <own>\r\n\r\nimage\r\n--r--\r\n"
    )
    out = _signed(raw, LOGO)
    assert out.count(b"multipart/related") == 1
    assert [part["Content-ID"] for part in _images(out)][1] == "<own>"


def test_an_image_that_is_not_shown_is_not_sent_and_plain_mail_gets_none() -> None:
    unused = SignatureBlock("-- \nAna", "<p>Ana</p>", LOGO.images, "5eed")
    assert not _images(_signed(ALTERNATIVE, unused))
    assert not _images(_signed(_message(b"\r\nHi\r\n"), LOGO))


def test_the_boundary_occurs_nowhere_in_the_message() -> None:
    raw = _message(b"Content-Type: text/html\r\n\r\n<p>=_" + LOGO.seed.encode() + b"_0</p>\r\n")
    assert b'boundary="=_' + LOGO.seed.encode() + b'_1"' in _signed(raw, LOGO)


def test_images_without_a_seed_are_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="seed"):
        render(ALTERNATIVE, Edits(signature=SignatureBlock("", LOGO.html, LOGO.images)))


# --- what nobody touches

SEALED = {
    "signed": b"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\nHi  \r\n"
    b"--b\r\nContent-Type: application/pgp-signature\r\n\r\nx\r\n--b--\r\n",
    "encrypted": b"Content-Type: multipart/encrypted; boundary=b\r\n\r\n--b\r\n\r\nVersion: 1\r\n--b--\r\n",
    "smime": b"Content-Type: application/pkcs7-mime; name=smime.p7m\r\n"
    b"Content-Disposition: attachment; filename=smime.p7m\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\nMIIB\r\n",
    "inline pgp": b"\r\n-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA256\r\n\r\nHi\r\n"
    b"-----BEGIN PGP SIGNATURE-----\r\n",
    "inline pgp in base64": b"Content-Transfer-Encoding: base64\r\n\r\n"
    + base64.encodebytes(b"-----BEGIN PGP MESSAGE-----\r\n\r\nx\r\n").replace(b"\n", b"\r\n"),
    "report": b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n\r\nHi\r\n--b--\r\n",
    "invitation": b"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\nHi\r\n"
    b"--b\r\nContent-Type: text/calendar; method=REPLY\r\n\r\nBEGIN:VCALENDAR\r\n--b--\r\n",
    "calendar": b"Content-Type: text/calendar; method=REPLY\r\n\r\nBEGIN:VCALENDAR\r\n",
    "message": b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nHi\r\n",
    "list with signed": b"Content-Type: multipart/mixed; boundary=m\r\n\r\n"
    b"--m\r\nContent-Type: multipart/signed; boundary=b\r\n\r\n"
    b"--b\r\n\r\nHi\r\n--b--\r\n--m\r\n\r\nlist foot\r\n--m--\r\n",
    "pdf alone": b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERg==\r\n",
}  # fmt: skip


@pytest.mark.parametrize("kind", SEALED)
def test_D2_sealed_bodies_leave_byte_for_byte_while_the_header_changes(kind: str) -> None:
    raw = _message(SEALED[kind])
    field = Field.mailboxes("From", [NamedAddress("", Address("s", "firm.example"))])
    rendered = render(raw, Edits(replace=(field,), signature=LOGO))
    assert rendered.raw == raw.replace(b"ana@firm.example", b"s@firm.example", 1)
    assert len(rendered.notes) == 1


def test_a_signed_mail_that_is_attached_does_not_seal_what_carries_it() -> None:
    raw = _message(
        b"Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\n\r\nsee attached\r\n"
        b"--m\r\nContent-Type: application/pkcs7-mime\r\nContent-Disposition: attachment\r\n\r\nx\r\n--m--\r\n"
    )
    assert b"Ana Pop" in _signed(raw, RICH)


def test_new_fields_stand_above_the_mime_block_of_signed_mail() -> None:
    kind = b'MIME-Version: 1.0\r\nContent-Type: multipart/signed; protocol="application/pgp-signature"; boundary=s\r\n'
    body = b"\r\n--s\r\n\r\nHi\r\n--s\r\nContent-Type: application/pgp-signature\r\n\r\nx\r\n--s--\r\n"
    raw = b"From: ana@firm.example\r\n" + kind + b"X-Last: 1\r\n" + body
    date = Field.token("Date", "Tue, 03 Mar 2026 10:00:00 +0000")
    out = render(raw, Edits(default=(date,), signature=SignatureBlock("-- \nAna", "Ana"))).raw
    assert out == b"From: ana@firm.example\r\n" + date.line + kind + b"X-Last: 1\r\n" + body
