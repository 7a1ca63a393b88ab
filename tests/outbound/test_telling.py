"""The log's line of an attempt names nobody whom the message does not name (row X2)."""

from __future__ import annotations

from structlog.testing import capture_logs

from gateway.domain.mail import Delivery, Outcome
from gateway.outbound.telling import LOOKED_AT, named_in, say
from gateway.upstream.smtp import Attempt
from tests.store.making import entry

RAW = b"From: ana@firm.example\r\nTo: Al <AL@client.example>\r\n\r\nbo@client.example\r\n"


def test_X2_who_stands_in_the_header_is_named_and_a_blind_copy_is_not_even_in_the_servers_words() -> None:
    refused = Outcome(Delivery.FAILED, 550, "5.1.1", "<Bo@client.example>: no such user", "rcpt")
    taken = Outcome(Delivery.DELIVERED, 250, "2.0.0", "Ok", "final")
    known = entry("one", RAW)
    outcomes = {"al@client.example": taken, "bo@client.example": refused}
    with capture_logs() as lines:
        say(known, Attempt(outcomes, "mx.example", 0.0, 0.0, 0.0), RAW, known.accepted_at)
        say(known, Attempt({"bo@client.example": refused}, "mx.example", 0.0, 0.0, 0.0), RAW, known.accepted_at)
    first, second = lines
    assert first["to"] == ["al@client.example"]
    assert first["not_taken"] == ["(blind copy): 550 5.1.1 <(blind copy)>: no such user"]
    assert (second["to"], second["blind"], second["text"]) == ([], 1, "<(blind copy)>: no such user")
    assert "bo@" not in repr(lines).lower()


def test_X2_a_header_that_is_longer_than_is_looked_at_names_nobody_behind_that() -> None:
    raw = b"X: " + b"x" * LOOKED_AT + b"\r\nTo: al@client.example\r\n\r\n"
    assert named_in(raw, ["al@client.example"]) == frozenset()
