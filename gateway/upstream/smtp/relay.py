"""The relay: for each mailbox a few connections that are kept for the next message."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import aiosmtplib
import structlog

from gateway.domain.address import Address
from gateway.domain.firm import Mailbox
from gateway.domain.mail import Delivery, Outcome
from gateway.upstream.smtp.account import open_account
from gateway.upstream.smtp.outcomes import Trouble
from gateway.upstream.smtp.patience import Patience
from gateway.upstream.smtp.transaction import transact

MAX_CONNECTIONS = 2  # at once for one mailbox: Microsoft 365 takes 3
MAX_IDLE = 30.0  # seconds; servers hang up on idle clients after a minute or more
GOODBYE = 2.0  # seconds for the answer to QUIT, which changes nothing any more
MAX_MESSAGES = 100  # over one connection; Gmail and Postfix end it around there


log = structlog.get_logger()


@dataclass(slots=True)
class _Line:
    client: aiosmtplib.SMTP
    mailbox: Mailbox  # as it was when the connection was opened
    messages: int = 0
    closing: asyncio.TimerHandle | None = None


class SmtpRelay:
    """``hostname`` is what we call ourselves in EHLO; ``trust`` a PEM file of authorities besides the system's."""

    def __init__(self, *, hostname: str, trust: Path | None = None, patience: Patience | None = None) -> None:
        self._hostname = hostname
        self._trust = trust
        self._patience = patience or Patience()
        self._closed = False
        self._turns: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(MAX_CONNECTIONS))
        self._idle: defaultdict[str, list[_Line]] = defaultdict(list)

    async def deliver(
        self,
        mailbox: Mailbox,
        sender: Address | None,
        recipients: Sequence[Address],
        raw: bytes,
        *,
        smtputf8: bool = False,
    ) -> dict[str, Outcome]:
        """One transaction; an outcome for each recipient, by address key. ``raw`` has CRLF line ends.

        What went wrong is in the outcomes: PENDING to try again, FAILED for good. Only SignInRefused is raised: then
        nothing was sent, and trying again will not help before the settings have changed. A message may have been
        delivered although its outcome is PENDING at stage "final" (RFC 1047).
        """
        async with self._turns[mailbox.key]:
            try:
                while True:
                    line = self._kept(mailbox) or await self._new(mailbox)
                    outcomes = await transact(
                        line.client, sender, recipients, raw, smtputf8=smtputf8, patience=self._patience
                    )
                    line.messages += 1
                    self._keep(line)
                    if line.messages == 1 or not _gone(outcomes):
                        return outcomes
            except Trouble as trouble:
                return {address.key: trouble.outcome for address in recipients}

    async def close(self) -> None:
        """Says goodbye on all idle connections; those in use are closed when they are done."""
        self._closed = True
        lines = [line for lines in self._idle.values() for line in lines]
        self._idle.clear()
        await asyncio.gather(*map(_say_goodbye, lines))

    def _kept(self, mailbox: Mailbox) -> _Line | None:
        """A connection that is still open, and was opened with the settings of now."""
        idle = self._idle[mailbox.key]
        while idle:
            line = idle.pop()
            if line.closing is not None:
                line.closing.cancel()
            if line.client.is_connected and _account(line.mailbox) == _account(mailbox):
                return line
            _hang_up(line)
        return None

    async def _new(self, mailbox: Mailbox) -> _Line:
        return _Line(
            await open_account(mailbox, hostname=self._hostname, trust=self._trust, patience=self._patience), mailbox
        )

    def _keep(self, line: _Line) -> None:
        if self._closed or line.messages >= MAX_MESSAGES or not line.client.is_connected:
            _hang_up(line)
            return
        idle = self._idle[line.mailbox.key]
        line.closing = asyncio.get_running_loop().call_later(MAX_IDLE, self._expire, line)
        idle.append(line)

    def _expire(self, line: _Line) -> None:
        idle = self._idle[line.mailbox.key]
        if line in idle:
            idle.remove(line)
            _hang_up(line)


def _account(mailbox: Mailbox) -> tuple[object, ...]:
    return mailbox.smtp, mailbox.username, mailbox.password


def _gone(outcomes: dict[str, Outcome]) -> bool:
    """Whether a kept connection turned out to be at its end before the message began: then a new one may do."""
    return any(outcome.stage == "mail" and outcome.code in {0, 421} for outcome in outcomes.values()) and not any(
        outcome.delivery is Delivery.FAILED for outcome in outcomes.values()
    )


async def _say_goodbye(line: _Line) -> None:
    if line.closing is not None:
        line.closing.cancel()
    transport = line.client.transport
    try:
        await line.client.quit(timeout=GOODBYE)
    except (aiosmtplib.SMTPException, OSError) as error:
        log.debug("no goodbye", mailbox=line.mailbox.key, error=type(error).__name__)
    line.client.close()
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()  # not to wait for the other side's end of TLS
    await asyncio.sleep(0)


def _hang_up(line: _Line) -> None:
    """QUIT without waiting for the answer."""
    if line.closing is not None:
        line.closing.cancel()
    if line.client.is_connected and line.client.protocol is not None:
        line.client.protocol.write(b"QUIT\r\n")
    line.client.close()
