"""Every real message with every kind of signature and up to two blind copies, judged by a reader that did not do it."""

from __future__ import annotations

import pytest

from tests.corpus import CORPUS, needs_corpus
from tests.mime.every import KINDS, listed, tried

pytestmark = [pytest.mark.corpus, needs_corpus]


@pytest.mark.parametrize("kind", KINDS)
def test_every_sound_message_leaves_with_its_parts_as_they_came(kind: str) -> None:
    rows = tried(listed(CORPUS, malformed=False), kind)
    assert [row.changed for row in rows] == [[], [], []]
    assert [row.worse for row in rows] == [[], [], []]
    assert all(row.accepted > 690 and row.parts > 340 for row in rows)
    assert all(row.signed == 0 if kind == "none" else row.signed > 460 for row in rows)
    assert rows[0] == rows[1] == rows[2]


@pytest.mark.parametrize("kind", KINDS)
def test_no_malformed_message_is_made_worse(kind: str) -> None:
    messages = listed(CORPUS, malformed=True)
    rows = tried(messages, kind)
    assert [row.changed for row in rows] == [[], [], []]
    assert [row.worse for row in rows] == [[], [], []]
    assert all(row.accepted + row.refused.total() == len(messages) > 50 for row in rows)
