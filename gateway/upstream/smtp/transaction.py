"""One mail transaction over a signed-in connection: MAIL, RCPT for each and DATA in one write, then the message.

Where the server announces PIPELINING (RFC 2920) that is two turns of the network for a message, however many
recipients. Every reply is read in its turn and counts for its own command only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from gateway.domain.address import Address
from gateway.domain.mail import Asked, Delivery, Outcome
from gateway.mime.check import is_ascii, line_fault
from gateway.mime.header import Header
from gateway.mime.seven import seven_bit
from gateway.upstream.smtp.account import Extensions, Line, expect
from gateway.upstream.smtp.body import send
from gateway.upstream.smtp.outcomes import Trouble, answered, impossible, refused, unanswered
from gateway.upstream.smtp.patience import Patience
from gateway.upstream.smtp.replies import Reply

Outcomes = dict[str, Outcome]

GO_ON = 354
LARGE = 256 * 1024  # octets: looking through more of them would hold up everybody else


@dataclass(frozen=True, slots=True)
class Envelope:
    """From whom to whom, and what is asked of the server beside it."""

    sender: Address | None
    recipients: Sequence[Address]
    smtputf8: bool
    asked: Asked


async def transact(line: Line, envelope: Envelope, raw: bytes, patience: Patience) -> Outcomes:
    """Outcomes by address key; never raises for what the server did. The line is closed where it can't be reused."""
    recipients = envelope.recipients
    outcomes: Outcomes = {}
    try:
        fit = partial(_fitted, line.extensions, envelope, raw)
        raw, parameters = await asyncio.to_thread(fit) if len(raw) > LARGE else fit()
        asked = envelope.asked if line.reports else Asked()
        mail = b"MAIL FROM:%s%s%s\r\n" % (_path(envelope.sender), parameters, _words(asked.mail))
        rcpts = [b"RCPT TO:%s%s\r\n" % (_path(one), _words(asked.rcpt.get(one.key, ""))) for one in recipients]
        accepted = await _envelope(line, [mail, *rcpts], recipients, outcomes, patience)
        last = await _message(line, raw, patience) if accepted else None
    except Trouble as trouble:
        last = trouble.outcome
    except BaseException:
        line.conversation.close()
        raise
    if last is not None:
        outcomes.update({address.key: last for address in recipients if address.key not in outcomes})
    if last is None or last.delivery is not Delivery.DELIVERED:
        await _reset(line, last, patience)
    return outcomes


def _fitted(extensions: Extensions, envelope: Envelope, raw: bytes) -> tuple[bytes, bytes]:
    """The message as this server can take it, and MAIL's parameters; Trouble that is final where it can't."""
    fault = line_fault(raw)
    if fault is not None:
        raise Trouble(impossible("5.6.0", f"the message can't be sent: {fault}", "mail"))
    parameters = b""
    if _needs_utf8(envelope, raw):
        if "SMTPUTF8" not in extensions:
            text = "the server can't take addresses or headers in other letters than English ones (no SMTPUTF8)"
            raise Trouble(impossible("5.6.7", text, "mail"))  # RFC 6531 section 3.5: not to be changed on the way
        parameters = b" SMTPUTF8"
    if not is_ascii(raw):
        if "8BITMIME" in extensions:
            parameters = b" BODY=8BITMIME" + parameters
        else:
            raw = _seven(raw)
    if "SIZE" in extensions:
        _check_size(len(raw), extensions["SIZE"])
        parameters = b" SIZE=%d%s" % (len(raw), parameters)
    return raw, parameters


def _seven(raw: bytes) -> bytes:
    seven = seven_bit(raw)
    if seven is None:
        text = (
            "the server takes only 7-bit messages (no 8BITMIME), and this one holds 8-bit text that may not be changed"
        )
        raise Trouble(impossible("5.6.3", text, "mail"))
    return seven


def _check_size(size: int, limit: str) -> None:
    """RFC 1870 section 6.1: what is over the announced limit need not be tried; 0 or nothing is no limit."""
    most = int(limit) if limit.isascii() and limit.isdigit() and len(limit) <= 20 else 0
    if 0 < most < size:
        text = f"the message has {size} octets, and the server takes no more than {most}"
        raise Trouble(impossible("5.3.4", text, "mail"))


async def _envelope(
    line: Line, commands: Sequence[bytes], recipients: Sequence[Address], outcomes: Outcomes, patience: Patience
) -> bool:
    """Whether the server waits for the message; the recipients that it refused have their outcome then."""
    mail, *rest = commands
    if "PIPELINING" not in line.extensions:
        line.conversation.say(mail)
        await _mail(line, 0, patience)
        if not await _recipients(line, recipients, lambda at: line.conversation.say(rest[at]), outcomes, patience):
            return False
        line.conversation.say(b"DATA\r\n")
        return await _data(line, patience)
    line.conversation.say(b"".join((mail, *rest, b"DATA\r\n")))
    await _mail(line, len(rest) + 1, patience)
    accepted = await _recipients(line, recipients, lambda _: None, outcomes, patience)
    return await _data(line, patience) if accepted else await _no_data(line, patience)


async def _mail(line: Line, behind: int, patience: Patience) -> None:
    """``behind`` replies belong to commands that have left with it: refused, they are read for the next message."""
    reply = await line.conversation.reply("mail", patience.command)
    if reply.code // 100 == 2:
        return
    outcome = answered(reply.code, reply.text, "mail")
    last = reply
    for _ in range(behind if outcome.code not in {0, 421} else 0):
        last = await _other(line, outcome, patience)
    if last.code == GO_ON:  # for whom? Nothing that we say now is sure to be a command
        line.conversation.close()
    raise Trouble(outcome)


async def _other(line: Line, outcome: Outcome, patience: Patience) -> Reply:
    try:
        return await line.conversation.reply("mail", patience.command)
    except Trouble:
        raise Trouble(outcome) from None  # the refusal was heard, whatever became of the connection


async def _recipients(
    line: Line, recipients: Sequence[Address], say: Callable[[int], None], outcomes: Outcomes, patience: Patience
) -> bool:
    """Whether any was accepted; the others have their outcome then."""
    accepted = False
    for at, address in enumerate(recipients):
        say(at)
        reply = await line.conversation.reply("rcpt", patience.command)
        if reply.code // 100 == 2:
            accepted = True
            continue
        outcome = answered(reply.code, reply.text, "rcpt")
        if outcome.code in {0, 421}:
            raise Trouble(outcome)
        outcomes[address.key] = outcome
    return accepted


async def _data(line: Line, patience: Patience) -> bool:
    reply = await line.conversation.reply("data", patience.data)
    if reply.code != GO_ON:
        raise Trouble(refused(reply.code, reply.text, "data"))
    if not line.conversation.is_quiet and not line.conversation.was_lost:
        raise Trouble(unanswered("data", "the server answered more than it was asked"))
    return True


async def _no_data(line: Line, patience: Patience) -> bool:
    """All recipients were refused when DATA had left; a server that goes on all the same gets an empty end of data."""
    reply = await line.conversation.reply("data", patience.data)
    if reply.code == GO_ON:  # RFC 2920 section 3.1
        await line.conversation.ask(b".\r\n", "final", patience.final)
    elif reply.code // 100 not in {4, 5}:
        line.conversation.close()
    return False


async def _message(line: Line, raw: bytes, patience: Patience) -> Outcome:
    all_left = await send(line.conversation, raw, patience.block)
    reply = await line.conversation.reply("final", patience.final)
    if all_left:
        return answered(reply.code, reply.text, "final")
    line.conversation.close()
    return refused(reply.code, reply.text, "final")


async def _reset(line: Line, last: Outcome | None, patience: Patience) -> None:
    """Makes the connection good for the next message, or closes it."""
    if last is not None and (last.code == 421 or (not last.code and last.delivery is Delivery.PENDING)):
        line.conversation.close()
    elif last is not None and (last.stage == "final" or not last.code):
        return  # RFC 5321 section 4.1.1.4: the end of data ended the transaction; or it was never begun
    else:
        try:
            expect(await line.conversation.ask(b"RSET\r\n", "rset", patience.command), 250, "rset")
        except Trouble:
            line.conversation.close()


def _words(words: str) -> bytes:
    return f" {words}".encode() if words else b""


def _path(address: Address | None) -> bytes:
    return f"<{address or ''}>".encode()


def _needs_utf8(envelope: Envelope, raw: bytes) -> bool:
    senders = () if envelope.sender is None else (envelope.sender,)
    if any(not address.is_ascii for address in (*senders, *envelope.recipients)):
        return True
    return envelope.smtputf8 and not is_ascii(raw[: Header.read(raw).end])
