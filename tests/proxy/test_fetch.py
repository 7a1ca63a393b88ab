"""FETCH: every item, sections by number, partials, and messages within messages."""

from __future__ import annotations

import pytest

from gateway.trial.provider import TrialProvider
from tests.proxy.conftest import AL, LETTER
from tests.proxy.talk import Talk


@pytest.fixture
async def one(provider: TrialProvider, talk: Talk) -> Talk:
    """Give a connection on an INBOX with the letter in it."""
    provider.deliver(AL, LETTER)
    assert (await talk.do("EXAMINE INBOX"))[-1].startswith(b"OK [READ-ONLY]")
    return talk


HEADER, BODY = LETTER[: LETTER.index(b"\r\n\r\n") + 4], LETTER[LETTER.index(b"\r\n\r\n") + 4 :]
SUBJECT = b"Subject: A (small) letter\r\n\r\n"
TEXT_PART = b"first line\r\nsecond line"


@pytest.mark.parametrize(
    ("item", "label", "content"),
    [
        ("BODY.PEEK[]", b"BODY[]", LETTER),
        ("RFC822", b"RFC822", LETTER),
        ("RFC822.HEADER", b"RFC822.HEADER", HEADER),
        ("BODY.PEEK[HEADER]", b"BODY[HEADER]", HEADER),
        ("BODY.PEEK[TEXT]", b"BODY[TEXT]", BODY),
        ("RFC822.TEXT", b"RFC822.TEXT", BODY),
        ("BODY.PEEK[1]", b"BODY[1]", TEXT_PART),
        ("BODY.PEEK[2]", b"BODY[2]", b"JVBERg=="),
        ("BODY.PEEK[1.MIME]", b"BODY[1.MIME]", b"Content-Type: text/plain; charset=utf-8\r\n\r\n"),
        ("BODY.PEEK[]<5.10>", b"BODY[]<5>", LETTER[5:15]),
        ("BODY.PEEK[]<999999.10>", b"BODY[]<999999>", b""),
        (
            "body.peek[header.fields (subject)]",
            b'BODY[HEADER.FIELDS ("subject")]',
            b"Subject: A (small) letter\r\n\r\n",
        ),
    ],
)
async def test_a_section_is_these_octets(one: Talk, item: str, label: bytes, content: bytes) -> None:
    answers = await one.do(f"FETCH 1 {item}")
    assert answers == [b"* 1 FETCH (" + label + b" {%d}\r\n" % len(content) + content + b")", b"OK fetched"]


async def test_header_fields_not_leaves_out_what_is_named(one: Talk) -> None:
    answer = (await one.do('FETCH 1 BODY.PEEK[HEADER.FIELDS.NOT (From To "Cc" Subject Date Message-ID)]'))[0]
    assert b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" in answer
    assert b"Subject" not in answer.partition(b"}")[2]


@pytest.mark.parametrize("section", ["3", "1.1", "2.1", "1.TEXT", "1.HEADER"])
async def test_a_part_that_is_not_there_is_nil(one: Talk, section: str) -> None:
    answers = await one.do(f"FETCH 1 BODY.PEEK[{section}]")
    assert answers == [f"* 1 FETCH (BODY[{section}] NIL)".encode(), b"OK fetched"]


async def test_small_items_are_answered_in_the_order_asked(one: Talk) -> None:
    answer = (await one.do("UID FETCH 1:* (FLAGS RFC822.SIZE UID)"))[0]
    assert answer == b"* 1 FETCH (FLAGS () RFC822.SIZE %d UID 1)" % len(LETTER)


async def test_envelope_keeps_values_as_they_were_written(one: Talk) -> None:
    answer = (await one.do("FETCH 1 ENVELOPE"))[0]
    author = b'(("=?utf-8?q?Al_P=C4=83cino?=" NIL "al" "pacino.example"))'
    assert answer == (
        b'* 1 FETCH (ENVELOPE ("Sun, 22 Nov 2026 10:00:00 +0200" "A (small) letter" '
        + b" ".join([author] * 3)
        + b' ((NIL NIL "support" "firm.example")("Pop, Ana" NIL "ana" "firm.example"))'
        + b' NIL NIL NIL "<1@pacino.example>"))'
    )


async def test_bodystructure_tells_types_sizes_lines_and_names(one: Talk) -> None:
    answer = (await one.do("FETCH 1 BODYSTRUCTURE"))[0]
    assert answer == (
        b'* 1 FETCH (BODYSTRUCTURE (("TEXT" "PLAIN" ("charset" "utf-8") NIL NIL "7BIT" 23 1 NIL NIL NIL NIL)'
        b'("APPLICATION" "PDF" ("name" "a.pdf") NIL NIL "BASE64" 8 NIL '
        b'("attachment" ("filename*" "utf-8\'\'%C4%83.pdf")) NIL NIL)'
        b' "MIXED" ("boundary" "b") NIL NIL NIL))'
    )


async def test_an_enclosed_message_is_numbered_through(provider: TrialProvider, talk: Talk) -> None:
    raw = b"Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: message/rfc822\r\n\r\n" + LETTER
    provider.deliver(AL, raw + b"\r\n--o--\r\n")
    await talk.do("EXAMINE INBOX")
    assert b"BODY[1.1] {23}\r\n" + TEXT_PART in (await talk.do("FETCH 1 BODY.PEEK[1.1]"))[0]
    assert b"BODY[1.HEADER] {%d}\r\n" % len(HEADER) + HEADER in (await talk.do("FETCH 1 BODY.PEEK[1.HEADER]"))[0]
    assert (await talk.do("FETCH 1 BODY.PEEK[1.2.MIME]"))[0].count(b"application/pdf") == 1
    structure = (await talk.do("FETCH 1 BODYSTRUCTURE"))[0]
    assert b'(("MESSAGE" "RFC822" NIL NIL NIL "7BIT" ' in structure
    assert b'"A (small) letter"' in structure


async def test_looking_without_peek_marks_as_seen_and_says_so(provider: TrialProvider, talk: Talk) -> None:
    provider.deliver(AL, LETTER)
    await talk.do("SELECT INBOX")
    assert b"FLAGS" not in (await talk.do("FETCH 1 BODY.PEEK[1]"))[0]
    assert (await talk.do("FETCH 1 BODY[1]"))[0].endswith(b" FLAGS (\\Seen))")
    assert provider.account(AL).folders["INBOX"].messages[0].flags == {"\\Seen"}


async def test_examine_marks_nothing(provider: TrialProvider, one: Talk) -> None:
    await one.do("FETCH 1 BODY[]")
    assert not provider.account(AL).folders["INBOX"].messages[0].flags


@pytest.mark.parametrize(
    "command",
    [
        "FETCH 2 UID",
        "FETCH 1 NONSENSE",
        "FETCH 1 ()",
        "FETCH 1 (UID",
        "FETCH 1 BODY[",
        "FETCH 1 BODY[MIME]",
        "FETCH 1 BODY[]<0.0>",
        "FETCH 1 BODY[0]",
        "FETCH 1 BODY[HEADER.FIELDS ()]",
        "FETCH 1 UID UID",
        "FETCH 0 UID",
        "FETCH",
    ],
)
async def test_a_fetch_that_is_none_is_bad(one: Talk, command: str) -> None:
    assert (await one.do(command))[-1].startswith(b"BAD ")
    assert (await one.do("NOOP"))[-1].startswith(b"OK ")


async def test_D3_fetching_a_uid_that_is_gone_answers_ok_without_it(one: Talk) -> None:
    assert await one.do("UID FETCH 17 UID") == [b"OK fetched"]


async def test_D3_what_another_expunged_is_told_when_that_is_allowed(provider: TrialProvider, one: Talk) -> None:
    provider.deliver(AL, LETTER)
    await one.do("NOOP")
    provider.account(AL).folders["INBOX"].remove(1)
    answers = await one.do("FETCH 1:2 BODY.PEEK[1]")
    assert answers[-1].startswith(b"NO [EXPUNGEISSUED]")
    assert [answer[:9] for answer in answers[:-1]] == [b"* 2 FETCH"]
    assert await one.do("NOOP") == [b"* 1 EXPUNGE", b"OK nothing done"]
