"""Has messages weighed before they are filed: answers what the decision asks of DNS, so often and so long at most."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gateway.domain.firm import Firm, Mailbox
from gateway.domain.large import Mail
from gateway.domain.verdict import Verdict, Weighed
from gateway.inbound.filing import Said
from gateway.policy.boundary import Trust
from gateway.policy.evidence import gather
from gateway.policy.lookup import FAILED, Answer, Lookup, Question
from gateway.store.store import Store
from gateway.upstream.providers import Facts

OFF_THE_LOOP = 256 * 1024  # octets; checking the signature of more would hold other mailboxes up
MAX_QUESTIONS = 80  # of one message; SPF at its worst asks 120, real mail ten
MAX_SECONDS = 8.0  # of one message, all of its questions; what is not answered by then is not known
AT_ONCE = 10  # messages of one batch

Ask = Callable[[Question], Awaitable[Answer]]


async def unanswered(_question: Question) -> Answer:
    """Nobody is asked: only what the mailbox's provider says counts."""
    return FAILED


@dataclass(frozen=True, slots=True)
class Given:
    """A message to be weighed."""

    raw: Mail = field(repr=False)
    sha256: str
    said: Said  # by itself
    is_new: bool


class Weigher:
    """For all mailboxes; ``ask`` answers from DNS, and never raises."""

    def __init__(self, store: Store, ask: Ask) -> None:
        self._store = store
        self._ask = ask

    async def all(
        self, firm: Firm, mailbox: Mailbox, facts: Facts, given: Sequence[Given], now: datetime
    ) -> list[Weighed]:
        """For each message its verdict; one that is known keeps its own."""
        known = await self._store.verdicts.known([one.sha256 for one in given])
        trust = trusted(mailbox, facts)
        own = {one.address.domain for one in firm.mailboxes}
        room = asyncio.Semaphore(AT_ONCE)

        async def weighed(one: Given) -> Weighed:
            if one.sha256 in known:
                return known[one.sha256]
            async with room:
                lookup = gather(one.raw, one.said.header, trust=trust, now=now, announced=one.is_new, own=own)
                return Weighed(await self._run(lookup, off_the_loop=len(one.raw) > OFF_THE_LOOP))

        if len(given) == 1:
            return [await weighed(given[0])]
        async with asyncio.TaskGroup() as tasks:
            weighing = [tasks.create_task(weighed(one)) for one in given]
        return [task.result() for task in weighing]

    async def _run(self, lookup: Lookup[Verdict], *, off_the_loop: bool) -> Verdict:
        clock = asyncio.get_running_loop()
        until = clock.time() + MAX_SECONDS
        answer: Answer | None = None
        asked = 0
        while True:
            step = await asyncio.to_thread(_step, lookup, answer) if off_the_loop else _step(lookup, answer)
            if isinstance(step, Verdict):
                return step
            asked += 1
            left = until - clock.time()
            answer = await self._answered(step, left) if asked <= MAX_QUESTIONS and left > 0 else FAILED

    async def _answered(self, question: Question, seconds: float) -> Answer:
        try:
            async with asyncio.timeout(seconds):
                return await self._ask(question)
        except TimeoutError:
            return FAILED


def trusted(mailbox: Mailbox, facts: Facts) -> Trust:
    """Whose results count in a mailbox: the provider's, and those of the name that its settings have."""
    named = mailbox.authserv_id
    if named and not Trust(facts.authserv_ids).knows(named):
        return Trust((named,))
    return Trust(facts.authserv_ids, always=bool(facts.authserv_ids), servers=facts.servers)


def _step(lookup: Lookup[Verdict], answer: Answer | None) -> Question | Verdict:
    """The next question, or what it came to; a generator's end can't be raised through a thread's future."""
    try:
        return next(lookup) if answer is None else lookup.send(answer)
    except StopIteration as done:
        verdict: Verdict = done.value
        return verdict
