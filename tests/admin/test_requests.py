"""Requests that are wrong, hostile or too large, as octets on the socket: row U2."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Sequence
from contextlib import suppress

import pytest
import structlog

from gateway.admin import gate, protocol
from gateway.admin.problems import bare_problem
from tests.admin.house import House

HOST = b"Host: postern\r\n"


async def exchange(house: House, *blocks: bytes) -> list[tuple[int, dict[str, object]]]:
    """Sends all, reads to the end; every answer must have a length."""
    return list(answers(await asyncio.to_thread(_exchange, str(house.socket), blocks)))


def _exchange(path: str, blocks: Sequence[bytes]) -> bytes:
    octets = bytearray()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(20)
        sock.connect(path)
        with suppress(BrokenPipeError, ConnectionResetError):  # it may hang up before it has heard all
            for block in blocks:
                sock.sendall(block)
        with suppress(ConnectionResetError):
            while block := sock.recv(65536):
                octets += block
    return bytes(octets)


def answers(octets: bytes) -> list[tuple[int, dict[str, object]]]:
    found = []
    while octets:
        head, _, rest = octets.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        length = int(fields[b"content-length"])
        found.append((int(head.split()[1]), json.loads(rest[:length])))
        octets = rest[length:]
    return found


CLOSE = b"Connection: close\r\n"

HOSTILE = {
    "no_host": (b"GET /v1/status HTTP/1.1\r\n\r\n", 400),
    "absolute_form": (b"GET http://elsewhere/v1/status HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "length_and_chunks": (
        b"POST /v1/backup HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "two_lengths": (
        b"POST /v1/backup HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
        400,
    ),
    "no_http": (b"EHLO me\r\n\r\n", 400),
    "space_before_colon": (b"GET /v1/status HTTP/1.1\r\nHost : x\r\n\r\n", 400),
    "nul_in_header": (b"GET /v1/status HTTP/1.1\r\n" + HOST + b"X: a\x00b\r\n\r\n", 400),
    "unknown_coding": (b"POST /v1/backup HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip\r\n\r\n", 501),
    "body_100_mb": (b"POST /v1/apply HTTP/1.1\r\n" + HOST + b"Content-Length: 100000000\r\n\r\n{", 413),
    "many_headers": (b"GET /v1/status HTTP/1.1\r\n" + HOST + b"X: y\r\n" * 10_000 + b"\r\n", 431),
    "endless_header": (b"GET /v1/status HTTP/1.1\r\n" + HOST + b"X: " + b"y" * 300_000, 431),
    "bad_chunk": (b"POST /v1/backup HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    "long_chunk_extension": (
        b"POST /v1/backup HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"x" * 1_000_000,
        431,
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_U2_a_hostile_request_gets_one_refusal_and_the_end_of_the_connection(house: House, name: str) -> None:
    octets, status = HOSTILE[name]
    [(found, problem)] = await exchange(house, octets)
    assert found == status
    assert problem["status"] == status
    assert problem["detail"]


async def test_U2_chunks_beyond_the_limit_are_refused(house: House) -> None:
    head = (
        b"POST /v1/apply HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    size = 1024 * 1024
    chunk = f"{size:x}\r\n".encode() + b" " * size + b"\r\n"
    found = await exchange(house, head, *[chunk] * (gate.MAX_BODY // size + 1))
    assert [status for status, _ in found] == [413]


async def test_U2_a_slow_header_or_body_is_not_waited_for(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "REQUEST_SECONDS", 0.05)
    header = b"POST /v1/backup HTTP/1.1\r\n" + HOST
    assert [status for status, _ in await exchange(house, header)] == [408]
    assert [status for status, _ in await exchange(house, header + b"Content-Length: 10\r\n\r\n{")] == [408]
    assert await exchange(house, b"") in ([], [(408, json.loads(bare_problem(408)))])


async def test_U2_more_connections_than_allowed_are_hung_up_on(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "MAX_CONNECTIONS", 1)
    async with house.client() as http:
        assert (await http.get("/healthz")).status_code == 200  # and the connection is kept
        assert await exchange(house, b"GET /healthz HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n") == []
        assert (await http.get("/healthz")).status_code == 200


async def test_U2_pipelined_requests_get_an_answer_each(house: House) -> None:
    one = b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n"
    last = b"GET /healthz HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n"
    assert [status for status, _ in await exchange(house, one + one + last)] == [200, 200, 200]


async def test_U2_a_folded_header_is_one_request(house: House) -> None:
    folded = b"GET /healthz HTTP/1.1\r\n" + HOST + b"X: a\r\n b\r\n" + CLOSE + b"\r\n"
    assert [status for status, _ in await exchange(house, folded)] == [200]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/nothing",
        "/v1/clients/..%2f..%2fetc%2fpasswd/messages",
        "/v1/documents/..%2f1",
        "/v1/messages/99999",
        "/v1/messages/99999/raw",
        "/v1/documents/99999",
        "/v1/documents/99999/content",
        "/v1/queue/nothing",
        "/v1/clients/Nobody/messages",
        "/v1/clients/Nobody/documents",
        "/docs",
    ],
)
async def test_U3_what_is_not_there_is_404_with_a_sentence(house: House, path: str) -> None:
    async with house.client() as http:
        response = await http.get(path)
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert len(response.json()["detail"]) > 20


@pytest.mark.parametrize(
    "path",
    [
        "/v1/queue?limit=0",
        "/v1/queue?limit=501",
        "/v1/queue?state=lost",
        "/v1/messages/x",
        "/v1/messages/99999999999999999999",
        "/v1/events?after=-1",
        f"/v1/clients/Al%20Pacino/messages?before={2**63}",
        "/v1/clients/Al%20Pacino/messages?box=spam",
    ],
)
async def test_parameters_out_of_bounds_are_400_with_their_path(house: House, path: str) -> None:
    async with house.client() as http:
        response = await http.get(path)
    assert response.status_code == 400
    assert response.json()["faults"][0]["path"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"[" * 100_000, b"\xff", b'{"dir": 7}'])
async def test_a_body_that_is_no_document_is_400(house: House, body: bytes) -> None:
    async with house.client() as http:
        for path in ("/v1/apply", "/v1/backup"):
            response = await http.post(path, content=body, headers={"content-type": "application/json"})
            assert response.status_code in ({400} if path == "/v1/backup" else {400, 422})
            assert response.headers["content-type"] == "application/problem+json"


async def test_U3_a_method_that_a_path_does_not_have_is_405(house: House) -> None:
    async with house.client() as http:
        response = await http.delete("/v1/queue", headers={"x-http-method-override": "GET"})
    assert (response.status_code, response.json()["kind"]) == (405, "method-not-allowed")


async def test_X3_what_was_sent_is_not_repeated_in_a_refusal(house: House) -> None:
    canary = "canary-in-the-body"
    async with house.client() as http:
        wrong = await http.post("/v1/backup", json={"dir": [canary], canary: 1})
        assert wrong.status_code == 400
    assert canary not in wrong.text.replace(f"body.{canary}", "")


async def test_X3_a_surprise_inside_tells_nothing_of_our_insides(house: House) -> None:
    async def broken() -> object:
        raise RuntimeError("canary-in-an-exception")

    object.__setattr__(house.server._services, "status", broken)
    async with house.client() as http:
        with structlog.testing.capture_logs() as log:
            response = await http.get("/v1/status")
        assert [line["event"] for line in log] == ["admin_failed"]
        assert response.status_code == 500
        assert response.json()["detail"].startswith("Something went wrong inside the gateway")
        assert "canary" not in response.text
        assert (await http.get("/healthz")).status_code == 200
