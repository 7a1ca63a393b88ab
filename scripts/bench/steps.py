"""Where the CPU of a message goes, step by step on its way out: python -m scripts.bench.steps [--size OCTETS].

Each step is what the daemon does for one letter of the outbound benchmark (rule, signature, one blind copy), run alone
in this process; the best of several rounds, user and system time of all threads. What is left of the whole message
(`python -m scripts.bench.outbound --only d`) is the event loop, its tasks, the sockets of the mail program, and the
threads waiting for each other.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import structlog
import uvloop

from gateway.app import logs
from gateway.domain.address import Address
from gateway.domain.firm import Endpoint, Firm, Mailbox, Member, Role, Rule, Secret, Security, Signature, When
from gateway.domain.mail import Delivery, Outcome, QueueEntry, QueueState, Submission
from gateway.mime.render import render
from gateway.outbound import accept
from gateway.outbound.compose import Stamp, edits_for
from gateway.outbound.prepare import Preparation, Prepared
from gateway.outbound.signing import Signing
from gateway.outbound.telling import say
from gateway.policy.resubmission import start_fingerprint
from gateway.policy.rules import decide
from gateway.settings.gateway import Settings, parse
from gateway.store.room import Room
from gateway.store.scratch import Scratch
from gateway.store.store import Store
from gateway.submission.session import Session
from gateway.submission.terms import Accept, Terms
from gateway.submission.wire import Wire
from gateway.upstream.imap.session import open_session
from gateway.upstream.smtp import Attempt, Envelope, SmtpRelay
from scripts.bench.outbound.letters import ARCHIVE, CLIENT, MEMBERS, PASSWORD, asked, letter, login, shown
from scripts.bench.outbound.postfix import SIGNATURE
from scripts.bench.outbound.sink import Sink

LETTERS = 100  # a round
ROUNDS = 7
AT_ONCE = 10  # sessions that hand something to the store at the same time

DELIVERED = Outcome(Delivery.DELIVERED, 250, "2.0.0", "Ok", "final")


def address(text: str) -> Address:
    return Address(*text.split("@"))


def octets(ready: Prepared) -> bytes:
    """What leaves; nothing here was foreseen, so it is in memory."""
    assert isinstance(ready.raw, bytes)
    return ready.raw


def bench_firm(imap: int, smtp: int) -> Firm:
    """The firm of the outbound benchmark, as values."""
    near = Endpoint("127.0.0.1", imap, Security.NONE), Endpoint("127.0.0.1", smtp, Security.NONE)
    members = tuple(Member(login(number), f"Member {number}", Role.OWNER) for number in range(MEMBERS))
    mailboxes = tuple(
        Mailbox(address(one), "Office", (login(number),), one, Secret(PASSWORD), *near, signature="office")
        for number in range(MEMBERS)
        for one in (asked(number), shown(number))
    )
    rules = tuple(
        Rule(login(number), When(member=(login(number),)), send_as=address(shown(number)), bcc=(address(ARCHIVE),))
        for number in range(MEMBERS)
    )
    html = f"<p><b>{SIGNATURE.replace('&', '&amp;')}</b></p>"
    signatures = (Signature("office", f"-- \n{SIGNATURE}", html),)
    return Firm("Popescu", members=members, mailboxes=mailboxes, rules=rules, signatures=signatures)


class Bench:
    """Letters, and what each step made of them for the next."""

    def __init__(self, store: Store, firm: Firm, settings: Settings, size: int) -> None:
        self.store, self.firm, self.settings = store, firm, settings
        self.found: list[tuple[str, float]] = []
        self.letters = [letter(size, number) for number in range(MEMBERS)]
        self.preparation = Preparation(
            store, firm=lambda: firm, settings=lambda: settings, now=now, signing=Signing(store.dkim)
        )
        self.submissions = [self.submission(number) for number in range(LETTERS)]

    def submission(self, number: int) -> Submission:
        who = number % MEMBERS
        raw = self.letters[who].numbered(f"{number}.{time.monotonic_ns()}")
        return Submission(login(who), address(asked(who)), (address(CLIENT),), raw, now(), peer="127.0.0.1")

    def add(self, step: str, *rounds: float) -> None:
        self.found.append((step, min(rounds) * 1e6 / LETTERS))
        print(f"{step:58} {self.found[-1][1]:8.0f}", flush=True)

    def each(self, step: str, work: Callable[[int], object]) -> None:
        self.add(step, *(spent(lambda: [work(number) for number in range(LETTERS)]) for _ in range(ROUNDS)))

    async def acceptance(self) -> list[Prepared]:
        given, step = self.submissions, self.each
        allowed = [await self.preparation.authorise(one) for one in given]
        stamp = Stamp("ABCDEFGHJKLM", "0123456789abcdef" * 2, "mail.firm.example", now())
        decided = [decide(self.firm, one) for one in allowed]
        edits = [edits_for(self.firm, one, how, stamp) for one, how in zip(allowed, decided, strict=True)]
        ready = [await self.preparation.render(one) for one in allowed]
        step("read the header and authorise", lambda at: run(self.preparation.authorise(given[at])))
        step("rules", lambda at: decide(self.firm, allowed[at]))
        step("edits and the signature filled in", lambda at: edits_for(self.firm, allowed[at], decided[at], stamp))
        step("render", lambda at: render(given[at].raw, edits[at], allowed[at].letter.header))
        step("hash", lambda at: hashlib.sha256(octets(ready[at])).hexdigest())
        step("queue entry", lambda at: self.entry(ready[at]))
        one = given[0]
        who = one.login, one.sender, one.recipients
        step("fingerprint", lambda at: start_fingerprint(*who).update(given[at].raw))
        return ready

    def entry(self, ready: Prepared) -> QueueEntry:
        return accept._entry(ready, hashlib.sha256(octets(ready)).hexdigest(), None, self.settings)

    async def queue(self, ready: Sequence[Prepared]) -> list[QueueEntry]:
        """The rows in and out, with `AT_ONCE` at the store at any time, as that many sessions would be."""
        rounds = [await self._queued(ready, [named(self.entry(one), turn) for one in ready]) for turn in range(ROUNDS)]
        steps = "message, entry and recipients", "two results and the end", "the sent copy's duty, claimed and done"
        for step, found in zip(steps, zip(*rounds, strict=True), strict=True):
            self.add(f"store: {step}", *found)
        return [named(self.entry(one), 0) for one in ready]

    async def _queued(self, ready: Sequence[Prepared], entries: Sequence[QueueEntry]) -> tuple[float, float, float]:
        queue = self.store.queue

        async def add(at: int) -> None:
            await queue.add(entries[at], octets(ready[at]), entries[at].id)

        async def keep(at: int) -> None:
            one = entries[at]
            first, last = ({who.address.key: DELIVERED} for who in one.recipients)
            await queue.record(one.id, first, recipients=one.recipients)
            await queue.settle(one.id, QueueState.DONE, now(), outcomes=last, recipients=one.recipients)

        async def file(_: int) -> None:
            copies = await queue.sent_due(now(), AT_ONCE)
            await queue.entries([one.queue_id for one in copies])
            await queue.sent_done(*(one.queue_id for one in copies))

        return await shared(add), await shared(keep), await shared(file, AT_ONCE)

    async def relay(self, entries: Sequence[QueueEntry], ready: Sequence[Prepared]) -> None:
        relay = SmtpRelay(hostname="mail.firm.example")
        boxes = self.firm.mailbox_by_key

        async def deliver(at: int) -> None:
            made: list[Attempt] = []
            envelopes = [Envelope(entries[at].sender, [one.address]) for one in entries[at].recipients]
            await relay.deliver_all(boxes[entries[at].mailbox], envelopes, octets(ready[at]), made.append)
            found = [one.delivery for attempt in made for one in attempt.outcomes.values()]
            assert found == [Delivery.DELIVERED] * len(envelopes)

        self.add("relay: two transactions", *[await shared(deliver) for _ in range(ROUNDS)])
        await relay.close()

    async def append(self, ready: Sequence[Prepared]) -> None:
        box = self.firm.mailboxes[0]
        session = await open_session(box.imap, box.username, box.password)

        async def copy(at: int) -> None:
            await session.append("Sent", octets(ready[at]), flags=("\\Seen",), at=now())

        self.add("sent copy: APPEND", *[await shared(copy, 1) for _ in range(ROUNDS)])
        await session.close()

    async def sessions(self) -> None:
        """One mail program that says one command after the other, all its words there already."""
        words = [b"EHLO a.example\r\nAUTH PLAIN AGFuYQB4\r\n"]
        for number in range(LETTERS):
            words.append(f"MAIL FROM:<{asked(0)}>\r\nRCPT TO:<{CLIENT}>\r\nDATA\r\n".encode())
            words.append(self.submissions[number].raw + b".\r\n")

        async def sign_in(*_: str) -> Member:
            return self.firm.members[0]

        async def taken(_: Submission) -> str:
            return "ABCDEFGHJKLM"

        async def no_file(_: Submission) -> tuple[Scratch, Accept]:
            raise AssertionError("a small message needs no file")

        terms = Terms("mail.firm.example", 50_000_000, False, None, sign_in, taken, now, no_file, Room())
        self.add("SMTP session, without its socket", *[await self._said(words, terms) for _ in range(ROUNDS)])

    async def _said(self, words: Sequence[bytes], terms: Terms) -> float:
        wire = Wire(lambda _: None)
        wire.connection_made(_Ear())
        before = time.process_time()
        wire.data_received(b"".join((*words, b"QUIT\r\n")))
        wire.eof_received()
        await Session(wire, terms).run()
        return time.process_time() - before

    def log(self, entries: Sequence[QueueEntry]) -> None:
        """The lines of a message: accepted, two transactions, the sent copy."""
        log = structlog.get_logger()
        made = Attempt({CLIENT: DELIVERED}, "127.0.0.1:25", 0.0, 0.0, 0.001)

        def lines(at: int) -> None:
            one = entries[at]
            log.info("accepted", queue_id=one.id, member=one.login, mailbox=one.mailbox, recipients=2, size=one.size)
            say(one, made, self.submissions[at].raw, one.accepted_at)
            say(one, made, self.submissions[at].raw, one.accepted_at)
            log.info("sent-copy", queue_id=one.id, mailbox=one.mailbox, folder="Sent")

        self.each("log: four lines", lines)


def named(entry: QueueEntry, turn: int) -> QueueEntry:
    """As it is when its attempt is booked, under an id of its own."""
    return replace(entry, id=f"{entry.id[:10]}{turn:02}", state=QueueState.ACTIVE, attempts=1)


class _Ear(asyncio.Transport):
    """Hears replies and forgets them."""

    def write(self, data: object) -> None: ...

    def write_eof(self) -> None: ...

    def can_write_eof(self) -> bool:
        return False

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def close(self) -> None: ...

    def abort(self) -> None: ...


def now() -> datetime:
    return datetime.now(UTC)


def spent(work: Callable[[], object]) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before


async def shared(work: Callable[[int], Awaitable[None]], step: int = 1) -> float:
    """CPU seconds for all letters, `AT_ONCE` of them at a time; ``step``: how many one call does."""
    numbers = iter(range(0, LETTERS, step))

    async def worker() -> None:
        for number in numbers:
            await work(number)

    before = time.process_time()
    await asyncio.gather(*(worker() for _ in range(AT_ONCE if step == 1 else 1)))
    return time.process_time() - before


def run(step: Awaitable[object]) -> None:
    """A step that waits for nothing."""
    with contextlib.suppress(StopIteration):
        next(iter(step.__await__()))


@contextlib.contextmanager
def provider() -> Iterator[int]:
    """Mailboxes for the sent copies, in a process of their own; the port."""
    child = subprocess.Popen([sys.executable, "-m", "scripts.bench.outbound.mailboxes"], stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        yield int(child.stdout.readline())
    finally:
        child.terminate()
        child.wait()


@contextlib.asynccontextmanager
async def bench(size: int) -> AsyncIterator[Bench]:
    with tempfile.TemporaryDirectory(prefix="bench-steps-") as room, provider() as imap:
        sink = Sink()
        settings = parse({"data_dir": room, "submission": {"hostname": "mail.firm.example"}}, base=Path(room))
        store = await Store.open(Path(room), url=None, key=bytes(32))
        try:
            yield Bench(store, bench_firm(imap, sink.port), settings, size)
        finally:
            await store.close()
            sink.stop()


async def main(size: int) -> None:
    async with bench(size) as steps:
        print(f"{f'µs of CPU for a message of {size} octets':58} {'':>8}")
        await steps.sessions()
        ready = await steps.acceptance()
        entries = await steps.queue(ready)
        await steps.relay(entries, ready)
        await steps.append(ready)
        steps.log(entries)
        print(f"{'all of these':58} {sum(cost for _, cost in steps.found):8.0f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=2_000)
    given = parser.parse_args()
    with Path(os.devnull).open("w", encoding="ascii") as sys.stderr:  # where the log goes
        logs.set_up("info", "json")
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main(given.size))
