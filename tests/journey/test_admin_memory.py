"""Row U2 on the real daemon: what hostile requests to the admin socket cost it in memory."""

from __future__ import annotations

import re
import socket
from contextlib import suppress
from functools import partial
from pathlib import Path

from tests.gateway_process import GatewayProcess

MOST = 10_000_000  # octets: hostile.md U2
ROUNDS = 10
CHUNKED = b"POST /v1/apply HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"

HOSTILE = (
    b"POST /v1/apply HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n" + b"x" * 1_000_000,
    b"GET /v1/status HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 10_000 + b"\r\n",
    b"GET /v1/status HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 1_000_000,
    CHUNKED + b"1;" + b"x" * 1_000_000,
    b"GET /" + b"y" * 1_000_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /v1/status HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + b"y" * 15_000 + b"\r\nConnection: close\r\n\r\n",
)


def rss(pid: int) -> int:
    """Octets that the process has in memory."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def ask(path: Path, octets: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(20)
        sock.connect(str(path))
        with suppress(BrokenPipeError, ConnectionResetError):
            sock.sendall(octets)
        answer = b""
        with suppress(ConnectionResetError):
            answer = b"".join(iter(partial(sock.recv, 65536), b""))
        return answer


async def test_U2_hostile_requests_cost_no_memory(tmp_path: Path) -> None:
    async with GatewayProcess(tmp_path / "gateway") as gateway:
        for octets in HOSTILE:  # what is loaded once is no growth
            ask(gateway.socket, octets)
        before = rss(gateway.pid)
        answers = [ask(gateway.socket, octets) for _ in range(ROUNDS) for octets in HOSTILE]
        assert all(not answer or answer.startswith(b"HTTP/1.1 4") for answer in answers)
        assert all(answer.count(b"HTTP/1.1") <= 1 for answer in answers)
        grown = rss(gateway.pid) - before
        print(f"U2: {len(answers)} hostile requests, {grown / 1e6:.1f} MB more")
        assert grown <= MOST
        assert (await gateway.get("/healthz")) == {"alive": True}
