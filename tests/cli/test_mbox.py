"""mboxrd: what is written is read back octet by octet, and what others wrote is read as well as can be."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.cli import mbox

NOW = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)
LINES = st.sampled_from(
    [
        *(b"From ", b">From x\n", b">>From \r\n", b"From a Sat Mar 14 09:26:53 2026\n", b"\n", b"\r\n", b"text\r\n"),
        *(b"\xff\0", b">", b"From postern-export\n", b"end without line end", b"From: x\r\n", b" From x\n"),
    ]
)


def written(folder: Path, *messages: bytes) -> Path:
    target, source = folder / "out.mbox", folder / "one.eml"
    with target.open("w+b") as file:
        for raw in messages:
            source.write_bytes(raw)
            mbox.write(file, source, NOW)
    return target


def read(path: Path, largest: int = 10_000) -> list[bytes | int]:
    with path.open("rb") as file:
        return list(mbox.messages(file, largest))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(st.lists(st.lists(LINES, max_size=8).map(b"".join), max_size=4))
def test_every_message_comes_back_as_it_was(tmp_path: Path, messages: list[bytes]) -> None:
    assert read(written(tmp_path, *messages)) == messages


def test_lines_that_would_begin_a_message_are_quoted(tmp_path: Path) -> None:
    content = written(tmp_path, b"Subject: x\r\n\r\nFrom here on\r\n>From there\r\n").read_bytes()
    first, _, rest = content.partition(b"\n")
    assert first == b"From postern-export Sat Mar 14 09:26:53 2026"
    assert rest == b"Subject: x\r\n\r\n>From here on\r\n>>From there\r\n\n"


GARBAGE = b"garbage\n\nFrom a@b.example Sat Mar 14 09:26:53 2026\nSubject: 1\n\none\n"
CRLF = b"\r\n".join(
    (
        *(b"From - Sat, 14 Mar 2026 09:26:53", b"Subject: 1", b"", b"From the start", b""),
        *(b"From a b c Sat Mar 14 09:26:53 2026", b"Subject: 2", b"", b""),
    )
)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (b"garbage\nwithout a beginning\n", []),
        (GARBAGE + b"\n", [b"Subject: 1\n\none\n"]),
        (CRLF, [b"Subject: 1\r\n\r\nFrom the start\r\n", b"Subject: 2\r\n"]),
    ],
)
def test_what_others_wrote_is_read(tmp_path: Path, content: bytes, expected: list[bytes]) -> None:
    path = tmp_path / "other.mbox"
    path.write_bytes(content)
    assert read(path) == expected


def test_a_message_too_large_is_told_by_its_size(tmp_path: Path) -> None:
    assert read(written(tmp_path, b"x" * 20_000, b"small"), 10_000) == [20_000, b"small"]
