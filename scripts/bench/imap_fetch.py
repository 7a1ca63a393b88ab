"""CPU a message of fetching small messages: the gateway's IMAP session against plain imaplib, in the same run.

Starts a Dovecot of its own: ``python -m scripts.bench.imap_fetch [messages]`` from the repository's root.
"""

from __future__ import annotations

import asyncio
import imaplib
import mailbox
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from gateway.domain.firm import Endpoint, Secret, Security
from gateway.upstream.imap import open_session
from tests.peers.ca import Ca
from tests.peers.dovecot import USERS, Dovecot

USER = "bench@firm.example"
ROUNDS = 5
BATCH = 200
ITEMS = "(UID RFC822.SIZE INTERNALDATE BODY.PEEK[HEADER]<0.131072>)"


def fill(dovecot: Dovecot, count: int) -> None:
    """Put the messages into the Maildir at once: delivering them one by one takes longer than the measurement."""
    dovecot.add_user(USER)
    local, _, domain = USER.partition("@")
    folder = dovecot.folder / "mail" / domain / local / "Maildir"
    box = mailbox.Maildir(folder)
    header = "".join(f"X-Trace-{number}: {'x' * 60}\r\n" for number in range(20))
    for number in range(count):
        box.add(
            f"From: a{number}@b.example\r\nTo: {USER}\r\nSubject: {number}\r\n{header}\r\n{'hello ' * 200}\r\n".encode()
        )
    for path in [folder, *folder.rglob("*")]:
        shutil.chown(path, USERS, "nogroup")


def with_imaplib(dovecot: Dovecot, count: int, *, whole: bool) -> int:
    with imaplib.IMAP4(dovecot.host, dovecot.imap_port) as imap:
        imap.login(USER, dovecot.password)
        imap.select("INBOX", readonly=True)
        octets = 0
        if whole:
            for uid in range(1, count + 1):
                _, rows = imap.uid("FETCH", str(uid), "(UID BODY.PEEK[]<0.1000001>)")
                octets += sum(len(row[1]) for row in rows if isinstance(row, tuple))
            return octets
        for start in range(1, count + 1, BATCH):
            _, rows = imap.uid("FETCH", f"{start}:{start + BATCH - 1}", ITEMS)
            octets += sum(len(row[1]) for row in rows if isinstance(row, tuple))
        return octets


def with_session(dovecot: Dovecot, count: int, *, whole: bool) -> int:
    return asyncio.run(_with_session(dovecot, count, whole=whole))


async def _with_session(dovecot: Dovecot, count: int, *, whole: bool) -> int:
    endpoint = Endpoint(dovecot.host, dovecot.imap_port, Security.NONE)
    session = await open_session(endpoint, USER, Secret(dovecot.password))
    await session.examine("INBOX")
    octets = 0
    if whole:
        for uid in range(1, count + 1):
            octets += len(await session.fetch_body(uid, 1_000_000) or b"")
    else:
        for start in range(1, count + 1, BATCH):
            octets += sum(len(row.header) for row in await session.fetch_headers(start, start + BATCH - 1))
    await session.close()
    return octets


def cpu(fetch: Callable[[], int]) -> tuple[float, int]:
    start = time.process_time()
    octets = fetch()
    return time.process_time() - start, octets


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    folder = Path(tempfile.mkdtemp())
    dovecot = Dovecot(Ca(folder))
    try:
        dovecot.start()
        fill(dovecot, count)
        for whole, what in ((False, f"headers, {BATCH} a command"), (True, "bodies, one a command")):
            measure(dovecot, count, what, whole=whole)
    finally:
        dovecot.remove()
        shutil.rmtree(folder)


def measure(dovecot: Dovecot, count: int, what: str, *, whole: bool) -> None:
    ours, theirs = [], []
    for _ in range(ROUNDS):
        seconds, octets = cpu(lambda: with_session(dovecot, count, whole=whole))
        ours.append(seconds)
        seconds, same = cpu(lambda: with_imaplib(dovecot, count, whole=whole))
        theirs.append(seconds)
        assert octets == same > 0, (octets, same)
    mine, plain = (statistics.median(times) / count * 1000 for times in (ours, theirs))
    print(f"{count} {what}: session {mine:.4f} ms, imaplib {plain:.4f} ms CPU a message, ratio {mine / plain:.2f}")


if __name__ == "__main__":
    main()
