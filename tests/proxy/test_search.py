"""SEARCH: every kind of key, combined as deep as is allowed, and no deeper."""

from __future__ import annotations

import pytest

from gateway.trial.provider import TrialProvider
from tests.proxy.conftest import AL, LETTER
from tests.proxy.talk import Talk

OTHER = (
    b"From: ana@firm.example\r\nTo: al@pacino.example\r\nBcc: x@y.example\r\nSubject: =?utf-8?b?xINzdGE=?=\r\n"
    b"Date: Mon, 23 Nov 2026 10:00:00 +0200\r\n\r\nPlease pay.\r\n"
)


@pytest.fixture
async def two(provider: TrialProvider, talk: Talk) -> Talk:
    """Give an INBOX with UIDs 1 (the letter), 3 (seen, flagged) and 4 (the letter, deleted)."""
    folder = provider.account(AL).folders["INBOX"]
    folder.deliver(LETTER)
    folder.deliver(LETTER)
    folder.deliver(OTHER, ["\\Seen", "\\Flagged", "$Forwarded"])
    folder.deliver(LETTER, ["\\Deleted"])
    folder.remove(2)
    await talk.do("SELECT INBOX")
    return talk


@pytest.mark.parametrize(
    ("keys", "numbers"),
    [
        ("ALL", "1 2 3"),
        ("2:*", "2 3"),
        ("UID 3:4", "2 3"),
        ("UID 2", ""),
        ("SEEN", "2"),
        ("UNSEEN", "1 3"),
        ("DELETED", "3"),
        ("UNDELETED FLAGGED", "2"),
        ("NEW", ""),
        ("OLD", "1 2 3"),
        ("KEYWORD $Forwarded", "2"),
        ("UNKEYWORD $Forwarded", "1 3"),
        ("FROM pacino", "1 3"),
        ('FROM "AL PĂCINO"', "1 3"),
        ("TO AL@", "2"),
        ("BCC y.example", "2"),
        ('CC ""', "1 3"),
        ('SUBJECT "ăsta"', "2"),
        ("SUBJECT {6+}\r\nletter", "1 3"),
        ("HEADER Message-ID <1@pacino.example>", "1 3"),
        ('HEADER X-None ""', ""),
        ("BODY pay", "2"),
        ("TEXT small", "1 3"),
        ("SENTON 23-Nov-2026", "2"),
        ("SENTBEFORE 23-Nov-2026", "1 3"),
        ("SENTSINCE 24-Nov-2026", ""),
        ("SINCE 1-Jan-2026", "1 2 3"),
        ('BEFORE "1-Jan-2026"', ""),
        ("LARGER 300", "1 3"),
        ("SMALLER 300", "2"),
        ("NOT SEEN", "1 3"),
        ("NOT NOT SEEN", "2"),
        ("OR SEEN DELETED", "2 3"),
        ("OR OR SEEN DELETED UID 1", "1 2 3"),
        ("OR NOT SEEN (SEEN FLAGGED)", "1 2 3"),
        ("(UNSEEN (NOT DELETED))", "1"),
        ("not (or seen deleted) all", "1"),
        ("CHARSET UTF-8 SEEN", "2"),
    ],
)
async def test_a_search_finds(two: Talk, keys: str, numbers: str) -> None:
    answers = await two.do(f"SEARCH {keys}")
    assert answers == [f"* SEARCH {numbers}".rstrip().encode(), b"OK searched"]


async def test_uid_search_answers_with_uids(two: Talk) -> None:
    assert (await two.do("UID SEARCH 2:3"))[0] == b"* SEARCH 3 4"


@pytest.mark.parametrize(
    "keys",
    ["", "NONSENSE", "FROM", "OR SEEN", "NOT", "(SEEN", "SEEN)", "()", "SINCE 30-Feb-2026", "SINCE x", "LARGER x"],
)
async def test_a_search_that_is_none_is_bad(two: Talk, keys: str) -> None:
    assert (await two.do(f"SEARCH {keys}"))[-1].startswith(b"BAD ")


async def test_an_unknown_charset_is_named(two: Talk) -> None:
    assert (await two.do("SEARCH CHARSET KOI8-R SEEN"))[-1].startswith(b"NO [BADCHARSET (")


@pytest.mark.parametrize("keys", ["(" * 20_000, "NOT " * 10_000 + "SEEN", "OR " * 20_000, "ALL " * 10_000 + "ALL"])
async def test_D4_a_search_without_end_is_bad_and_ends(two: Talk, keys: str) -> None:
    assert (await two.do(f"SEARCH {keys}"))[-1].startswith(b"BAD ")
    assert (await two.do("NOOP"))[-1].startswith(b"OK ")
