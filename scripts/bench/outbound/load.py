"""The load, the same for all: sessions that say one command after the other, as smtp-source does, and can sign in.

Run as a program of its own, so that nothing else takes its time: it prints the monotonic times of its first and last
octet. Plain sockets and epoll, because its own work is done on the same processors as the servers'.
"""

from __future__ import annotations

import argparse
import base64
import json
import select
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from scripts.bench.outbound.letters import CLIENT, MEMBERS, PASSWORD, Letter, asked, letter, login

PATIENCE = 60.0  # seconds of silence from all sessions together, after which a server is taken to be stuck

_REPLY = 64 * 1024


@dataclass(frozen=True, slots=True)
class Load:
    """``many``: as many messages over one session as there are; else a session for each message."""

    port: int
    sessions: int
    messages: int
    size: int
    many: bool
    sign_in: bool
    mark: str  # makes the letters of this load others than those of any other

    def words(self) -> list[str]:
        """What a child process is called with."""
        flags = [*(["--many"] if self.many else []), *(["--sign-in"] if self.sign_in else [])]
        numbers = [str(one) for one in (self.port, self.sessions, self.messages, self.size)]
        return ["-m", "scripts.bench.outbound.load", *numbers, self.mark, *flags]


class Session:
    """One connection of one member; `heard` is called when there is something to read."""

    def __init__(self, load: Load, member: int, numbers: Iterator[int], text: Letter) -> None:
        self._load, self._member, self._numbers, self._text = load, member, numbers, text
        self.sock = socket.create_connection(("127.0.0.1", load.port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reply = b""
        self._steps = self._say()
        self._wanted = next(self._steps)
        self.over = False

    def heard(self) -> None:
        """Take what came and, where that is a whole reply, say the next thing. SystemExit for a wrong answer."""
        data = self.sock.recv(_REPLY)
        if not data:
            sys.exit("the server hung up")
        self._reply += data
        last = self._reply[self._reply.rfind(b"\n", 0, -1) + 1 :]
        if not last.endswith(b"\n") or last[3:4] == b"-":
            return
        if not self._reply.startswith(self._wanted):
            sys.exit(f"the server said {self._reply!r} where {self._wanted!r} was due")
        self._reply = b""
        try:
            self._wanted = next(self._steps)
        except StopIteration:
            self.sock.close()
            self.over = True

    def _say(self) -> Iterator[bytes]:
        send = self.sock.sendall
        yield b"220"
        send(b"EHLO load.example\r\n")
        yield b"250"
        if self._load.sign_in:
            words = base64.b64encode(f"\0{login(self._member)}\0{PASSWORD}".encode())
            send(b"AUTH PLAIN " + words + b"\r\n")
            yield b"235"
        sender, recipient = f"MAIL FROM:<{asked(self._member)}>\r\n".encode(), f"RCPT TO:<{CLIENT}>\r\n".encode()
        for number in self._numbers:
            send(sender)
            yield b"250"
            send(recipient)
            yield b"250"
            send(b"DATA\r\n")
            yield b"354"
            send(self._text.numbered(f"{number}.{self._load.mark}") + b".\r\n")
            yield b"250"
            if not self._load.many:
                break
        send(b"QUIT\r\n")
        yield b"221"


def run(load: Load) -> tuple[float, float]:
    """Send everything; the monotonic times of the beginning and of the last 250. SystemExit where it fails."""
    texts = [letter(load.size, member) for member in range(MEMBERS)]
    numbers = iter(range(load.messages))
    poll = select.epoll()
    open_now: dict[int, Session] = {}
    begun = time.monotonic()

    def start(member: int) -> None:
        session = Session(load, member, numbers, texts[member])
        open_now[session.sock.fileno()] = session
        poll.register(session.sock.fileno(), select.EPOLLIN)

    for place in range(min(load.sessions, load.messages)):
        start(place % MEMBERS)
    left = load.messages - len(open_now)  # sessions that are still to be opened, where each takes one message
    while open_now:
        events = poll.poll(PATIENCE)
        if not events:
            sys.exit(f"no word from the server for {PATIENCE:.0f} s")
        for number, _ in events:
            session = open_now[number]
            session.heard()
            if session.over:
                del open_now[number]
                if not load.many and left > 0:
                    left -= 1
                    start(left % MEMBERS)
    return begun, time.monotonic()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("port", "sessions", "messages", "size"):
        parser.add_argument(name, type=int)
    parser.add_argument("mark")
    parser.add_argument("--many", action="store_true")
    parser.add_argument("--sign-in", action="store_true")
    print(json.dumps(run(Load(**vars(parser.parse_args())))))


if __name__ == "__main__":
    main()
