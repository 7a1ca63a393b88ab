"""Rows P1 to P3, B1, B3 and D2 of hostile.md: what authors and their programs may try, and what must not leave."""

from __future__ import annotations

import base64
import email
import re
from dataclasses import replace
from email import header as header_words
from email import policy
from email.utils import getaddresses
from pathlib import Path

import pytest

from gateway.domain.errors import Refusal
from gateway.domain.firm import Member, Role, Rule, Signature
from tests.mime.independent import body_of, header_of, read
from tests.rig import SUPPORT, Rig, letter, rig

BANK = "ceo@bank.example"
_B64 = base64.b64encode(f"<{BANK}>".encode()).decode()
_B64_BARE = base64.b64encode(BANK.encode()).decode()
_DOUBLE = base64.b64encode(f"=?utf-8?b?{_B64_BARE}?=".encode()).decode()

SPOOFS = [  # header blocks; all but the last lines of each are the trick
    f"From: {BANK}",
    f"From: {SUPPORT}\r\nFrom: {BANK}",
    f"From: {BANK}\r\nFrom: {SUPPORT}",
    f"From: {SUPPORT}\r\nfrom: {BANK}",
    f"From: {SUPPORT}\r\nFROM : {BANK}",
    f"From : {SUPPORT}",
    f"From\t: {BANK}\r\nFrom: {SUPPORT}",
    f" From: {BANK}\r\nFrom: {SUPPORT}",
    f"\tFrom: {BANK}\r\nFrom: {SUPPORT}",
    f"From\r\n : {SUPPORT}",
    f"From\r\n : {BANK}\r\nFrom: {SUPPORT}",
    f"From:\r\n {BANK}\r\nFrom: {SUPPORT}",
    f"From: {SUPPORT}, {BANK}",
    f"From: {SUPPORT}\r\n\t, {BANK}",
    f"From: {BANK}, {SUPPORT}\r\nSender: {SUPPORT}",
    f"From: team: {SUPPORT};",
    f"From: team: {BANK}, {SUPPORT};",
    f"From: team:;, {SUPPORT}",
    f"From: <@h:{SUPPORT}>",
    f"From: <@{BANK},@any.example:{SUPPORT}>",
    f'From: "{BANK}" <{SUPPORT}>',
    f'From: "{BANK} via us" <{SUPPORT}>',
    f"From: '{BANK}' <{SUPPORT}>",
    f"From: {BANK} <{SUPPORT}>",
    f'From: "<{BANK}>" <{SUPPORT}>',
    f'From: "{BANK}\\0" <{SUPPORT}>',
    f'From: "ceo @ bank.example" <{SUPPORT}>',
    f'From: "ceo＠bank.example" <{SUPPORT}>',
    f'From: "ceo﹫bank．example" <{SUPPORT}>',
    f'From: "\u202eelpmaxe.knab@oec" <{SUPPORT}>',
    f'From: "c\u200beo@bank.ex\u200bample" <{SUPPORT}>',
    f"From: =?utf-8?b?{_B64}?= <{SUPPORT}>",
    f"From: =?utf-8?b?{_B64_BARE}?= <{SUPPORT}>",
    f"From: =?utf-8?b?{_DOUBLE}?= <{SUPPORT}>",
    f"From: =?utf-8?b?{_B64}?=,<{SUPPORT}>",
    f"From: =?utf-8?q?ceo=40bank=2Eexample?= <{SUPPORT}>",
    f"From: =?utf-8?q?ceo?= =?utf-8?q?=40bank=2Eexample?= <{SUPPORT}>",
    f"From: =?utf-16be?b?{base64.b64encode(BANK.encode('utf-16be')).decode()}?= <{SUPPORT}>",
    f"From: <{SUPPORT}>{BANK}",
    f"From: <{SUPPORT}><{BANK}>",
    f"From: <{BANK}><{SUPPORT}>",
    f"From: <{SUPPORT}> <{BANK}>",
    f"From: {BANK}\\,<{SUPPORT}>",
    f"From: {BANK},<{SUPPORT}>",
    f"From: {BANK};<{SUPPORT}>",
    f"From: {SUPPORT}\0{BANK}",
    f"From: {BANK}\0<{SUPPORT}>",
    f"From: {SUPPORT}({BANK})\r\nFrom: x",
    f"From: {SUPPORT}(<{BANK}>)",
    f"From: ({BANK}) {SUPPORT}",
    f"From: {SUPPORT} ({BANK})",
    "From: support@firm.example(x).bank.example",
    "From: support@firm.example .bank.example",
    "From: support@firm.example@bank.example",
    'From: "support@firm.example"@bank.example',
    "From: support%bank.example@firm.example",
    f"From: @bank.example,{SUPPORT}",
    f"From: {SUPPORT}\r\nnot a field\r\nFrom: {BANK}",
    f"not a field\r\nFrom: {SUPPORT}",
    f"From: {SUPPORT}\rFrom: {BANK}",
    f"From: {SUPPORT}\r\nResent-From: {BANK}",
    f"From: {SUPPORT}\r\nResent-Sender: {BANK}",
    "From:",
    "From: ;",
    "From: <>",
    "Subject: no author at all",
]
HONEST = [  # odd, and yet with one reading
    f"From: {SUPPORT}",
    f"from:{SUPPORT}",
    f"FROM:   <{SUPPORT}>  ",
    f"From: Ana Pop <{SUPPORT}>",
    f"From:\r\n Ana Pop\r\n <{SUPPORT}>",
    f'From: "Pop, Ana" <{SUPPORT}>',
    f'From: "Ana \\"P\\" Pop" <{SUPPORT}>',
    f"From: Ana M. Pop <{SUPPORT}>",
    f'From: "{SUPPORT}" <{SUPPORT}>',
    f"From: {SUPPORT} <{SUPPORT}>",
    f"From: =?utf-8?q?J=C3=B6rg?= <{SUPPORT}>",
    f"From: Ana Pop <{SUPPORT}> (on leave)",
    f"From: {SUPPORT} (Ana Pop)",
    f'From: "Ana @ work" <{SUPPORT}>',
    "From: <SUPPORT@FIRM.example>",
    f"X-From: {BANK}\r\nFrom: {SUPPORT}",
    f"Subject: From: {BANK}\r\n From: {BANK}\r\nFrom: {SUPPORT}",
]


def mail(block: str, body: str = "Dear Al,\r\nit is done.\r\n") -> bytes:
    return f"{block}\r\nTo: al@pacino.example\r\n\r\n{body}".encode()


async def sent(r: Rig, raw: bytes) -> bytes | str:
    """The bytes that are relayed, or why they are not."""
    try:
        entry = await r.accepted(raw)
    except Refusal as refusal:
        return refusal.sentence
    return await r.store.bodies.get(entry.sha256)


def authors(raw: bytes) -> list[str]:
    """Every address that any reader may take for the author's: by our second reader, and by Python's `email`."""
    mine = [field for field in read(raw).fields if field.partition(b":")[0].strip().lower() == b"from"]
    theirs = email.message_from_bytes(raw, policy=policy.compat32).get_all("From", [])
    found = [address for _, address in getaddresses([str(value) for value in theirs])]
    shown = [word for field in mine for word in re.findall(r"[^\s<>\",;:()]+@[^\s<>\",;:()]+", field.decode())]
    return sorted({*found, *shown} - {""})  # an older `email` reads an address in the place of a name as none


async def test_P1_P2_no_spelling_of_another_author_leaves(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        left = {block: out for block in SPOOFS if isinstance(out := await sent(r, mail(block)), bytes)}
        assert {block: authors(out) for block, out in left.items()} == {}
        assert await r.store.queue.list() == []


async def test_P2_what_has_one_reading_leaves_with_one_author(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        for block in HONEST:
            out = await sent(r, mail(block))
            assert isinstance(out, bytes), f"{block!r}: {out}"
            assert [each.casefold() for each in authors(out)] in ([SUPPORT], [SUPPORT, SUPPORT]), block
            assert out.lower().count(b"\nfrom:") == 1, block


NAMES = [
    "Ana\r\nBcc: hidden@else.example",
    "Ana\nBcc: hidden@else.example",
    "Ana\rBcc: hidden@else.example",
    "Ana\u2028Bcc: hidden@else.example",
    "Ana\u2029Bcc: hidden@else.example",
    "Ana\x85Bcc: hidden@else.example",
    "Ana\x0bBcc: hidden@else.example",
    "Ana\r\n\r\nDear victim",
    "Ana\r\n--b\r\nContent-Type: text/html\r\n\r\nhidden@else.example",
    "Ștefan 太郎",
    "=?utf-8?q?Bcc=3A?=",
    "Ana\u202e\u200b",
    'Ana" <x>',
    "x" * 10_000,
    "Žluť " * 2_000,
]


def _member(name: str) -> tuple[Member, ...]:
    return (Member("ana", name, Role.OWNER), Member("ion", "Ion Pop"))


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
async def test_P3_no_name_of_the_firm_makes_a_new_line_of_the_header(tmp_path: Path, name: str) -> None:
    signature = Signature("support", "-- \n{{ member.name }}", "<p>{{ member.name }}, {{ firm.name }}</p>")
    rule = Rule("shown", display_name="{{ member.name }} of {{ firm.name }}", sender=True)
    given = {"members": _member(name), "name": name, "signatures": (signature,), "rules": (rule,)}
    raw = letter().replace(b"text/plain; charset=utf-8", b"multipart/mixed; boundary=b")
    raw += b"--b\r\n\r\nDear Al\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>Dear</p>\r\n--b--\r\n"
    async with rig(tmp_path, **given) as r:
        out = await sent(r, raw)
    assert isinstance(out, bytes)
    names = [field.partition(b":")[0].decode() for field in read(out).fields]
    expected = {"Received", "From", "Sender", "To", "Subject", "MIME-Version", "Content-Type", "Date", "Message-ID"}
    assert sorted(names) == sorted(expected)
    header = header_of(out, read(out))
    assert header.isascii()
    assert max(map(len, header.split(b"\r\n"))) <= 998
    assert len(read(out).children) == 2


FOREIGN = [
    'Subject: "x\u2028Bcc: hidden@else.example"',
    "Subject: " + "x" * 10_000,
    "Subject: =?utf-8?q?x=0D=0ABcc=3A_hidden=40else.example?=",
    "X-Any: =?utf-8?b?DQpCY2M6IGhpZGRlbkBlbHNlLmV4YW1wbGU=?=",
    'Content-Disposition: attachment; filename="a\u2028Bcc: hidden@else.example"',
    "Content-Disposition: attachment; filename*=utf-8''a%0D%0ABcc%3A%20hidden%40else.example",
]


@pytest.mark.parametrize("line", FOREIGN, ids=range(len(FOREIGN)))
async def test_P3_no_field_of_the_author_becomes_another(tmp_path: Path, line: str) -> None:
    async with rig(tmp_path) as r:
        raw = mail(f"From: {SUPPORT}\r\n{line}")
        out = await sent(r, raw)
    assert isinstance(out, bytes)
    assert line.encode() + b"\r\n" in out
    names = [field.partition(b":")[0].strip().lower() for field in read(out).fields]
    assert b"bcc" not in names
    assert set(names) - {field.partition(b":")[0].strip().lower() for field in read(raw).fields} <= {
        *(b"received", b"date", b"message-id", b"mime-version", b"content-type", b"content-transfer-encoding")
    }


BCC = [
    "Bcc: hidden@else.example",
    "bcc: hidden@else.example",
    "BCC:hidden@else.example",
    "Bcc : hidden@else.example",
    "Bcc\t: hidden@else.example",
    "Bcc:\r\n hidden@else.example",
    "Bcc: other@else.example,\r\n\thidden@else.example",
    "Bcc: Hidden Person <hidden@else.example>,\r\n =?utf-8?q?H?= <hidden@else.example>",
    "Bcc: hidden@else.example\r\nBcc: hidden@else.example",
    "Bcc: hidden@else.example\r\nSubject: between\r\nbCC: hidden@else.example",
    "Resent-Bcc: hidden@else.example",
    "resent-bcc : hidden@else.example",
    "Bcc: undisclosed: hidden@else.example;",
    "Bcc: " + "hidden@else.example, " * 3_000 + "x@else.example",
    "Bcc: <hidden@else.example",
    "Bcc:",
]
FORWARDED = b"From: c@d.example\r\nBcc: known@else.example\r\nX-Postern-Rule: theirs\r\nSubject: old\r\n\r\nold\r\n"


async def test_B1_no_spelling_of_bcc_leaves_and_attached_messages_keep_theirs(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        for block in BCC:
            raw = (
                f"{block}\r\nFrom: {SUPPORT}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
                "--b\r\n\r\nHello\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
            ).encode() + FORWARDED
            out = await sent(r, raw + b"\r\n--b--\r\n")
            assert isinstance(out, bytes), f"{block[:60]!r}: {out}"
            assert b"hidden@" not in out, block[:60]
            names = {field.partition(b":")[0].strip().lower() for field in read(out).fields}
            assert not names & {b"bcc", b"resent-bcc"}, block[:60]
            assert body_of(out, read(out).children[1]) == FORWARDED, block[:60]


async def test_B1_a_bcc_behind_the_header_is_text(tmp_path: Path) -> None:
    body = "Bcc: hidden@else.example\r\nis what I wrote.\r\n"
    async with rig(tmp_path) as r:
        out = await sent(r, mail(f"From: {SUPPORT}", body))
    assert isinstance(out, bytes)
    assert body.encode() in out


CONTROL = [
    "X-Postern-Rule: inner",
    "X-Postern-Member: inner",
    "x-postern-client-id: inner",
    "X-POSTERN-ANYTHING-ELSE:\r\n inner",
    "X-Postern-Rule : inner",
    "X-Postern-Rule: inner\r\nX-Postern-Rule: inner",
    "X-Postern-: inner",
]


async def test_B3_nothing_of_the_house_leaves(tmp_path: Path) -> None:
    login = "login-of-ana-7781"
    member = Member(login, "Ana Pop", Role.OWNER, password_hash="$argon2id$inner")
    async with rig(tmp_path) as r:
        boxes = tuple(replace(each, members=(login, *each.members)) for each in r.firm.mailboxes)
        r.firm = replace(r.firm, members=(member, *r.firm.members), mailboxes=boxes)
        for block in CONTROL:
            queue_id = await r.acceptance(r.submission(letter(extra=block), login=login))
            out = await r.store.bodies.get((await r.store.queue.get(queue_id)).sha256)
            assert not re.search(rb"(?im)^x-postern", out), block
            for word in (b"inner", b"192.0.2.7", login.encode(), str(tmp_path).encode(), b"archive@", b"argon2"):
                assert word not in out, (block, word)


_PGP = "-----BEGIN PGP MESSAGE-----\r\n\r\nhQEMA\r\n-----END PGP MESSAGE-----\r\n"
_CLEAR = (
    "-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA256\r\n\r\n- -- \r\nit is done\r\n"
    "-----BEGIN PGP SIGNATURE-----\r\n\r\niQ\r\n-----END PGP SIGNATURE-----\r\n"
)
_SIGNED = (
    "--s\r\nContent-Type: text/plain\r\n\r\nit is done \r\n--s\r\n"
    "Content-Type: application/pgp-signature\r\n\r\niQ\r\n--s--\r\n"
)
SEALED = {
    "PGP/MIME": ('multipart/signed; boundary=s; protocol="application/pgp-signature"', _SIGNED),
    "S/MIME, detached": ('multipart/signed; boundary=s; protocol="application/pkcs7-signature"', _SIGNED),
    "S/MIME, opaque": ("application/pkcs7-mime; smime-type=signed-data; name=smime.p7m", "MIIB\r\n"),
    "S/MIME of old": ("application/x-pkcs7-mime; name=smime.p7m", "MIIB\r\n"),
    "S/MIME, by its name": ("application/octet-stream; name=smime.p7m", "MIIB\r\n"),
    "PGP/MIME, encrypted": (
        'multipart/encrypted; boundary=s; protocol="application/pgp-encrypted"',
        f"--s\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n--s\r\n\r\n{_PGP}--s--\r\n",
    ),
    "inline PGP, encrypted": ("text/plain", _PGP),
    "inline PGP, signed": ("text/plain; charset=utf-8", _CLEAR),
    "inline PGP behind a greeting": ("text/plain", "Dear Al,\r\n" + _CLEAR),
    "inline PGP in an alternative": (
        "multipart/alternative; boundary=a",
        f"--a\r\n\r\n{_CLEAR}--a\r\nContent-Type: text/html\r\n\r\n<p>x</p>\r\n--a--\r\n",
    ),
    "signed, with a list's foot": (
        "multipart/mixed; boundary=m",
        f"--m\r\nContent-Type: multipart/signed; boundary=s\r\n\r\n{_SIGNED}\r\n--m\r\n\r\nfoot\r\n--m--\r\n",
    ),
    "signed, behind a text": (
        "multipart/mixed; boundary=m",
        f"--m\r\n\r\nhead\r\n--m\r\nContent-Type: multipart/signed; boundary=s\r\n\r\n{_SIGNED}\r\n--m--\r\n",
    ),
    "signed, in an alternative": (
        "multipart/alternative; boundary=m",
        f"--m\r\n\r\nx\r\n--m\r\nContent-Type: multipart/signed; boundary=s\r\n\r\n{_SIGNED}\r\n--m--\r\n",
    ),
}


@pytest.mark.parametrize("kind", SEALED)
async def test_D2_what_is_signed_or_encrypted_keeps_its_body(tmp_path: Path, kind: str) -> None:
    content_type, body = SEALED[kind]
    raw = mail(f"From: {SUPPORT}\r\nMIME-Version: 1.0\r\nContent-Type: {content_type}", body)
    async with rig(tmp_path) as r:
        out = await sent(r, raw)
    assert isinstance(out, bytes)
    assert out.endswith(b"\r\n\r\n" + body.encode())
    assert f"Content-Type: {content_type}\r\n".encode() in header_of(out, read(out))


async def test_D2_a_signed_message_that_is_attached_leaves_the_letter_its_signature(tmp_path: Path) -> None:
    body = (
        "--m\r\n\r\nSee what he signed.\r\n--m\r\nContent-Type: message/rfc822\r\n\r\nFrom: c@d.example\r\n"
        f"Content-Type: multipart/signed; boundary=s\r\n\r\n{_SIGNED}\r\n--m--\r\n"
    )
    raw = mail(f"From: {SUPPORT}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=m", body)
    async with rig(tmp_path) as r:
        out = await sent(r, raw)
    assert isinstance(out, bytes)
    assert b"-- \r\nAna Pop" in out
    assert _SIGNED.encode() in out


@pytest.mark.parametrize(
    "author", ['"René Pop"', "René Pop", '"Ren\udce9 Pop"'], ids=["quoted", "bare", "windows-1252"]
)
async def test_P3_an_eight_bit_name_in_from_leaves_encoded(tmp_path: Path, author: str) -> None:
    raw = f"From: {author} <{SUPPORT}>\r\nTo: al@pacino.example\r\n\r\nHello\r\n".encode("utf-8", "surrogateescape")
    async with rig(tmp_path) as r:
        out = await sent(r, raw)
    assert isinstance(out, bytes)
    (line,) = [field for field in read(out).fields if field.lower().startswith(b"from:")]
    assert line.isascii()
    assert str(header_words.make_header(header_words.decode_header(line.decode()[6:].strip()))).startswith("René Pop")
