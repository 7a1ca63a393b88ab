"""`postern trial`: one message's way there and back, through real sockets, told as it happens."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from pathlib import Path

import structlog

from gateway.domain.errors import Fault, Faulty
from gateway.trial import papers
from gateway.trial.child import GatewayChild
from gateway.trial.faults import Faults, parse_fault
from gateway.trial.provider import TrialProvider
from gateway.trial.steps import StepFailed, Story

HOST = "127.0.0.1"
SUBMISSION_PORT, SMTP_PORT, IMAP_PORT = 1587, 1025, 1143  # where they are free; else any

Say = Callable[[str], None]


def run_trial(
    data: Path | None,
    *,
    provider_only: bool,
    stay: bool,
    say: Say,
    accounts: Sequence[str] = (),
    faults: Sequence[str] = (),
    smtp_port: int = 0,
    imap_port: int = 0,
) -> int:
    """The exit code. ``data`` None: a new folder; ``stay``: up until SIGINT or SIGTERM; port 0: a free one.

    ``accounts`` are ``address:password``, beside those of the story; ``faults`` as `faults.parse_fault` reads them.
    Faulty where one of them is not understood.
    """
    _only_warnings()
    plan = Faults()
    for fault in faults:
        parse_fault(fault, plan)
    known = _accounts(accounts)
    if provider_only:
        provider = TrialProvider(known or papers.ACCOUNTS, faults=plan, smtp_port=smtp_port, imap_port=imap_port)
        return asyncio.run(_provide(provider, stay=stay, say=say))
    smtp_port, imap_port = smtp_port or _free(SMTP_PORT), imap_port or _free(IMAP_PORT)
    provider = TrialProvider(papers.ACCOUNTS | known, faults=plan, smtp_port=smtp_port, imap_port=imap_port)
    folder = data.absolute() if data is not None else Path(tempfile.mkdtemp(prefix="postern-trial-"))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return asyncio.run(_play(folder, provider, stay=stay, say=say))


async def _provide(provider: TrialProvider, *, stay: bool, say: Say) -> int:
    async with provider, _ended() as ended:
        say(f"The trial provider is up: SMTP {HOST}:{provider.smtp_port}, IMAP {HOST}:{provider.imap_port}, no TLS.")
        if stay:
            say("Ctrl-C ends it.")
            await ended.wait()
    return 0


async def _play(folder: Path, provider: TrialProvider, *, stay: bool, say: Say) -> int:
    child = GatewayChild(folder)
    async with provider, _ended() as ended:
        port = _free(SUBMISSION_PORT)
        papers.write(folder, submission_port=port, smtp_port=provider.smtp_port, imap_port=provider.imap_port)
        try:
            await _tell(Story(folder, provider, child, say), ended, stay=stay, say=say)
        except StepFailed as failed:
            say(f"✗ {failed}")
            for line in child.log_tail():
                say(f"  log: {line}")
            return 1
        finally:
            await child.stop()
    say(f"Everything has ended; what was kept lies in {folder}")
    return 0


async def _tell(story: Story, ended: asyncio.Event, *, stay: bool, say: Say) -> None:
    if not await _unless(ended, story.play()) or not stay:
        return
    _explain(story, say)
    if await _unless(ended, story.child.wait()):
        raise StepFailed("The gateway has ended by itself.")


async def _unless(ended: asyncio.Event, work: Coroutine[None, None, None]) -> bool:
    """Whether the work came to its end before we were told to end."""
    doing = asyncio.ensure_future(work)
    told = asyncio.ensure_future(ended.wait())
    try:
        await asyncio.wait([doing, told], return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            doing.result()
            return True
        return False
    finally:
        for task in (doing, told):
            task.cancel()
        await asyncio.gather(doing, told, return_exceptions=True)


def _explain(story: Story, say: Say) -> None:
    provider, postern = story.provider, f"{_program()} --socket {story.child.socket}"
    name = f'"{papers.CLIENT_NAME}"'
    for line in (
        "",
        "It stays up. Point a mail program at it (outgoing server, SMTP):",
        f"  server {HOST}, port {story.submission_port}, no TLS on this machine, password authentication",
        f"  user {papers.MEMBER}, password {papers.PASSWORD}, your address {papers.ION} or {papers.SUPPORT}",
        f"  and write to {papers.CLIENT}.",
        f"The mailboxes at the trial provider can be read over IMAP: server {HOST}, port {provider.imap_port}, no TLS,",
        f"  user {papers.CLIENT} or {papers.SUPPORT}, password {papers.ACCOUNTS[papers.CLIENT]}.",
        f"  The client answers through SMTP on port {provider.smtp_port} with the same.",
        "Look around:",
        f"  {postern} status",
        f"  {postern} mail list --client {name}",
        f"  {postern} document list --client {name}",
        f"  {postern} feed",
        "Ctrl-C ends it.",
    ):
        say(line)


def _program() -> str:
    beside = Path(sys.executable).with_name("postern")
    return str(beside) if beside.exists() else f"{sys.executable} -m gateway"


@contextlib.asynccontextmanager
async def _ended() -> AsyncIterator[asyncio.Event]:
    """Set when we are told to end."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, ended.set)
    try:
        yield ended
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _accounts(given: Sequence[str]) -> dict[str, str]:
    accounts: dict[str, str] = {}
    for text in given:
        address, colon, password = text.partition(":")
        if "@" not in address or not colon or not password:
            raise Faulty("the account is not understood", [Fault(address, "write it as ADDRESS:PASSWORD")])
        accounts[address] = password
    return accounts


def _free(port: int) -> int:
    """The port where nobody listens on it, else 0 for any."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return 0
    return port


def _only_warnings() -> None:
    """The story is what is read here; the provider's log would stand in its middle."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
