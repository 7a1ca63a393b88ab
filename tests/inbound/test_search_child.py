"""What the reading process makes of every real message: words within bounds, faults told and never raised."""

from __future__ import annotations

import json
from functools import partial

import pytest

from gateway.inbound.search_child import read
from gateway.policy.words import words_of
from tests.corpus import corpus_messages, needs_corpus
from tests.cost import within

CPU_PER_MESSAGE = 1.0  # seconds; the slowest takes a tenth of that


@pytest.mark.corpus
@needs_corpus
def test_every_real_message_gives_words_that_are_words() -> None:
    for path in corpus_messages():
        first, *others, last = within(CPU_PER_MESSAGE, partial(read, path.read_bytes()), path)
        letter, faults = first["letter"], last["over"]
        assert isinstance(letter, dict)
        assert isinstance(faults, list)
        assert all("NotRead" in fault for fault in faults), (path, faults)
        for words in (letter["body"], letter["documents"], *(one["words"] for one in others)):
            assert words_of(words) == (words.split(" ") if words else []), path
        json.dumps([first, *others, last])


def test_the_words_of_a_header_that_is_all_there_is_are_found() -> None:
    first, last = read(b"Subject: only this")
    assert isinstance(letter := first["letter"], dict)
    assert (letter["subject"], letter["body"], last) == ("only this", "", {"over": []})
