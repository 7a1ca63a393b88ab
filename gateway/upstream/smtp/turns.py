"""Who has a connection: one transaction after the other, each reply to the one that it is for, with time for each.

A transaction is driven here, where octets come in, and not by a task of its own: a message costs the event loop one
wake-up. Where another one waits for the connection, and the server knows PIPELINING, its envelope leaves behind the
end of the message before (RFC 2920 section 3.1); nothing more of it does until all of the other's replies are read.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import structlog

from gateway.upstream.smtp.account import Line
from gateway.upstream.smtp.lane import Attempt, Job, Lane
from gateway.upstream.smtp.outcomes import Trouble
from gateway.upstream.smtp.patience import Patience
from gateway.upstream.smtp.transaction import (
    DATA,
    FINAL,
    MAIL,
    MORE,
    RCPT,
    ROOM,
    RSET,
    Script,
    Transaction,
)

MAX_MESSAGES = 100  # over one connection; Gmail and Postfix end it around there
MAX_IDLE = 30.0  # seconds; servers hang up on idle clients after a minute or more

log = structlog.get_logger()


@dataclass(slots=True, eq=False)
class Turn:
    """A transaction under way."""

    job: Job
    transaction: Transaction
    script: Script
    is_first: bool  # over its connection
    is_behind: bool  # begun before the one before it was over
    since: float
    stage: str = ""  # what it waits for; empty: it is over
    error: Exception | None = None  # a fault of our own, by which it is over
    alarm: asyncio.TimerHandle | None = None  # when it has been behind another one for too long

    def hear(self, word: object) -> None:
        """Go on with a reply, with room, or with the `Trouble` because of which there is none."""
        try:
            if isinstance(word, Trouble):
                self.stage = self.script.throw(word.at(FINAL if self.stage == ROOM else self.stage))
            elif self.stage:
                self.stage = self.script.send(word)  # type: ignore[arg-type]  # a reply
            else:
                self.stage = next(self.script)
        except StopIteration:
            self.stage = ""
        except Exception as error:  # noqa: BLE001 - raised for whoever waits for the job
            self.stage, self.error = "", error


@dataclass(slots=True, eq=False)
class Turns:
    """Of one connection."""

    line: Line
    lane: Lane[Turns]
    patience: Patience
    loop: asyncio.AbstractEventLoop
    _limits: dict[str, float] = field(default_factory=dict)
    _now: Turn | None = None
    _behind: Turn | None = None
    _is_spoilt: bool = False  # the server has heard an envelope whose message comes over another connection
    _said: list[bytes] = field(default_factory=list)
    _timer: asyncio.TimerHandle | None = None
    _rings: float = 0.0
    _deadline: float = 0.0

    def __post_init__(self) -> None:
        p = self.patience
        self._limits = dict.fromkeys((MAIL, RCPT, RSET), p.command) | {DATA: p.data, FINAL: p.final, ROOM: p.block}
        self.line.conversation.ear = self._go_on

    def take(self, job: Job) -> None:
        """Nobody has the connection: the job does now, until its future tells."""
        self._now = self._begun(job, is_behind=False)
        self._go_on(heard=True)

    def abandon(self, job: Job) -> None:
        """Nobody waits for the job any more. What was said of it can't be taken back: the connection ends with it."""
        if self._behind is not None and self._behind.job is job:
            return  # the message before comes first
        if self._now is not None and self._now.job is job:
            self._now = None
            self.line.conversation.close()
            self._pass_on(job)

    @property
    def is_good(self) -> bool:
        """Whether another message may go over it."""
        if self.line.messages >= MAX_MESSAGES or self._is_spoilt or self.lane.is_closed:
            return False
        return self.line.conversation.is_quiet

    def end(self) -> None:
        """Hang up, and wait for nothing."""
        self.line.conversation.hang_up()
        self.forget()

    def forget(self) -> None:
        """Somebody else ends the connection."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.line.conversation.ear = None

    def _begun(self, job: Job, *, is_behind: bool) -> Turn:
        transaction = Transaction(self.line, job.message, job.envelopes[job.begun], self._said.append)
        turn = Turn(job, transaction, transaction.script(), self.line.messages == 0, is_behind, self.loop.time())
        self.line.messages += 1
        job.begun += 1
        turn.hear(None)
        return turn

    def _go_on(self, *, heard: bool = False) -> None:
        """As far as what was heard goes."""
        conversation = self.line.conversation
        ready = conversation.ready
        while (turn := self._now) is not None:
            if self._said:
                self._speak()
            if turn.stage:
                if ready:
                    turn.hear(ready.popleft())
                elif conversation.ended is not None:
                    turn.hear(conversation.ended)
                elif turn.stage == ROOM and not conversation.is_full:
                    turn.hear(MORE)
                else:
                    break
                heard = True
            if turn.transaction.has_left and turn.stage and self._behind is None:
                self._begin_behind(turn.job)
            if not turn.stage:
                self._finish(turn)
        if heard and self._now is not None:
            self._wait(self._limits[self._now.stage])

    def _speak(self) -> None:
        said = self._said
        self.line.conversation.say(said[0] if len(said) == 1 else b"".join(said))
        said.clear()

    def _begin_behind(self, job: Job) -> None:
        """The next transaction of the same message, or another message's that waits for a connection."""
        if "PIPELINING" not in self.line.extensions or not (self.lane.trusts and self.is_good):
            return
        following = job if job.is_open else self.lane.next_for(self.line)
        if following is not None:
            self._behind = self._begun(following, is_behind=True)
            if following is not job:
                self._behind.alarm = self.loop.call_later(self.patience.behind, self._let_go, self._behind)

    def _let_go(self, turn: Turn) -> None:
        """The answer to the message before does not come; it may not keep another one waiting for as long as itself."""
        if self._behind is turn:
            self._behind, self._is_spoilt = None, True
            turn.job.begun -= 1
            self.lane.back(turn.job)

    def _finish(self, turn: Turn) -> None:
        """It is over, or has to be made again over another connection."""
        self._now = None
        job, transaction = turn.job, turn.transaction
        if turn.error is not None:
            self.line.conversation.close()
            job.fail(turn.error)
        elif self._is_lost(turn):
            job.begun -= 1
            self.line.conversation.close()
        else:
            self._tell(turn, transaction)
        self._pass_on(job)

    def _is_lost(self, turn: Turn) -> bool:
        """Whether nothing of the message left, and that was the connection's fault: a new one may do."""
        if turn.is_first:
            return False
        if turn.transaction.went_nowhere:
            return True
        if turn.is_behind and not turn.transaction.has_left and self._is_unheard(turn.transaction):
            log.warning("not-spoken-to-ahead", mailbox=turn.job.mailbox.key, upstream=turn.job.upstream)
            self.lane.trusts = False
            return True
        return False

    def _is_unheard(self, transaction: Transaction) -> bool:
        """Whether a MAIL that left behind a message met with silence, or with a refusal.

        A server that is not up to it may lose what comes so early, or refuse it whatever it says: nobody's mail is to
        bounce for that. A refusal that is meant comes again.
        """
        found = transaction.outcomes.values()
        if not all(one.stage == MAIL for one in found):
            return False
        return all(one.code for one in found) or self.line.conversation.ended is not None

    def _tell(self, turn: Turn, transaction: Transaction) -> None:
        now, job = self.loop.time(), turn.job
        waited, reports = max(0.0, turn.since - job.since - job.connecting), self.line.reports
        try:
            job.told(
                Attempt(transaction.outcomes, job.upstream, waited, job.connecting, now - turn.since, reports=reports)
            )
        except Exception as error:  # noqa: BLE001 - raised for whoever waits for the job
            job.fail(error)
            return
        job.since, job.connecting = now, 0.0
        if not job.is_open and (self._behind is None or self._behind.job is not job):
            job.tell(may_connect=False)

    def _pass_on(self, job: Job) -> None:
        """The connection is the next one's; where it can't be used any more, the right to open one is."""
        behind, self._behind = self._behind, None
        if behind is not None:
            if behind.alarm is not None:
                behind.alarm.cancel()
            if behind.job.is_waited_for and self.line.conversation.ended is None:
                behind.since = self.loop.time()
                self._now = behind
                return
            behind.job.begun -= 1
            self.line.conversation.close()
            job = behind.job
        if not self.is_good:
            self.end()
            if not (job.is_open and job.tell(may_connect=True)):
                self.lane.freed()
            return
        following = job if job.is_open else self.lane.next_for(self.line)
        if following is not None:
            self._now = self._begun(following, is_behind=False)
            return
        self._wait(MAX_IDLE)
        self.lane.rests(self)

    # Time

    def _wait(self, limit: float) -> None:
        """One timer for all that is waited for: a reply comes long before, mostly, and leaves it as it is."""
        self._deadline = self.loop.time() + limit
        if self._timer is None or self._rings > self._deadline:
            self._set()

    def _set(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._rings = self._deadline
        self._timer = self.loop.call_at(self._deadline, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self.loop.time() < self._deadline:
            self._set()
        elif self._now is None:
            self.lane.resting.remove(self)
            self.end()
        else:
            stage = self._now.stage
            self.line.conversation.give_up(FINAL if stage == ROOM else stage)
            self._go_on()
