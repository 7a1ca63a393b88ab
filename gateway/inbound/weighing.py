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

ON_THE_LOOP = 10  # messages: more are weighed in a thread, so that nobody waits for it

Ask = Callable[[Question], Awaitable[Answer]]
AtHand = Callable[[Question], Answer | None]
"""What an `Ask` would answer at once; called in any thread."""


async def unanswered(_question: Question) -> Answer:
    """Nobody is asked: only what the mailbox's provider says counts."""
    return FAILED


def nothing_at_hand(_question: Question) -> Answer | None:
    """Each question is asked."""
    return None


@dataclass(frozen=True, slots=True)
class Given:
    """A message to be weighed."""

    raw: Mail = field(repr=False)
    sha256: str
    said: Said  # by itself
    is_new: bool


@dataclass(slots=True)
class _Course:
    """Of one message, up to its verdict or to a question that has to be asked."""

    lookup: Lookup[Verdict]
    octets: int
    asked: int = 0
    came_to: Question | Verdict | None = None

    def go_on(self, answer: Answer | None, at_hand: AtHand) -> None:
        """CPU only."""
        while True:
            self.came_to = _step(self.lookup, answer)
            if isinstance(self.came_to, Verdict):
                return
            self.asked += 1
            answer = at_hand(self.came_to) if self.asked <= MAX_QUESTIONS else FAILED
            if answer is None:
                return


class Weigher:
    """For all mailboxes; ``ask`` answers from DNS, and never raises."""

    def __init__(self, store: Store, ask: Ask, at_hand: AtHand = nothing_at_hand) -> None:
        self._store = store
        self._ask = ask
        self._at_hand = at_hand

    async def all(
        self, firm: Firm, mailbox: Mailbox, facts: Facts, given: Sequence[Given], now: datetime
    ) -> list[Weighed]:
        """For each message its verdict; one that is known keeps its own."""
        known = await self._store.verdicts.known([one.sha256 for one in given])
        new = [one for one in given if one.sha256 not in known]
        trust = trusted(mailbox, facts)
        own = {one.address.domain for one in firm.mailboxes}

        def begin() -> list[_Course]:
            courses = [
                _Course(
                    gather(one.raw, one.said.header, trust=trust, now=now, announced=one.is_new, own=own), len(one.raw)
                )
                for one in new
            ]
            for course in courses:
                course.go_on(None, self._at_hand)
            return courses

        many = len(new) > ON_THE_LOOP or sum(len(one.raw) for one in new) > OFF_THE_LOOP
        courses = await asyncio.to_thread(begin) if many else begin()
        told = iter(await self._ended(courses))
        return [known.get(one.sha256) or Weighed(next(told)) for one in given]

    async def _ended(self, courses: Sequence[_Course]) -> list[Verdict]:
        """A few at a time: one whose questions nobody answers does not hold up the others for long."""
        room = asyncio.Semaphore(AT_ONCE)

        async def end(course: _Course) -> None:
            async with room:
                await self._end(course)

        open_ones = [course for course in courses if isinstance(course.came_to, Question)]
        if len(open_ones) == 1:
            await self._end(open_ones[0])
        elif open_ones:
            async with asyncio.TaskGroup() as tasks:
                for course in open_ones:
                    tasks.create_task(end(course))
        return [course.came_to for course in courses if isinstance(course.came_to, Verdict)]

    async def _end(self, course: _Course) -> None:
        clock = asyncio.get_running_loop()
        until = clock.time() + MAX_SECONDS
        while isinstance(course.came_to, Question):
            left = until - clock.time()
            answer = await self._answered(course.came_to, left) if left > 0 else FAILED
            if course.octets > OFF_THE_LOOP:
                await asyncio.to_thread(course.go_on, answer, self._at_hand)
            else:
                course.go_on(answer, self._at_hand)

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
