"""Whatever a client says, in whatever order and pieces: a reply for each command, and nothing done that was refused."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.submission.conversation import MAX_ERRORS
from gateway.submission.signing import MAX_FAILED
from tests.submission.dialogue import Peer
from tests.submission.house import house

GOOD, BAD = b"AUTH PLAIN AGFuYQBjb3JyZWN0IGhvcnNlIDc=\r\n", b"AUTH PLAIN AGFuYQB4\r\n"
LETTER = b"DATA\r\nSubject: x\r\n\r\n..t\r\n.\r\n"
ALPHABET = {
    "hello": b"EHLO x\r\n",
    "old hello": b"HELO x\r\n",
    "sign in": GOOD,
    "wrong": BAD,
    "mail": b"MAIL FROM:<ana@firm.example>\r\n",
    "bad mail": b"MAIL FROM:<ana@firm.example> X=\r\n",
    "rcpt": b"RCPT TO:<c@client.example>\r\n",
    "bad rcpt": b"RCPT TO:<c@client.example\r\n",
    "letter": LETTER,
    "reset": b"RSET\r\n",
    "nothing": b"NOOP\r\n",
    "tls": b"STARTTLS\r\n",
    "foreign": b"VRFY ana\r\n",
    "quit": b"QUIT\r\n",
}
LINES_OF_A_LETTER = 4  # which are commands like any other, and bad ones, where DATA was refused
TURNS = [*ALPHABET, "rcpt", "letter", "mail"]  # what leads to a message more often
SESSIONS = st.lists(st.sampled_from(TURNS), max_size=14) | st.lists(st.sampled_from(TURNS), min_size=20, max_size=45)
STARTS = st.sampled_from([[], ["hello"], ["hello", "sign in"], ["hello", "sign in", "mail"]])


@dataclass
class Expected:
    """A second reading of RFC 5321 section 4.1.4, 4954 and 6409: what a session must answer and accept."""

    greeted: bool = False
    known: bool = False
    mail: bool = False
    recipients: int = 0
    errors: int = 0
    wrong: int = 0
    accepted: int = 0
    closed: bool = False

    def says(self, turn: str) -> list[int]:
        """The codes in answer to a turn; none once the connection is closed."""
        codes: list[int] = []
        for code in () if self.closed else self._codes(turn):
            if self.closed:
                break
            self.errors += code // 100 == 5
            over = self.errors > MAX_ERRORS
            codes.append(421 if over else code)
            self.closed = over or code in {221, 421}
        return codes

    def _codes(self, turn: str) -> list[int]:
        match turn:
            case "hello" | "old hello":
                self.greeted, self.mail, self.recipients = True, False, 0
                return [250]
            case "reset":
                self.mail, self.recipients = False, 0
                return [250]
            case "nothing" | "quit" | "tls" | "foreign":
                return [{"nothing": 250, "quit": 221, "tls": 454, "foreign": 502}[turn]]
            case "sign in" | "wrong":
                return [self._signs_in(right=turn == "sign in")]
            case "letter":
                code = self._may() or (503 if not self.recipients else 0)
                if code:
                    return [code] + [500] * LINES_OF_A_LETTER
                self.mail, self.recipients = False, 0
                self.accepted += 1
                return [354, 250]
            case "mail" | "bad mail":
                code = self._may(mail=False)
                if not code and turn == "mail":
                    self.mail = True
                return [code or (250 if turn == "mail" else 501)]
            case _:
                code = self._may()
                if not code and turn == "rcpt":
                    self.recipients = 1
                return [code or (250 if turn == "rcpt" else 501)]

    def _signs_in(self, *, right: bool) -> int:
        if self.mail or not self.greeted or self.known:
            return 503
        self.known = right
        self.wrong += not right
        return 235 if right else 421 if self.wrong >= MAX_FAILED else 535

    def _may(self, *, mail: bool = True) -> int:
        if not self.greeted:
            return 503
        if not self.known:
            return 530
        return 0 if self.mail is mail else 503


async def played(port: int, pieces: list[bytes], *, waits: bool) -> list[int]:
    """The codes of all replies but the greeting's, until the server hangs up; ``waits``: for each before the next."""
    peer = await Peer.connect(port)
    await peer.reply()
    codes: list[int] = []
    for piece in pieces:
        peer.send(piece)
        if waits and not peer.reader.at_eof():
            codes += await _until_answered(peer, piece)
    if not waits and b"QUIT\r\n" not in pieces[-1:]:
        peer.send(b"QUIT\r\n")
    while reply := await _reply(peer):
        codes.append(int(reply[:3]))
    await peer.close()
    return codes


async def _until_answered(peer: Peer, piece: bytes) -> list[int]:
    """A letter whose DATA was refused is as many commands as it has lines."""
    first = int((await _reply(peer) or "0")[:3])
    more = 0 if piece != LETTER else 1 if first == 354 else LINES_OF_A_LETTER
    found = [first] + [int((await _reply(peer) or "0")[:3]) for _ in range(more)]
    return [code for code in found if code]


async def _reply(peer: Peer) -> str:
    try:
        return await peer.reply()
    except ConnectionError:
        return ""


@settings(max_examples=60)
@given(start=STARTS, turns=SESSIONS, cuts=st.lists(st.integers(1, 60), max_size=12))
async def test_each_command_gets_its_one_reply_in_every_state_pipelined_or_not(
    start: list[str], turns: list[str], cuts: list[int]
) -> None:
    session = [*start, *turns, "quit"]
    model = Expected()
    wanted = [code for turn in session for code in model.says(turn)]
    one_by_one = [ALPHABET[turn] for turn in session]
    async with house() as found:
        assert await played(found.port, one_by_one, waits=True) == wanted
        assert len(found.accepted) == model.accepted
        found.accepted.clear()
        assert await played(found.port, _cut(b"".join(one_by_one), cuts), waits=False) == wanted
        assert [one.raw for one in found.accepted] == [b"Subject: x\r\n\r\n.t\r\n"] * model.accepted


def _cut(data: bytes, sizes: list[int]) -> list[bytes]:
    pieces = []
    for size in sizes:
        pieces.append(data[:size])
        data = data[size:]
    return [*pieces, data]


RUBBISH = st.lists(
    st.binary(max_size=40)
    | st.sampled_from([*ALPHABET.values(), b"\r\n", b"\n", b"\r", b"\0", b".\r\n", b"\r\n.\r\n", b"*\r\n", b"=\r\n"])
    | st.sampled_from([b"MAIL FROM:<", b"RCPT TO:<", b"> SIZE=1", b"AUTH LOGIN\r\n", b"x" * 3_000, b"\xff\xfe"]),
    max_size=25,
).map(lambda parts: b"".join(part for part in parts if part != GOOD))


@settings(max_examples=60)
@given(rubbish=RUBBISH)
async def test_nothing_that_comes_without_a_password_is_taken_and_the_next_session_is_served(rubbish: bytes) -> None:
    async with house() as found:
        peer = await Peer.connect(found.port)
        peer.send(rubbish)
        peer.writer.write_eof()
        lines = (await peer.rest()).split(b"\r\n")
        await peer.close()
        assert lines.pop() == b""
        assert all(line[:3].isdigit() and line[3:4] in {b" ", b"-"} and len(line) <= 510 for line in lines), lines
        assert not found.accepted
        assert not any(line.startswith((b"354", b"235")) for line in lines)
        closing = [place for place, line in enumerate(lines) if line.startswith((b"421 4.7", b"221"))]
        assert not closing or closing == [len(lines) - 1]
        wanted = ["hello", "sign in", "mail", "rcpt", "letter"]
        assert await played(found.port, [ALPHABET[turn] for turn in wanted], waits=False) == [
            *(250, 235, 250, 250, 354, 250, 221),
        ]


async def test_the_model_knows_a_session_that_was_let_in_too_early() -> None:
    model = Expected()
    assert [code for turn in ("hello", "mail", "sign in", "mail") for code in model.says(turn)] == [250, 530, 235, 250]
    async with asyncio.timeout(10), house() as found:
        assert await played(found.port, [b"EHLO x\r\n", ALPHABET["mail"]], waits=False) == [250, 530, 221]
