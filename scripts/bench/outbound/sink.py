"""Where everything goes: an SMTP server that takes all, keeps nothing and counts, as a process of its own.

Postfix's smtp-sink would do, but it answers AUTH with 250 where 235 is due (RFC 4954 section 6), so that a client that
is strict about it never sends. This one says and offers what smtp-sink does, with plain sockets and epoll.
"""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import threading
import time

from tests.peers import ground
from tests.waiting import until_now

LOOK = 0.005  # seconds between two looks at the count, which comes with its time
BACKLOG = 500  # connections that may wait; a dispatcher opens them in bursts

_END = b"\r\n.\r\n"
_OFFERS = b"250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-AUTH PLAIN LOGIN\r\n250 ENHANCEDSTATUSCODES\r\n"
_REPLIES = {
    b"EHLO": _OFFERS,
    b"HELO": b"250 sink.example\r\n",
    b"AUTH": b"235 2.7.0 Ok\r\n",
    b"DATA": b"354 End data with <CR><LF>.<CR><LF>\r\n",
    b"QUIT": b"221 2.0.0 Bye\r\n",
}
_OK = b"250 2.0.0 Ok\r\n"


class Sink:
    """``count`` messages so far; ``last`` is the monotonic time at which the last one's end came."""

    def __init__(self) -> None:
        self.port = ground.free_port()
        self.count = 0
        self.last = 0.0
        words = [sys.executable, "-m", "scripts.bench.outbound.sink", str(self.port)]
        self._process = subprocess.Popen(words, stdout=subprocess.PIPE)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        until_now(lambda: ground.answers(self.port), timeout=20, what="the sink to answer")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()
        self._reader.join()

    def _read(self) -> None:
        assert self._process.stdout is not None
        number = self._process.stdout.fileno()
        rest = b""
        while data := os.read(number, 1 << 20):
            lines, _, rest = (rest + data).rpartition(b"\n")
            if lines:
                count, at = lines.rpartition(b"\n")[2].split()
                self.last, self.count = float(at), int(count)
            time.sleep(LOOK)


class Guest:
    """One connection: what was read and not understood yet, and whether it is in the middle of a message."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._buffer = b""
        self._data = False
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(b"220 sink.example ESMTP\r\n")

    def heard(self) -> int | None:
        """How many messages ended; None when the connection did."""
        try:
            data = self.sock.recv(1 << 18)
        except ConnectionError:
            return None
        if not data:
            return None
        self._buffer += data
        replies: list[bytes] = []
        messages = 0
        while said := self._end() if self._data else self._command():
            messages += self._data
            self._data = not self._data and said.startswith(b"354")
            replies.append(said)
        if replies:
            self.sock.sendall(b"".join(replies))
        return messages

    def _end(self) -> bytes:
        at = self._buffer.find(_END)
        if at < 0:
            return b""
        self._buffer = self._buffer[at + len(_END) :]
        return _OK

    def _command(self) -> bytes:
        line, end, rest = self._buffer.partition(b"\r\n")
        if not end:
            return b""
        self._buffer = rest
        return _REPLIES.get(line[:4].upper(), _OK)


def main() -> None:
    """Serve until ended; after each round in which messages came, their number so far and the time are printed."""
    server = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=BACKLOG)
    poll = select.epoll()
    poll.register(server, select.EPOLLIN)
    guests: dict[int, Guest] = {}
    count = 0
    while True:
        before = count
        for number, _ in poll.poll():
            if number == server.fileno():
                sock, _ = server.accept()
                guests[sock.fileno()] = Guest(sock)
                poll.register(sock, select.EPOLLIN)
                continue
            messages = guests[number].heard()
            if messages is None:
                guests.pop(number).sock.close()
            count += messages or 0
        if count > before:
            os.write(sys.stdout.fileno(), b"%d %.6f\n" % (count, time.monotonic()))


if __name__ == "__main__":
    main()
