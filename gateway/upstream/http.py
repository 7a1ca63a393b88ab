"""One HTTP POST to a server of somebody else: its name looked up, the address weighed, and that very address dialled.

No redirect is followed, no proxy of the environment asked, no cookie kept, and of the answer only its status is read.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence

from gateway.domain.errors import ProtocolFault, Unreachable
from gateway.domain.webhook import Target
from gateway.policy.egress import choose

TOTAL_SECONDS = 20.0  # for all of it: the specification of Standard Webhooks suggests 15 to 30
MAX_LINE = 4_096  # octets of the status line

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9])(?: [^\r\n]*)?\r?\n")


async def resolve(host: str, port: int) -> Sequence[str]:
    """All addresses of a name, as the system knows them. Raises Unreachable."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Unreachable(f"{host} has no address: see whether it is spelled right.", detail=str(error)) from error
    return [str(address[0]) for *_, address in found]


async def post(
    target: Target,
    headers: Mapping[str, str],
    body: bytes,
    *,
    context: Callable[[], ssl.SSLContext],
    allow_private: bool,
    resolve: Resolve = resolve,
) -> int:
    """The status of the answer. Raises Refusal for an address that is not public, Unreachable, or ProtocolFault."""
    try:
        async with asyncio.timeout(TOTAL_SECONDS):
            address = choose(target.host, await resolve(target.host, target.port), allow_private=allow_private)
            reader, writer = await asyncio.open_connection(
                address,
                target.port,
                ssl=context() if target.tls else None,
                server_hostname=target.host if target.tls else None,
                limit=MAX_LINE,
            )
            try:
                writer.write(_request(target, headers, body))
                await writer.drain()
                return _status(target, await reader.readuntil(b"\n"))
            finally:
                writer.transport.abort()  # the answer's body is nobody's business, however long it is
    except TimeoutError as error:
        raise Unreachable(f"{target.host} did not answer within {TOTAL_SECONDS:.0f} seconds.") from error
    except ssl.SSLError as error:
        raise Unreachable(f"{target.host} has no certificate that we can believe.", detail=str(error)) from error
    except (OSError, asyncio.IncompleteReadError) as error:
        raise Unreachable(f"{target.host} can't be reached.", detail=str(error)) from error
    except asyncio.LimitOverrunError as error:
        raise ProtocolFault(f"{target.host} does not speak HTTP.") from error


def _request(target: Target, headers: Mapping[str, str], body: bytes) -> bytes:
    fields = {
        "Host": target.authority,
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "User-Agent": "postern",
        "Connection": "close",
        **headers,
    }
    lines = [f"POST {target.path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("a line of the request would be two")
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body


def _status(target: Target, line: bytes) -> int:
    found = _STATUS.fullmatch(line)
    if found is None:
        raise ProtocolFault(f"{target.host} does not speak HTTP.", detail=repr(line[:80]))
    return int(found[1])
