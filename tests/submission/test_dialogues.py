"""Every dialogue of the folder, played over a real socket; what was accepted is checked where that is the point."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.submission.dialogue import play, unescape
from tests.submission.house import house

FOLDER = Path(__file__).parent / "dialogues"
ACCEPTED = {"ordinary": [b"Subject: one\r\n\r\n.two\r\n", b""]}  # all others: nothing


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.txt")))
async def test_dialogue(name: str) -> None:
    text = (FOLDER / f"{name}.txt").read_text()
    async with house() as found:
        await play(text, found.port)
        assert [submission.raw for submission in found.accepted] == ACCEPTED.get(name, [])


async def test_a_dialogue_that_goes_another_way_fails() -> None:
    async with house() as found:
        with pytest.raises(AssertionError, match="line 2"):
            await play("C: NOOP\nS: 999 .*", found.port)


def test_the_readers_escapes() -> None:
    assert unescape(r"a\r\n\0\x16\\b") == b"a\r\n\0\x16\\b\r\n"
    assert unescape("x\\") == b"x"
