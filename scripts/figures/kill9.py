"""Figure 3: kill -9 in the middle of 1,000 submissions by 10 clients, and what became of each message."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import smtplib
import threading
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from scripts.figures.setting import Setting, setting
from tests.journey.firm import ANA_PASSWORD
from tests.journey.mail import note, read
from tests.waiting import until

CLIENTS = 10
DRAINED_WITHIN = 600.0  # seconds after the last submission


@dataclass
class Round:
    """What the clients saw; `up` is clear while the daemon is down."""

    acknowledged: set[str] = field(default_factory=set)
    unanswered: set[str] = field(default_factory=set)
    port: int = 0
    up: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=1000)
    parser.add_argument("--trial", action="store_true", help="the trial provider instead of Postfix and Dovecot")
    given = parser.parse_args()
    print("round  acknowledged  delivered  duplicated  lost  delivered-without-250  killed-at  ready-again  drained")
    for number in range(1, given.rounds + 1):
        async with setting(real=not given.trial) as now:
            print(f"{number:5}", await one_round(now, given.messages), flush=True)


async def one_round(now: Setting, messages: int) -> str:
    state = Round(port=now.gateway.submission_port)
    state.up.set()
    kill_at = random.randint(messages // 4, messages * 3 // 4)
    shares = [messages // CLIENTS + (client < messages % CLIENTS) for client in range(CLIENTS)]
    with ThreadPoolExecutor(CLIENTS) as clients:  # of their own: they wait, and the daemon's start must not
        running = [clients.submit(submissions, now, state, share) for share in shares]
        await until(lambda: len(state.acknowledged) >= kill_at, timeout=600, what="the moment to kill")
        state.up.clear()
        await now.gateway.kill9()
        await now.gateway.start()
        state.port = now.gateway.submission_port
        state.up.set()
        await asyncio.gather(*map(asyncio.wrap_future, running))
    begun = time.monotonic()
    counts = await drained(now, state)
    lost = len(state.acknowledged - set(counts))
    extra = len(state.unanswered & set(counts))
    doubles = sum(counts.values()) - len(counts)
    return (
        f"{len(state.acknowledged):13} {len(counts):10} {doubles:11} {lost:5} {extra:22} {kill_at:10} "
        f"{now.gateway.ready_after:9.2f} s {time.monotonic() - begun:6.1f} s"
    )


def submissions(now: Setting, state: Round, share: int) -> None:
    """One client's share over one connection; after the kill it goes on with the new daemon."""
    smtp: smtplib.SMTP | None = None
    for _ in range(share):
        mark = uuid.uuid4().hex
        raw = note(now.firm.support, now.firm.client, html=True, more=f"X-Mark: {mark}\r\n")
        try:
            if smtp is None:
                state.up.wait()
                smtp = smtplib.SMTP("127.0.0.1", state.port, timeout=60)
                smtp.login("ana", ANA_PASSWORD)
            smtp.sendmail(now.firm.support, [now.firm.client], raw)
        except (OSError, smtplib.SMTPException):
            with state.lock:
                state.unanswered.add(mark)
            smtp = None
            continue
        with state.lock:
            state.acknowledged.add(mark)
    if smtp is not None:
        with contextlib.suppress(OSError, smtplib.SMTPException):
            smtp.quit()


async def drained(now: Setting, state: Round) -> Counter[str]:
    """Wait until nothing is queued any more, here and at the provider, and count what the client got."""

    async def counted() -> Counter[str]:
        return Counter(str(read(raw)["X-Mark"]) for raw in await now.provider.messages(now.firm.client))

    async def idle() -> bool:
        queue = (await now.gateway.get("/v1/status"))["queue"]
        return not any(queue.get(waiting, 0) for waiting in ("queued", "active", "held"))

    async def complete() -> bool:
        return state.acknowledged <= set(await counted())

    with contextlib.suppress(TimeoutError):  # what is missing then is counted as lost
        await until(idle, timeout=DRAINED_WITHIN, what="an empty queue")
        await until(complete, timeout=60, what="everything acknowledged at the client's")
    return await counted()


if __name__ == "__main__":
    asyncio.run(main())
