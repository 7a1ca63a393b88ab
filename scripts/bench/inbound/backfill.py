"""One mailbox read from its first message to its last by each program in turns, as each does it out of the box."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.bench.inbound.letters import OFFICE
from scripts.bench.inbound.server import Server, firm, settings
from scripts.bench.outbound import usage
from tests.gateway_process import GatewayProcess
from tests.peers.dovecot import USERS
from tests.waiting import until

PATIENCE = 1800.0  # seconds; the slowest needs a minute for 10,000 messages on an idle machine

_AS_NOBODY = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")  # getmail delivers nothing as root

_MBSYNC = """
IMAPAccount bench
Host localhost
Port {port}
User {user}
Pass {password}
SSLType IMAPS
CertificateFile {trust}

IMAPStore far
Account bench

MaildirStore near
Path {folder}/near/
Inbox {folder}/near/INBOX

Channel bench
Far :far:
Near :near:
Patterns INBOX
Create Near
Sync Pull
SyncState *
"""

_GETMAIL = """
[retriever]
type = SimpleIMAPSSLRetriever
server = localhost
port = {port}
username = {user}
password = {password}
ca_certs = {trust}

[destination]
type = Maildir
path = {folder}/near/

[options]
read_all = true
delete = false
verbose = 0
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one run."""

    seconds: float
    cpu_ms: float
    peak: int  # octets


@dataclass(frozen=True, slots=True)
class Reader:
    """A program that reads the mailbox; ``lacks`` names its package where it is not there."""

    name: str
    program: str
    package: str
    run: Callable[[Server, int], Figures]

    def lacks(self) -> str | None:
        return (
            None
            if not self.package or shutil.which(self.package.rstrip("6").replace("isync", "mbsync"))
            else self.package
        )


def postern(server: Server, messages: int) -> Figures:
    """Searched, fetched, filed with thread and documents, each message durable, until the mailbox is live."""
    return asyncio.run(_postern(server, messages))


async def _postern(server: Server, messages: int) -> Figures:
    with tempfile.TemporaryDirectory(prefix="bench-postern-") as room:
        gateway = GatewayProcess(Path(room), "", settings(server.trust))
        async with gateway:
            gateway.firm.write_text(firm(server, [OFFICE], ("INBOX",)))
            with usage.Peak([gateway.pid]) as peak:
                before, begun = usage.cpu_ms([gateway.pid]), time.monotonic()
                await gateway.cli("apply", str(gateway.firm))
                await until(lambda: _live(gateway, messages), timeout=PATIENCE, what="the whole mailbox")
                seconds = time.monotonic() - begun
                spent = usage.cpu_ms([gateway.pid]) - before
            return Figures(seconds, spent, peak.octets)


async def _live(gateway: GatewayProcess, messages: int) -> bool:
    await asyncio.sleep(0.2)  # the look itself costs the daemon something
    status: dict[str, Any] = await gateway.get("/v1/status")
    found = status["mailboxes"]
    return bool(found) and found[0]["filed"] >= messages and found[0]["state"] == "live"


def mbsync(server: Server, messages: int) -> Figures:
    return _program(server, messages, _MBSYNC, lambda rc: ["mbsync", "-q", "-c", str(rc), "bench"])


def getmail(server: Server, messages: int) -> Figures:
    return _program(
        server, messages, _GETMAIL, lambda rc: ["getmail", f"--getmaildir={rc.parent}", f"--rcfile={rc.name}", "-q"]
    )


def _program(server: Server, messages: int, config: str, command: Callable[[Path], list[str]]) -> Figures:
    with tempfile.TemporaryDirectory(prefix="bench-reader-") as room:
        folder = Path(room)
        for name in ("cur", "new", "tmp"):
            (folder / "near" / name).mkdir(parents=True)
        rc = folder / "rc"
        values = {"port": server.dovecot.imaps_port, "user": OFFICE, "password": server.dovecot.password}
        rc.write_text(config.format(folder=folder, trust=server.trust, **values))
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, USERS, "nogroup")
        words = [*_AS_NOBODY, *command(rc)]
        begun = time.monotonic()
        pid = os.posix_spawnp(words[0], words, os.environ | {"HOME": room})
        with usage.Peak([pid]) as peak:  # what wait4 says of memory begins with ours
            _, status, spent = os.wait4(pid, 0)
        seconds = time.monotonic() - begun
        there = sum(1 for path in (folder / "near").rglob("*") if path.is_file() and path.parent.name in {"cur", "new"})
        if status or there != messages:
            sys.exit(f"{words[len(_AS_NOBODY)]} ended with {status} and {there} of {messages} messages")
        return Figures(seconds, (spent.ru_utime + spent.ru_stime) * 1000, peak.octets)


READERS = (
    Reader("Postern: searched, fetched, filed, fsynced", "", "", postern),
    Reader("mbsync: fetched into a Maildir", "mbsync", "isync", mbsync),
    Reader("getmail6: fetched into a Maildir", "getmail", "getmail6", getmail),
)
