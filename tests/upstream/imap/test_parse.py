"""What the server says, as values; what it must not say, as a ProtocolFault."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.errors import ProtocolFault
from gateway.upstream.imap.parse import (
    Capabilities,
    Continuation,
    Enabled,
    Exists,
    Fetched,
    FolderStatus,
    Found,
    Listed,
    Other,
    Removed,
    Response,
    Status,
    Tagged,
    Vanished,
    parse,
)
from gateway.upstream.imap.values import MAX_VALUES, date_time, number, read_values
from tests.cost import within


@pytest.mark.parametrize(
    ("line", "response"),
    [
        (b"* 3 EXISTS", Exists(3)),
        (b"* 3 recent", Other("RECENT")),
        (b"* 3 EXPUNGE", Removed()),
        (b"* VANISHED (EARLIER) 1:4294967295", Vanished(((1, 4294967295),), earlier=True)),
        (b"* VANISHED 7,5:4", Vanished(((7, 7), (4, 5)), earlier=False)),
        (b"* ENABLED qresync CONDSTORE", Enabled(frozenset({"QRESYNC", "CONDSTORE"}))),
        (b"* CAPABILITY IMAP4rev1 idle", Capabilities(frozenset({"IMAP4REV1", "IDLE"}))),
        (b"* SEARCH", Found(())),
        (b"* SEARCH 2 84 882", Found((2, 84, 882))),
        (b"* SEARCH 2 5 (MODSEQ 917162500)", Found((2, 5))),
        (b'* ESEARCH (TAG "A282") UID ALL 2,10:12', Found((2, 10, 11, 12))),
        (b'* ESEARCH (TAG "A282") UID', Found(())),
        (b'* ESEARCH (TAG "A282") UID MIN 2 ALL 12:10', Found((10, 11, 12))),
        (
            b'* LIST (\\HasNoChildren \\Sent) "/" "Sent Items"',
            Listed(("\\HasNoChildren", "\\Sent"), "/", b"Sent Items"),
        ),
        (b"* LIST () NIL INBOX", Listed((), "", b"INBOX")),
        (b'* LIST () "." "a\\"b\\\\c"', Listed((), ".", b'a"b\\c')),
        (b'* LIST () "/" [Gmail]/Sent', Listed((), "/", b"[Gmail]/Sent")),
        (b'* LIST () "/" Sent ("CHILDINFO" ("SUBSCRIBED"))', Listed((), "/", b"Sent")),
        (b"* STATUS Sent (UIDNEXT 5 MESSAGES 4)", FolderStatus(b"Sent", {"UIDNEXT": b"5", "MESSAGES": b"4"})),
        (b"* FLAGS (\\Seen)", Other("FLAGS")),
        (b"* OK [UIDVALIDITY 7] here", Status("OK", "UIDVALIDITY", "7", "here")),
        (b"* ok [ALERT] Look [out]", Status("OK", "ALERT", "", "Look [out]")),
        (b"* OK [half", Status("OK", "", "", "[half")),
        (b"* BYE", Status("BYE", "", "", "")),
        (b"* NO \x1b[31mred\x00\xff", Status("NO", "", "", "[31mred \ufffd")),
        (b"+ idling", Continuation()),
        (b"+", Continuation()),
        (b"A1 OK [APPENDUID 38505 3955] done", Tagged("A1", Status("OK", "APPENDUID", "38505 3955", "done"))),
        (b"A1 no Sorry", Tagged("A1", Status("NO", "", "", "Sorry"))),
    ],
)
def test_a_line_is_read_as_what_it_means(line: bytes, response: Response) -> None:
    assert parse((line,)) == response


def test_FETCH_data_is_read_by_name_whatever_stands_in_strings_and_literals() -> None:
    response = parse(
        (
            b'* 2 FETCH (UID 4 INTERNALDATE "7-Jul-2026 02:44:25 -0700" FLAGS (\\Seen) BODY[HEADER.FIELDS ("X")]<0> ',
            b"From: (((\r\n\r\n",
            b' ENVELOPE ("a) (b" NIL (("x" NIL "y" "z"))) BODY[] ',
            b")",
            b")",
        )
    )
    assert isinstance(response, Fetched)
    assert response.number == 2
    assert number(response.items["UID"]) == 4
    assert date_time(response.items["INTERNALDATE"]) == datetime(2026, 7, 7, 9, 44, 25, tzinfo=UTC)
    assert response.items["FLAGS"] == [b"\\Seen"]
    assert response.items["ENVELOPE"] == [b"a) (b", None, [[b"x", None, b"y", b"z"]]]
    assert response.items['BODY[HEADER.FIELDS ("X")]'] == b"From: (((\r\n\r\n"
    assert response.items["BODY[]"] == b")"


def test_a_quoted_NIL_is_a_string() -> None:
    assert read_values([b'NIL "NIL" nil']) == [None, b"NIL", None]


@pytest.mark.parametrize(
    "line",
    [
        b"*",
        b"hello",
        b"A1 MAYBE",
        b"A-1 OK",
        b"* 1 FETCH",
        b"* 1 FETCH NIL",
        b"* 1 FETCH (UID",
        b"* 1 FETCH (UID)",
        b"* 1 FETCH (NIL NIL)",
        b"* 1 FETCH (UID 1))",
        b'* 1 FETCH (UID "1)',
        b"* 1 FETCH (UID 1) (UID 2)",
        b"* 1 FETCH (UID \x00)",
        b"* SEARCH 1 x",
        b"* SEARCH -1",
        b"* SEARCH " + b"9" * 5000,
        b"* " + b"9" * 5000 + b" EXISTS",
        b"* ESEARCH UID ALL 1:4294967295",
        b"* ESEARCH UID ALL 1:4294967295,1:4294967295",
        b"* ESEARCH UID ALL",
        b"* LIST",
        b"* LIST NIL NIL NIL",
        b"* LIST () NIL ()",
        b"* STATUS Sent",
        b"* STATUS NIL NIL",
    ],
)
def test_D4_what_no_server_may_say_is_a_protocol_fault(line: bytes) -> None:
    with pytest.raises(ProtocolFault):
        parse((line,))


_WORDS = [
    *(b"* ", b"1 ", b"FETCH ", b"(", b")", b'"', b"\\", b"UID ", b"NIL ", b"BODY[", b"]", b"<0>", b"SEARCH "),
    *(b"ESEARCH ", b"LIST ", b"STATUS ", b"ALL ", b"1:3,", b"OK ", b"[", b"\xff", b"\0", b" ", b"A1 ", b"+", b"-1"),
]
_PIECES = st.lists(st.sampled_from(_WORDS) | st.binary(max_size=5), max_size=15).map(b"".join)


@given(st.lists(_PIECES, min_size=1, max_size=5))
def test_no_octets_raise_anything_but_a_protocol_fault(pieces: list[bytes]) -> None:
    try:
        parse(tuple(pieces))
    except ProtocolFault:
        return


@pytest.mark.parametrize(
    "text",
    [
        b"(" * 100_000 + b")" * 100_000,
        b"(" * 1_000_000,
        b'"' + b"a" * 1_000_000,
        b'"' + b"\\\\" * 500_000,
        b'("' + b'\\"' * 500_000 + b'")',
        b"()" * 500_000,
        b" " * 1_000_000 + b"\0",
        b"a[" * 500_000,
        b"a." * 500_000,
        b"NIL " * (MAX_VALUES * 2),
    ],
)
def test_D4_a_line_built_to_hurt_costs_less_than_a_second(text: bytes) -> None:
    def refused() -> None:
        with pytest.raises(ProtocolFault):
            parse((b"* 1 FETCH " + text,))

    within(1, refused)
