"""From what a server said, or didn't, to an outcome: 4xx and trouble are tried again, 5xx is final."""

from __future__ import annotations

import re
from typing import Self

from gateway.domain.mail import Delivery, Outcome

MAX_TEXT = 400  # characters of a server's words that are kept: a sentence and a link

_DELIVERIES = {2: Delivery.DELIVERED, 4: Delivery.PENDING, 5: Delivery.FAILED}  # by the reply's first digit
_STATUS = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?:\s+|$)")


class Trouble(Exception):
    """The attempt ended here, for all recipients that have no outcome of their own; never with success."""

    def __init__(self, outcome: Outcome) -> None:
        assert outcome.delivery is not Delivery.DELIVERED
        super().__init__(outcome.text)
        self.outcome = outcome

    def at(self, stage: str) -> Self:
        """The same, for whoever was waiting at that stage."""
        return type(self)(unanswered(stage, self.outcome.text))


class Lost(Trouble):
    """The connection ended under us: a new one may do better at once."""


class NoAnswer(Trouble):
    """Nobody took the connection."""


def answered(code: int, message: str, stage: str) -> Outcome:
    """The outcome of a reply (RFC 5321 section 4.2.1, 3463); 3xx has no place where this is asked."""
    kind = code // 100
    delivery = _DELIVERIES.get(kind)
    if delivery is None:
        return unanswered(stage, f"the server's answer is not SMTP: {message}")
    text = cleaned(message)
    match = _STATUS.match(text)
    if match is None:
        return Outcome(delivery, code, f"{kind}.0.0", text, stage)
    status = match[0].strip() if int(match[1]) == kind else f"{kind}.0.0"
    return Outcome(delivery, code, status, text[match.end() :], stage)


def refused(code: int, message: str, stage: str) -> Outcome:
    """The same where only one answer was right and this was another: success of any other kind is nonsense."""
    outcome = answered(code, message, stage)
    if outcome.delivery is Delivery.DELIVERED:
        return unanswered(stage, f"the server gave the wrong answer: {code} {message}")
    return outcome


def unanswered(stage: str, text: str, *, status: str = "") -> Outcome:
    """Nobody there, a lost connection, silence or nonsense: to be tried again."""
    return Outcome(Delivery.PENDING, 0, status or ("4.4.1" if stage == "connect" else "4.4.2"), cleaned(text), stage)


def impossible(status: str, text: str, stage: str) -> Outcome:
    """Final without asking: this server can't take this message at all."""
    return Outcome(Delivery.FAILED, 0, status, text, stage)


def cleaned(message: str) -> str:
    """One printable line; every line of a long reply repeats the status, one is enough."""
    if message.isprintable():  # most are
        return " ".join(message.split())[:MAX_TEXT].strip()
    lines = [" ".join("".join(c if c.isprintable() else " " for c in line).split()) for line in message.split("\n")]
    lines = [line for line in lines if line]
    first = _STATUS.match(lines[0]) if lines else None
    if first is not None:
        lines[1:] = [line.removeprefix(first[0]) for line in lines[1:]]
    return " ".join(lines)[:MAX_TEXT].strip()
