"""What the trial provider does wrong, when, and how often: a plan that tests and `postern trial --fault` write."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.domain.errors import Fault, Faulty

SMTP_STAGES = frozenset(
    {"connect", "greeting", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "final", "quit", "rset", "noop"}
)
IMAP_STAGES = frozenset({"connect", "greeting"})  # and the name of any command, in lower case


@dataclass(frozen=True, slots=True)
class Refuse:
    """Says no: an SMTP code with a text, or for IMAP ``NO``, ``BAD`` or ``BYE`` (which hangs up)."""

    code: int | str
    text: str = "refused by the trial's plan"


@dataclass(frozen=True, slots=True)
class Stall:
    """Says nothing for ``seconds``, or until ``Faults.release()``; then goes on as if nothing had been."""

    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class HangUp:
    """Closes the connection: before answering, after that many octets of the answer, or after the whole of it."""

    after_bytes: int = 0
    after_answer: bool = False


@dataclass(frozen=True, slots=True)
class Drop:
    """Does what was asked and hangs up instead of saying so: the client can't know."""


@dataclass(frozen=True, slots=True)
class Garbage:
    """Says this instead of an answer, to the octet, and goes on."""

    data: bytes = b"\x00\xff* {-1}\r\n%s%n (((\r\n"


@dataclass(frozen=True, slots=True)
class Say:
    """Says this ahead of the right answer, to the octet: an alert, an answer nobody asked for, half a line."""

    data: bytes


Action = Refuse | Stall | HangUp | Drop | Garbage | Say
Match = Callable[[str], bool]


@dataclass(slots=True)
class _Planned:
    protocol: str
    stage: str
    action: Action
    match: str | Match
    left: int | None  # None: always


@dataclass(slots=True)
class Faults:
    """``hits`` counts what was done wrong, ``reached`` how often a stage came up at all; keys like ``smtp:rcpt``."""

    hits: Counter[str] = field(default_factory=Counter)
    reached: Counter[str] = field(default_factory=Counter)
    _plan: list[_Planned] = field(default_factory=list)
    _released: asyncio.Event = field(default_factory=asyncio.Event)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def smtp(self, stage: str, action: Action, *, times: int | None = 1, match: str = "") -> None:
        """Plans a fault; ``match`` must occur in the command's argument, in any case; ``times=None`` is always."""
        if stage not in SMTP_STAGES:
            raise ValueError(f"SMTP has no stage {stage}")
        self._plan.append(_Planned("smtp", stage, action, match.lower(), times))

    def imap(self, stage: str, action: Action, *, times: int | None = 1, match: str | Match = "") -> None:
        """The same for IMAP: ``connect``, ``greeting``, or any command's name; UID FETCH is ``fetch`` too.

        ``match`` may be a function of the command's argument.
        """
        wanted = match.lower() if isinstance(match, str) else match
        self._plan.append(_Planned("imap", stage.lower(), action, wanted, times))

    def clear(self) -> None:
        """No more faults; whoever is stalled goes on. The counters stay."""
        self._plan.clear()
        self.release()

    def release(self) -> None:
        """Whoever is stalled goes on."""
        self._released.set()
        self._released = asyncio.Event()

    def take(self, protocol: str, stage: str, argument: str = "") -> Action | None:
        """What to do wrong now; the first plan that fits is used up by one."""
        key = f"{protocol}:{stage}"
        self.reached[key] += 1
        planned = next((p for p in self._plan if _fits(p, protocol, stage, argument)), None)
        if planned is not None:
            self.hits[key] += 1
            if planned.left is not None:
                planned.left -= 1
        self._changed.set()
        self._changed = asyncio.Event()
        return planned.action if planned is not None else None

    async def stall(self, seconds: float | None) -> None:
        """Waits as ``Stall`` says."""
        try:
            async with asyncio.timeout(seconds):
                await self._released.wait()
        except TimeoutError:
            return

    async def wait_hit(self, key: str, times: int = 1) -> None:
        """Returns when the fault at ``smtp:rcpt`` or the like has struck that often; bound it with a timeout."""
        while self.hits[key] < times:
            await self._changed.wait()

    async def wait_reached(self, key: str, times: int = 1) -> None:
        """Returns when the stage has come up that often; bound it with a timeout."""
        while self.reached[key] < times:
            await self._changed.wait()


def _fits(planned: _Planned, protocol: str, stage: str, argument: str) -> bool:
    if (planned.protocol, planned.stage) != (protocol, stage) or planned.left == 0:
        return False
    match = planned.match
    return match in argument.lower() if isinstance(match, str) else match(argument)


def parse_fault(text: str, faults: Faults) -> None:
    """Plans what ``smtp:rcpt=refuse:450:2`` says; Faulty where it says nothing that can be done.

    ``PROTOCOL:STAGE[@MATCH]=ACTION[:ARGUMENT][:TIMES]`` with refuse:CODE, stall[:SECONDS], hangup[:OCTETS], drop or
    garbage. TIMES is a number or ``always``; 1 if it is left out.
    """
    where, _, what = text.partition("=")
    protocol, _, place = where.partition(":")
    stage, _, match = place.partition("@")
    words = what.split(":")
    if protocol not in {"smtp", "imap"} or not stage or (protocol == "smtp" and stage not in SMTP_STAGES):
        raise _wrong(text, "it begins with smtp: or imap: and a stage, as in smtp:rcpt")
    try:
        action, rest = _action(words[0], words[1:], protocol)
        times = _times(rest)
    except ValueError as error:
        raise _wrong(text, str(error)) from error
    plan = faults.smtp if protocol == "smtp" else faults.imap
    plan(stage, action, times=times, match=match)


def _action(word: str, rest: list[str], protocol: str) -> tuple[Action, list[str]]:
    if word == "drop":
        return Drop(), rest
    if word == "garbage":
        return Garbage(), rest
    argument, rest = (rest[0], rest[1:]) if rest else ("", [])
    if word == "refuse":
        return Refuse(_code(argument, protocol)), rest
    if word == "stall":
        return Stall(float(argument) if argument else None), rest
    if word == "hangup":
        return HangUp(int(argument or 0)), rest
    raise ValueError("the action is refuse, stall, hangup, drop or garbage")


def _code(argument: str, protocol: str) -> int | str:
    if protocol == "imap":
        code = argument.upper() or "NO"
        if code not in {"NO", "BAD", "BYE"}:
            raise ValueError("IMAP refuses with NO, BAD or BYE")
        return code
    if not argument.isdigit() or not 400 <= int(argument) <= 599:
        raise ValueError("SMTP refuses with a code from 400 to 599")
    return int(argument)


def _times(rest: list[str]) -> int | None:
    if not rest:
        return 1
    if len(rest) > 1 or not (rest[0] == "always" or rest[0].isdigit()):
        raise ValueError("what comes last is how often: a number, or always")
    return None if rest[0] == "always" else int(rest[0])


def _wrong(text: str, sentence: str) -> Faulty:
    return Faulty("the fault is not understood", [Fault(text, sentence)])
