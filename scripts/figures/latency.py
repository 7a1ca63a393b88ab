"""Figure 2: swaks to Postern to Postfix, and Dovecot's LMTP to Postern's store: how long a message takes."""

from __future__ import annotations

import argparse
import asyncio
import imaplib
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from scripts.figures.setting import Setting, setting, spread
from tests.journey import seen
from tests.journey.firm import ANA_PASSWORD
from tests.journey.mail import answer, note
from tests.journey.provider import RealProvider
from tests.peers.programs import or_skip
from tests.waiting import until


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100)
    count = parser.parse_args().count
    async with setting(real=True) as now:
        assert isinstance(now.provider, RealProvider)
        print(f"ready {now.gateway.ready_after:.2f} s after start")
        await until(lambda: seen.is_live(now.gateway), timeout=60, what="the mailbox live")
        print("250 to swaks until it lies in the client's INBOX:", spread([await out(now) for _ in range(count)]))
        dovecot = [await asyncio.to_thread(idle, now.provider, f"idler@{now.firm.mark}.example") for _ in range(10)]
        print("LMTP's 250 until Dovecot tells an idling session:", spread(dovecot))
        print("LMTP's 250 until `postern feed --follow` says so:", spread(await inward(now, count)))


async def out(now: Setting) -> float:
    """One message; arrival is when Dovecot renamed the file into the Maildir, by the file's own clock."""
    assert isinstance(now.provider, RealProvider)
    local, _, domain = now.firm.client.rpartition("@")
    inbox = now.provider.server.dovecot.folder / "mail" / domain / local / "Maildir" / "new"
    before = set(inbox.iterdir()) if inbox.exists() else set()
    taken = await swaks_until_250(now)

    def fresh() -> set[Path]:
        return set(inbox.iterdir()) - before if inbox.exists() else set()

    (file,) = await until(fresh, timeout=60, what="the message")
    return file.stat().st_ctime - taken


async def swaks_until_250(now: Setting) -> float:
    """Return the wall clock's time when swaks printed the reply to the final dot."""
    with tempfile.TemporaryDirectory() as name:
        data = Path(name) / "message.eml"
        data.write_bytes(note(now.firm.support, now.firm.client, html=True).replace(b"\r\n", b"\n"))
        sign_in = ["--auth", "PLAIN", "--auth-user", "ana", "--auth-password", ANA_PASSWORD]
        server = ["--server", "127.0.0.1", "--port", str(now.gateway.submission_port)]
        envelope = ["--from", now.firm.support, "--to", now.firm.client, "--data", f"@{data}"]
        command = [or_skip("swaks"), *server, *sign_in, *envelope]
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        assert process.stdout is not None
        dot = taken = 0.0
        async for line in process.stdout:
            if line.strip() == b"-> .":
                dot = time.time()
            elif dot and not taken and line.startswith(b"<"):
                taken = time.time()
                assert b"250" in line, line
        assert await process.wait() == 0
        return taken


async def inward(now: Setting, count: int) -> list[float]:
    """From the end of LMTP's DATA until a follower of the feed is told, one message after the other."""
    command = [sys.executable, "-m", "gateway", "feed", "--follow", "--json"]
    environ = os.environ | {"POSTERN_SOCKET": str(now.gateway.socket), "PYTHONUNBUFFERED": "1"}
    feed = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, env=environ)
    assert feed.stdout is not None
    taken: list[float] = []
    for number in range(count):
        raw = answer(now.firm.client, now.firm.support, "Latency", f"<{number}@{now.firm.mark}>", f"{number}.pdf")
        await now.provider.deliver(now.firm.support, raw)
        delivered = time.monotonic()
        while True:
            event = json.loads(await asyncio.wait_for(feed.stdout.readline(), timeout=60))
            if event["kind"] == "client-mail":
                break
        taken.append(time.monotonic() - delivered)
    feed.terminate()
    await feed.wait()
    return taken


def idle(provider: RealProvider, address: str) -> float:
    """Return how long Dovecot itself takes to say EXISTS: what no client of its IDLE can beat."""
    with imaplib.IMAP4(provider.server.host, provider.imap_port, timeout=30) as imap:
        imap.login(address, provider.password)
        imap.select("INBOX", readonly=True)
        imap.send(b"x IDLE\r\n")
        imap.readline()
        provider.server.dovecot.deliver(address, note(address, address))
        delivered = time.monotonic()
        while b"EXISTS" not in imap.readline():
            pass
        told = time.monotonic() - delivered
        imap.send(b"DONE\r\n")
        while not imap.readline().startswith(b"x OK"):
            pass
        return told


if __name__ == "__main__":
    asyncio.run(main())
