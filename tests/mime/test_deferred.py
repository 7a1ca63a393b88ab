"""When a message says that it is to leave: one moment, or a refusal; never now by mistake."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.errors import BadMessage
from gateway.mime.deferred import deferred_until
from gateway.mime.header import Header

WANTED = datetime(2026, 12, 1, 6, 0, tzinfo=UTC)


def said(*values: str) -> datetime | None:
    lines = "".join(f"Deferred-Delivery: {value}\r\n" for value in values)
    return deferred_until(Header.read(f"From: a@b.example\r\n{lines}\r\nbody".encode()))


def test_a_message_that_does_not_say_leaves_now() -> None:
    assert said() is None


@pytest.mark.parametrize(
    "value",
    [
        "Tue, 1 Dec 2026 08:00:00 +0200",
        "Tue, 01 Dec 2026 06:00:00 GMT",
        "1 Dec 2026 06:00 +0000",
        "tue, 1 dec 2026 06:00:00 -0000",
        "Tue, 1 Dec 2026 01:00:00 EST",
        "Tue, 1 Dec 2026 06:00:00 +0000 (UTC)",
        "Tue,\r\n 1 Dec 2026\r\n\t08:00:00 +0200",
        "Tue , 1 Dec 2026 8 : 00 : 00 +0200",
    ],
)
def test_a_date_is_read_as_rfc_5322_writes_it(value: str) -> None:
    found = said(value)
    assert found == WANTED
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    "value",
    [
        "",
        "tomorrow",
        "Tue, 1 Dec 2026 08:00:00",
        "Tue, 1 Dec 26 08:00:00 +0200",
        "Wed, 1 Dec 2026 08:00:00 +0200",
        "Tue, 31 Feb 2026 08:00:00 +0200",
        "Tue, 1 Dec 2026 25:00:00 +0200",
        "Tue, 1 Dec 2026 08:00:00 +0260",
        "Tue, 1 Dec 2026 08:00:00 +2400",
        "Tue, 1 Dec 2026 08:00:00 EET",
        "Tue, 1 Dec 2026 08:00:00 A",
        "Fri, 31 Dec 9999 23:59:59 -0100",
        "2026-12-01T08:00:00Z",
        "Tue, 1 Dec 2026 08:00:00 +0200 (" + "x" * 300 + ")",
        "Tue, ١ Dec 2026 08:00:00 +0200",
    ],
)
def test_a_date_that_can_not_be_read_is_refused_with_a_sentence(value: str) -> None:
    with pytest.raises(BadMessage) as refused:
        said(value)
    assert "set its delivery time again" in refused.value.sentence


def test_two_dates_are_refused_even_where_they_agree() -> None:
    with pytest.raises(BadMessage, match="more than once"):
        said("Tue, 1 Dec 2026 08:00:00 +0200", "Tue, 1 Dec 2026 08:00:00 +0200")


@given(
    st.integers(0, 200_000_000_000),
    st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
def test_every_date_that_a_program_writes_is_read(seconds: int, zone: timezone) -> None:
    moment = (datetime(1900, 1, 2, tzinfo=UTC) + timedelta(seconds=seconds)).astimezone(zone)
    assert said(format_datetime(moment)) == moment


@given(st.text(max_size=250))
def test_anything_else_is_refused_and_nothing_else_happens(value: str) -> None:
    try:
        found = deferred_until(Header.read(b"Deferred-Delivery: " + value.encode("utf-8", "replace") + b"\r\n\r\n"))
    except BadMessage:
        return
    assert found is None or found.tzinfo is UTC
