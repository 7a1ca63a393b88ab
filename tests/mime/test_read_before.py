"""A header that is known already says what it says when it is read for the first time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.mime.facts import correspondents, facts, tags
from gateway.mime.read_before import LARGEST, read_before
from tests.corpus import canonical, corpus_messages, needs_corpus

HEAD = b"From: Ana <ana@firm.example>\r\nTo: al@pacino.example\r\nSubject: [C042] Your return\r\n"
WORDS = st.lists(st.sampled_from([HEAD, b"\r\n", b"\n", b"\r", b"\0", b": ", b"From: x@y.example", b"a"]), max_size=12)


def says_the_same(raw: bytes) -> None:
    known = read_before(raw)
    assert known.facts == facts(raw)
    assert known.people == correspondents(raw)
    assert known.tags == tags(known.facts.subject)
    assert known.header.raw == raw[: len(known.header.raw)]


@given(WORDS.map(b"".join))
def test_it_says_what_the_message_says_however_it_is_broken(raw: bytes) -> None:
    says_the_same(raw)


@needs_corpus
def test_real_messages_say_the_same() -> None:
    for path in corpus_messages():
        raw = path.read_bytes()
        says_the_same(raw)
        says_the_same(canonical(raw))


def test_the_same_octets_are_read_once_whatever_follows_them() -> None:
    known = read_before(HEAD + b"\r\nDear Al\r\n")
    assert read_before(HEAD + b"\r\n") is known
    assert read_before(HEAD + b"X-Other: yes\r\n\r\n") is not known


def test_a_large_header_is_not_kept() -> None:
    large = HEAD + b"X-Long: " + b"x" * LARGEST + b"\r\n\r\n"
    assert read_before(large) is not read_before(large)
    says_the_same(large)
