"""The walk itself: one step after the other until one fails, each timed, and no secret in what it says."""

from __future__ import annotations

import asyncio
import socket
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

from gateway.domain.diagnosis import Diagnosis, Step, Verdict
from gateway.domain.errors import PosternError
from gateway.domain.firm import Endpoint, Mailbox
from gateway.upstream.diagnose.found import Failed, Found
from gateway.upstream.diagnose.imap import Imap
from gateway.upstream.diagnose.smtp import Smtp
from gateway.upstream.diagnose.words import explained
from gateway.upstream.smtp.outcomes import Trouble

STEP_SECONDS = 30.0  # for one step: all of them together end within what a person waits for
HIDDEN = "[secret]"

log = structlog.get_logger()

Work = Callable[[], Awaitable[Found]]


async def diagnose(mailbox: Mailbox, *, hostname: str = "", trust: Path | None = None) -> Diagnosis:
    """Walks to all servers of the mailbox; never raises for what they do. Each is signed in to at most once.

    ``hostname`` is what we call ourselves to SMTP (empty: this machine's name); ``trust`` a PEM file of authorities
    besides the system's.
    """
    imap, smtp = Imap(mailbox, mailbox.imap, trust), Smtp(mailbox, hostname or socket.gethostname(), trust)
    reading: list[tuple[str, Work]] = [
        ("imap name", imap.name),
        ("imap tcp", imap.tcp),
        ("imap tls", imap.tls),
        ("imap login", imap.login),
        ("folders", imap.folders),
        ("idle", imap.idle),
    ]
    sending: list[tuple[str, Work]] = [
        ("smtp name", smtp.name),
        ("smtp tcp", smtp.tcp),
        ("smtp tls", smtp.tls),
        ("smtp login", smtp.login),
    ]
    walk = _Walk(mailbox)
    try:
        for name, work in reading:
            await walk.take(name, work, mailbox.imap)
    finally:
        await imap.close()
    for name, work in sending:
        await walk.take(name, work, mailbox.smtp)
    if second := mailbox.by_fallback:
        way = Smtp(second, hostname or socket.gethostname(), trust)
        for name, work in (("name", way.name), ("tcp", way.tcp), ("tls", way.tls), ("login", way.login)):
            await walk.take(f"fallback {name}", work, second.smtp)
    found = Diagnosis(mailbox.key, tuple(walk.steps))
    log.info("mailbox-tested", mailbox=mailbox.key, verdict=found.verdict.value)
    return found


class _Walk:
    def __init__(self, mailbox: Mailbox) -> None:
        self.steps: list[Step] = []
        self._over = False
        second = mailbox.by_fallback
        self._secrets = _secrets(mailbox) + (_secrets(second) if second else [])

    async def take(self, name: str, work: Work, endpoint: Endpoint) -> None:
        """One step, unless an earlier one failed."""
        if self._over:
            self.steps.append(Step(name, Verdict.NOT_TRIED))
            return
        begun = time.monotonic()
        try:
            async with asyncio.timeout(STEP_SECONDS):
                found = await work()
        except (PosternError, Trouble, OSError, Failed) as error:
            failed = explained(error, endpoint)
            verdict, text, advice = Verdict.FAILED, failed.text, failed.advice
            self._over = True
        else:
            verdict, text, advice = Verdict.WARNING if found.advice else Verdict.WELL, found.text, found.advice
        seconds = time.monotonic() - begun
        self.steps.append(Step(name, verdict, seconds, self._without_secrets(text), self._without_secrets(advice)))

    def _without_secrets(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return text


def _secrets(mailbox: Mailbox) -> list[str]:
    """The password in every form in which it went over the wire: some servers repeat what they refuse."""
    password = mailbox.password.value
    if not password:
        return []
    octets, user = (text.encode("utf-8", "surrogateescape") for text in (password, mailbox.username))
    coded = (b"\0" + user + b"\0" + octets, b"\0".join((user, user, octets)), octets)
    return [*(b64encode(one).decode("ascii") for one in coded), password]
