"""Asks clamd about one attachment after the other (its INSTREAM command): a connection each, bounded in time."""

from __future__ import annotations

import asyncio
import re
import socket
from dataclasses import dataclass
from pathlib import Path

from gateway.domain.errors import ProtocolFault, Unreachable
from gateway.domain.saving import Scanned

CONNECT = 10.0  # seconds
ANSWER = 180.0  # seconds for all of it; clamd's own MaxScanTime is two minutes
CHUNK = 64 * 1024  # octets; each is sent behind its length in four octets, big-endian
MAX_WORDS = 4_096  # octets of an answer; it is one line

_ANSWER = re.compile(rb"stream: (?:(OK)|(.{1,500}) FOUND)\s*", re.DOTALL)
_TOO_LARGE = b"INSTREAM size limit exceeded"
_FINDING = re.compile(r"[^ -~]")


@dataclass(frozen=True, slots=True)
class Clamd:
    """Where it listens: a socket's path, or host and port."""

    path: Path | None = None
    host: str = ""
    port: int = 0
    patience: float = ANSWER

    @property
    def place(self) -> str:
        return str(self.path) if self.path is not None else f"{self.host}:{self.port}"

    async def scan(self, content: bytes) -> Scanned:
        """What it says of the octets. Unreachable, or ProtocolFault where it says what it never should: ask later."""
        try:
            async with asyncio.timeout(self.patience):
                return self._understood(await self._asked(content))
        except TimeoutError as error:
            raise Unreachable(f"clamd at {self.place} does not answer: see whether it is overloaded.") from error
        except OSError as error:
            sentence = f"clamd at {self.place} can't be reached: start it, or correct [scan] clamd in postern.toml."
            raise Unreachable(sentence, detail=str(error)) from error

    async def _asked(self, content: bytes) -> bytes:
        """Its answer; past its size limit it hangs up while we still speak, and the answer may be lost with that."""
        with await self._connected() as channel:
            cut_off = not await _told(channel, content)
            answer = await self._answer(channel)
        if not answer and cut_off:
            with await self._connected() as channel:
                await asyncio.get_running_loop().sock_sendall(channel, b"zPING\0")
                answer = _TOO_LARGE if await self._answer(channel) == b"PONG" else b""
        if not answer:
            raise ConnectionResetError("it hung up without an answer")
        return answer

    async def _connected(self) -> socket.socket:
        """A socket of our own rather than a stream: that would drop what came when it can't send."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(CONNECT):
            if self.path is not None:
                family, address = socket.AF_UNIX, str(self.path)
            else:
                found = await loop.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
                family, address = found[0][0], found[0][4]  # type: ignore[assignment]  # an address of that family
            channel = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
            channel.setblocking(False)
            try:
                await loop.sock_connect(channel, address)
            except BaseException:
                channel.close()
                raise
        return channel

    async def _answer(self, channel: socket.socket) -> bytes:
        """What it says up to its NUL or its end; nothing where the connection is gone."""
        said = b""
        while b"\0" not in said:
            if len(said) > MAX_WORDS:
                raise ProtocolFault(f"clamd at {self.place} talks without an end: see what listens there.")
            try:
                more = await asyncio.get_running_loop().sock_recv(channel, MAX_WORDS)
            except ConnectionError:
                return said
            if not more:
                return said
            said += more
        return said.partition(b"\0")[0]

    def _understood(self, words: bytes) -> Scanned:
        if words.startswith(_TOO_LARGE):
            return Scanned(too_large=True)
        match = _ANSWER.fullmatch(words)
        if match is None:
            said = _FINDING.sub("?", words[:200].decode("ascii", "replace"))
            raise ProtocolFault(f"clamd at {self.place} did not say what it found: see its log.", detail=said)
        return Scanned() if match[1] else Scanned(infection=_FINDING.sub("?", match[2].decode("ascii", "replace")))


async def _told(channel: socket.socket, content: bytes) -> bool:
    """The command with all of the content; False where it hung up before it had heard all."""
    loop, view = asyncio.get_running_loop(), memoryview(content)
    try:
        await loop.sock_sendall(channel, b"zINSTREAM\0")
        for at in range(0, len(view), CHUNK):
            chunk = view[at : at + CHUNK]
            await loop.sock_sendall(channel, len(chunk).to_bytes(4, "big") + chunk)
        await loop.sock_sendall(channel, bytes(4))
    except ConnectionError:
        return False
    return True
