"""What acceptance writes by itself: the trace, the moment, and marks that nobody guesses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime, parsedate_to_datetime

import pytest

from gateway.mime.header import Header
from gateway.outbound.compose import Stamp, received, written_date
from gateway.outbound.queue_id import new_marks, new_queue_id
from tests.policy.firms import submission

AT = datetime(2026, 3, 3, 10, 0, 59, 999_999, tzinfo=UTC)


def test_a_moment_is_written_in_its_own_zone_in_whole_seconds() -> None:
    for hours in (0, 2, -5, 0):  # one after the other: what is remembered of one zone is none of another's
        at = AT.astimezone(timezone(timedelta(hours=hours)))
        assert written_date(at) == format_datetime(at)
        assert parsedate_to_datetime(written_date(at)) == AT.replace(microsecond=0)


@pytest.mark.parametrize("hostname", ["a.example", f"{'very-' * 9}long.example"])
def test_the_trace_names_each_message_by_its_own_id(hostname: str) -> None:
    for queue_id in ("ABCDEFGHJKLM", "23456789ABCD"):
        line = received(submission(), Stamp(queue_id, "0" * 32, hostname, AT)).line
        header = Header.read(line + b"\r\n")
        text = f"by {hostname} (Postern) with ESMTPA id {queue_id}; {written_date(AT)}"
        assert " ".join(header.text("Received").split()) == text
        assert max(map(len, line.split(b"\r\n"))) <= 78


def test_marks_are_others_each_time() -> None:
    marks = [new_marks() for _ in range(1000)]
    ids, seeds = zip(*marks, strict=True)
    assert len({*ids, *seeds, *(new_queue_id() for _ in range(1000))}) == 3000
    assert {len(one) for one in ids} == {12}
    assert set("".join(ids)) == set("23456789ABCDEFGHJKLMNPQRSTUVWXYZ")
    assert {len(one) for one in seeds} == {32}
    assert set("".join(seeds)) == set("0123456789abcdef")
