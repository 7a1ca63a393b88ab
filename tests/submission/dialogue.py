r"""Dialogues as text: `C:` lines are sent, `S:` lines must come back; read and played over a real socket.

In `C:` lines `\r`, `\n`, `\0`, `\xNN` and `\\` are escapes, and the line ends in CRLF unless it ends in `\` alone.
`S:` lines are regular expressions that must match a whole line. `EOF` wants the server to hang up. `#` is a comment.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

PATIENCE = 10  # seconds for a reply on loopback, on a busy machine

_ESCAPE = re.compile(r"\\(x[0-9a-f]{2}|.)")
_PLAIN = {"r": "\r", "n": "\n", "0": "\0", "\\": "\\"}


@dataclass
class Peer:
    """The client's end of a connection; ``seen`` is what the server said so far, line by line."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    seen: list[str] = field(default_factory=list)

    @classmethod
    async def connect(cls, port: int, host: str = "127.0.0.1", **options: object) -> Peer:
        return cls(*await asyncio.open_connection(host, port, **options))  # type: ignore[arg-type]

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def line(self) -> str:
        """Return the next line of the server without its CRLF; "" where it hung up."""
        async with asyncio.timeout(PATIENCE):
            line = await self.reader.readline()
        assert not line or line.endswith(b"\r\n"), line
        assert len(line) <= 512, line
        text = line[:-2].decode()
        self.seen.append(text)
        return text

    async def reply(self) -> str:
        """Return one whole reply, its lines joined by LF."""
        lines = [await self.line()]
        while lines[-1][3:4] == "-":
            lines.append(await self.line())
        return "\n".join(lines)

    async def ask(self, command: str | bytes) -> str:
        """Send one line and return the reply."""
        self.send((command.encode() if isinstance(command, str) else command) + b"\r\n")
        return await self.reply()

    async def rest(self) -> bytes:
        """Return everything until the server hangs up."""
        async with asyncio.timeout(PATIENCE):
            try:
                return await self.reader.read()
            except ConnectionError:
                return b""

    async def close(self) -> None:
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except (ConnectionError, OSError):
            return


async def play(text: str, port: int) -> Peer:
    """Play a dialogue; AssertionError shows where it went another way. The connection is closed when it returns."""
    peer = await Peer.connect(port)
    try:
        for number, line in enumerate(text.splitlines(), 1):
            await _turn(peer, line.rstrip(), number)
    finally:
        await peer.close()
    return peer


async def _turn(peer: Peer, line: str, number: int) -> None:
    if line.startswith("C:"):
        peer.send(unescape(line[2:].removeprefix(" ")))
    elif line.startswith("S:"):
        said, wanted = await peer.line(), line[2:].removeprefix(" ")
        assert re.fullmatch(wanted, said), f"line {number}: wanted {wanted!r}, the server said {said!r}"
    elif line == "EOF":
        rest = await peer.rest()
        assert rest == b"", f"line {number}: instead of hanging up the server said {rest!r}"
    else:
        assert not line or line.startswith("#"), f"line {number} is none of C:, S:, EOF, #"


def unescape(line: str) -> bytes:
    r"""Return the octets of a `C:` line."""
    end = b"\r\n"
    if line.endswith("\\") and not line.endswith("\\\\"):
        line, end = line[:-1], b""
    parts: Sequence[str] = [_PLAIN[m[1]] if m[1] in _PLAIN else chr(int(m[1][1:], 16)) for m in _ESCAPE.finditer(line)]
    found = iter(parts)
    return _ESCAPE.sub(lambda _: next(found), line).encode("latin-1") + end
