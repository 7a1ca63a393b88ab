"""CPU time of one message's way into memory: our DATA in blocks against stock aiosmtpd, alternately in one run.

    python scripts/bench/data_read.py [ROUNDS]

Client and server are processes of their own; what is counted is the server's user and system time per message.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import socket
import statistics
import sys
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog
from aiosmtpd.smtp import SMTP

from gateway.domain.firm import Member
from gateway.domain.mail import Submission
from gateway.settings.gateway import parse
from gateway.store.scratch import Scratch
from gateway.submission.server import SubmissionServer
from gateway.submission.terms import Accept

LINE = b"abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0123456789abcd\r\n"
SIZES = {"2 KB": (2_000, 1_500), "1 MB": (1_000_000, 40)}  # octets, messages for one round
SIGN_IN = b"AUTH PLAIN AGFuYQB4\r\n"


class _Nothing:
    """A handler that takes everything."""

    async def handle_DATA(self, server: SMTP, session: object, envelope: object) -> str:  # noqa: N802
        return "250 OK"


async def _ours() -> int:
    settings = parse(
        {"data_dir": "x", "submission": {"listen": ["127.0.0.1:0"], "max_message_size": "50 MB"}}, base=Path("/")
    )

    async def sign_in(login: str, password: str, peer: str) -> Member | None:
        return Member(login, login)

    async def accept(submission: Submission) -> str:
        return "q"

    async def begin(so_far: Submission) -> tuple[Scratch, Accept]:
        return Scratch(Path(folder.name)), accept

    folder = TemporaryDirectory()
    server = SubmissionServer(
        settings, tls=None, sign_in=sign_in, accept=accept, begin=begin, now=lambda: datetime.now(UTC)
    )
    _KEPT.append(folder)
    _KEPT.append(server)
    return (await server.start())[0].port


async def _stock() -> int:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(_Nothing(), loop=loop, hostname="x"), "127.0.0.1", 0)
    _KEPT.append(server)
    return int(server.sockets[0].getsockname()[1])


_KEPT: list[object] = []
_KINDS = {"ours": _ours, "stock": _stock}


def _serve(kind: str, pipe: Connection) -> None:
    """Until the pipe closes; for each word on it, answers the CPU seconds used so far."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory(), processors=[lambda *_: ""])

    async def run() -> None:
        pipe.send(await _KINDS[kind]())
        done = asyncio.Event()

        def asked() -> None:
            try:
                pipe.recv()
            except EOFError:
                done.set()
                return
            times = os.times()
            pipe.send(times.user + times.system)

        asyncio.get_running_loop().add_reader(pipe.fileno(), asked)
        await done.wait()

    asyncio.run(run())


def _send(port: int, message: bytes, count: int, *, sign_in: bool) -> None:
    with socket.create_connection(("127.0.0.1", port)) as sock, sock.makefile("rb") as lines:

        def reply() -> None:
            while lines.readline()[3:4] == b"-":
                pass

        reply()
        for command in (b"EHLO x\r\n", *([SIGN_IN] if sign_in else [])):
            sock.sendall(command)
            reply()
        for _ in range(count):
            for command in (
                b"MAIL FROM:<a@b.example>\r\n",
                b"RCPT TO:<c@d.example>\r\n",
                b"DATA\r\n",
                message + b".\r\n",
            ):
                sock.sendall(command)
                reply()


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    context = multiprocessing.get_context("spawn")
    pipes: dict[str, Connection] = {}
    ports: dict[str, int] = {}
    processes = []
    for kind in _KINDS:
        pipes[kind], theirs = context.Pipe()
        process = context.Process(target=_serve, args=(kind, theirs))
        process.start()
        theirs.close()
        processes.append(process)
        ports[kind] = pipes[kind].recv()
    for name, (size, count) in SIZES.items():
        message = b"Subject: x\r\n\r\n" + LINE * (size // len(LINE))
        spent: dict[str, list[float]] = {kind: [] for kind in _KINDS}
        for _ in range(rounds):
            for kind, pipe in pipes.items():
                pipe.send("begin")
                before = pipe.recv()
                _send(ports[kind], message, count, sign_in=kind == "ours")
                pipe.send("end")
                spent[kind].append((pipe.recv() - before) / count * 1000)
        ours, stock = (statistics.median(spent[kind]) for kind in ("ours", "stock"))
        print(f"{name}: ours {ours:.3f} ms, aiosmtpd {stock:.3f} ms CPU a message, ratio {stock / ours:.1f}")
    for pipe in pipes.values():
        pipe.close()
    for process in processes:
        process.join()


if __name__ == "__main__":
    main()
