"""What the floors below refuse, and what they trip over, as the mail program sees it."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain import errors
from gateway.submission import replies
from gateway.submission.replies import Reply
from tests.submission.house import house
from tests.submission.signed_in import signed_in, to_data

SECRET = "secret-of-the-message"
MAPPED = [
    (errors.NoSpace("The disk is full; try later"), "452 4.3.1 The disk is full; try later"),
    (errors.TemporaryFailure("Try later"), "451 4.3.0 Try later"),
    (errors.GrantMissing("You may not send as b@firm.example"), "550 5.7.1 You may not send as b@firm.example"),
    (errors.ClientOffLimits("No access to Al"), "550 5.7.1 No access to Al"),
    (errors.BadMessage("Two From fields"), "550 5.6.0 Two From fields"),
    (errors.TooLarge("Too large"), "552 5.3.4 Too large"),
    (errors.Loop("It was here before"), "554 5.4.6 It was here before"),
    (errors.NotSignedIn("Sign in"), "530 5.7.0 Sign in"),
    (errors.Conflict("Odd"), "451 4.3.0 Odd"),
]

Logged = list[MutableMapping[str, Any]]


@pytest.mark.parametrize(("error", "reply"), MAPPED, ids=lambda value: type(value).__name__)
async def test_each_refusal_has_its_code_and_the_session_goes_on(error: errors.PosternError, reply: str) -> None:
    async with house() as found:
        found.trouble = error
        peer = await to_data(found.port)
        peer.send(b"Subject: x\r\n\r\n.\r\n")
        assert await peer.reply() == reply
        found.trouble = None
        assert (await peer.ask("MAIL FROM:<ana@firm.example>")).startswith("250 ")
        await peer.close()


@pytest.mark.parametrize(
    "error",
    [
        ValueError(SECRET),
        OSError(5, SECRET),
        TimeoutError(SECRET),
        ConnectionResetError(SECRET),
        UnicodeDecodeError("utf-8", SECRET.encode(), 0, 1, SECRET),
        RecursionError(SECRET),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_an_exception_is_451_and_tells_neither_client_nor_log_what_was_in_it(
    error: Exception, logged: Logged
) -> None:
    async with house() as found:
        found.trouble = error
        peer = await to_data(found.port)
        peer.send(b"Subject: " + SECRET.encode() + b"\r\n\r\n.\r\n")
        assert await peer.reply() == str(replies.INTERNAL.wire(), "ascii").rstrip()
        assert (await peer.ask("NOOP")).startswith("250 ")
        await peer.close()
    (line,) = [line for line in logged if line["event"] == "session-error"]
    assert line["error"] == type(error).__name__
    assert "accept" in line["trace"]
    assert SECRET not in repr(logged)


async def test_B1_a_full_disk_is_452_and_the_next_message_is_taken_when_there_is_room() -> None:
    async with house() as found:
        peer = await signed_in(found.port)
        for trouble, code in ((errors.NoSpace("The disk is full"), "452 4.3.1"), (None, "250 2.0.0")):
            found.trouble = trouble
            await peer.ask("MAIL FROM:<ana@firm.example>")
            await peer.ask("RCPT TO:<c@client.example>")
            await peer.ask("DATA")
            peer.send(b"Subject: x\r\n\r\n.\r\n")
            assert (await peer.reply()).startswith(code)
        await peer.close()


async def test_a_sentence_in_other_letters_is_ascii_unless_the_client_asked_for_more() -> None:
    async with house() as found:
        found.trouble = errors.GrantMissing("„Popescu & Asociații” – nu se poate")
        for options, said in (
            ("", '"Popescu & Asociatii" - nu se poate'),
            (" SMTPUTF8", "„Popescu & Asociații” – nu se poate"),
        ):
            peer = await signed_in(found.port)
            await peer.ask("MAIL FROM:<ana@firm.example>" + options)
            await peer.ask("RCPT TO:<c@client.example>")
            await peer.ask("DATA")
            peer.send(b"Subject: x\r\n\r\n.\r\n")
            assert await peer.reply() == f"550 5.7.1 {said}"
            await peer.close()


@given(st.text(max_size=3_000), st.booleans())
def test_no_sentence_can_break_out_of_its_reply(text: str, utf8: bool) -> None:
    wire = Reply(550, "5.7.1", text).wire(utf8=utf8)
    lines = wire.split(b"\r\n")
    assert lines.pop() == b""
    assert all(line.startswith(b"550-5.7.1") for line in lines[:-1])
    assert lines[-1].startswith(b"550 5.7.1")
    assert all(len(line) <= 510 for line in lines)
    assert wire.count(b"\r") == wire.count(b"\n") == len(lines)
    assert utf8 or wire.isascii()
    wire.decode()
