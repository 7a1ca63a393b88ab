"""One mail transaction over a signed-in connection: MAIL, RCPT for each, DATA, an outcome for every recipient."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import aiosmtplib
from aiosmtplib.response import SMTPResponse

from gateway.domain.address import Address
from gateway.domain.mail import Delivery, Outcome
from gateway.mime.check import is_ascii, line_fault
from gateway.mime.header import Header
from gateway.upstream.smtp.account import said
from gateway.upstream.smtp.outcomes import Trouble, answered, impossible, refused
from gateway.upstream.smtp.patience import Patience

BLOCK = 256 * 1024  # octets

Outcomes = dict[str, Outcome]


async def transact(
    client: aiosmtplib.SMTP,
    sender: Address | None,
    recipients: Sequence[Address],
    raw: bytes,
    *,
    smtputf8: bool,
    patience: Patience,
) -> Outcomes:
    """Outcomes by address key; never raises for what the server did. The client is closed where it can't be reused."""
    outcomes: Outcomes = {}
    try:
        await _mail(client, sender, recipients, raw, smtputf8=smtputf8)
        accepted = await _recipients(client, recipients, outcomes)
        last = await _data(client, raw, patience) if accepted else None
    except Trouble as trouble:
        last = trouble.outcome
    except BaseException:
        client.close()
        raise
    if last is not None:
        outcomes.update({address.key: last for address in recipients if address.key not in outcomes})
    if last is None or last.delivery is not Delivery.DELIVERED:
        await _reset(client, last)
    return outcomes


async def _mail(
    client: aiosmtplib.SMTP, sender: Address | None, recipients: Sequence[Address], raw: bytes, *, smtputf8: bool
) -> None:
    fault = line_fault(raw)
    if fault is not None:
        raise Trouble(impossible("5.6.0", f"the message can't be sent: {fault}", "mail"))
    words = [b"MAIL", b"FROM:" + _path(sender)]
    if client.supports_extension("size"):
        words.append(b"SIZE=%d" % len(raw))
    if not is_ascii(raw):
        if not client.supports_extension("8bitmime"):
            text = "the server takes only 7-bit messages, and this one holds 8-bit text (no 8BITMIME)"
            raise Trouble(impossible("5.6.3", text, "mail"))
        words.append(b"BODY=8BITMIME")
    if _needs_utf8(sender, recipients, raw, smtputf8=smtputf8):
        if not client.supports_extension("smtputf8"):
            text = "the server can't take addresses or headers in other letters than English ones (no SMTPUTF8)"
            raise Trouble(impossible("5.6.7", text, "mail"))
        words.append(b"SMTPUTF8")
    _expect(await said(client.execute_command(*words), "mail"), "mail")


async def _recipients(client: aiosmtplib.SMTP, recipients: Sequence[Address], outcomes: Outcomes) -> bool:
    """Whether any was accepted; the others have their outcome then."""
    accepted = False
    for address in recipients:
        response = await said(client.execute_command(b"RCPT", b"TO:" + _path(address)), "rcpt")
        outcome = answered(response.code, response.message, "rcpt")
        if response.code == 421 or not outcome.code:
            raise Trouble(outcome)
        if outcome.delivery is Delivery.DELIVERED:
            accepted = True
        else:
            outcomes[address.key] = outcome
    return accepted


async def _data(client: aiosmtplib.SMTP, raw: bytes, patience: Patience) -> Outcome:
    response = await said(client.execute_command(b"DATA", timeout=patience.data), "data")
    if response.code != 354:
        raise Trouble(refused(response.code, response.message, "data"))
    response = await said(_send(client, raw, patience), "final")
    return answered(response.code, response.message, "final")


async def _send(client: aiosmtplib.SMTP, raw: bytes, patience: Patience) -> SMTPResponse:
    """The final reply. While octets leave the clock is wound up block by block: slow is not the same as stuck."""
    protocol = client.protocol
    if protocol is None:
        raise aiosmtplib.SMTPServerDisconnected("Connection lost")
    clock = asyncio.get_running_loop().time

    async def write(limit: asyncio.Timeout) -> None:
        stuffed = memoryview(_stuffed(raw))
        try:
            for at in range(0, len(stuffed), BLOCK):
                limit.reschedule(clock() + patience.block)
                protocol.write(bytes(stuffed[at : at + BLOCK]))
                await protocol._drain_helper()
        except ConnectionError:
            return  # the server's last words, or that there were none, is what the reader learns
        limit.reschedule(clock() + patience.final)

    try:
        async with asyncio.timeout(patience.block) as limit:
            response, _ = await asyncio.gather(protocol.read_response(), write(limit))
    except BaseException:
        client.close()
        raise
    return response


def _stuffed(raw: bytes) -> bytes:
    """RFC 5321 section 4.5.2; nothing but dots is added."""
    body = raw.replace(b"\r\n.", b"\r\n..")
    start = b"." if body.startswith(b".") else b""
    end = b".\r\n" if body.endswith(b"\r\n") or not body else b"\r\n.\r\n"
    return b"".join((start, body, end))


async def _reset(client: aiosmtplib.SMTP, last: Outcome | None) -> None:
    """Makes the connection good for the next message, or closes it."""
    if last is not None and (last.code in {0, 421} or last.stage == "final"):
        client.close()
    elif client.is_connected:
        try:
            _expect(await said(client.execute_command(b"RSET"), "rset"), "rset")
        except Trouble:
            client.close()


def _expect(response: SMTPResponse, stage: str) -> None:
    outcome = answered(response.code, response.message, stage)
    if outcome.delivery is not Delivery.DELIVERED:
        raise Trouble(outcome)


def _path(address: Address | None) -> bytes:
    return f"<{address or ''}>".encode()


def _needs_utf8(sender: Address | None, recipients: Sequence[Address], raw: bytes, *, smtputf8: bool) -> bool:
    if any(not address.is_ascii for address in (*([sender] if sender else []), *recipients)):
        return True
    return smtputf8 and not is_ascii(raw[: Header.read(raw).end])
