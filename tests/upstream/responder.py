"""A small DNS server on loopback: real packets, answers of the test's choosing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import cast

import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

Answer = list[str] | dns.rcode.Rcode | None  # TXT records as a zone file has them, an error code, or silence


class Responder(asyncio.DatagramProtocol):
    """``answers`` by name; a name that is not there does not exist. ``asked`` are the questions so far."""

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        self._answers = answers
        self.asked: list[str] = []
        self.port = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)  # the selector loop's is none by its class
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        answer = self._reply(query)
        if answer is not None:
            self._transport.sendto(answer, addr)

    def _reply(self, query: dns.message.Message) -> bytes | None:
        (question,) = query.question
        name = question.name.to_text(omit_final_dot=True)
        self.asked.append(name)
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        found = self._answers.get(name, dns.rcode.NXDOMAIN)
        if found is None:
            return None
        if isinstance(found, dns.rcode.Rcode):
            reply.set_rcode(found)
        elif found:
            reply.answer.append(dns.rrset.from_text(question.name, 60, dns.rdataclass.IN, dns.rdatatype.TXT, *found))
        return reply.to_wire()


@asynccontextmanager
async def responding(answers: Mapping[str, Answer]) -> AsyncIterator[Responder]:
    """A responder for as long as the block lasts."""
    loop = asyncio.get_running_loop()
    transport, responder = await loop.create_datagram_endpoint(lambda: Responder(answers), local_addr=("127.0.0.1", 0))
    try:
        yield responder
    finally:
        transport.close()
