"""Where a queue entry stands, in a sentence: what it waits for, until when, and what is done then."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta, tzinfo

from gateway.domain.mail import Delivery, Outcome, QueueEntry, QueueState

_ENDED = (Delivery.DELIVERED, Delivery.FAILED, Delivery.CANCELLED)
_BY_A_PERSON = "by a person"


def standing(entry: QueueEntry, now: datetime, zone: tzinfo, patience: timedelta, *, came_back: int = 0) -> str:
    """One sentence without a full stop; times are those of ``zone``.

    ``patience``: it is given up after so long; ``came_back``: for how many of the delivered recipients a bounce came by
    mail later.
    """
    if entry.state is QueueState.DONE:
        counts = Counter(one.delivery for one in entry.recipients)
        over = "over: " + ", ".join(f"{counts[kind]} {kind.value}" for kind in _ENDED if counts[kind])
        return f"{over}; {came_back} of the delivered came back later" if came_back else over
    if entry.state is QueueState.ACTIVE:
        return f"is being delivered right now, attempt {entry.attempts}"
    if entry.state is QueueState.HELD:
        return f"held: {entry.hold_reason.rstrip('.') or _BY_A_PERSON}; `postern queue release {entry.id}` lets it go"
    if entry.attempts:
        return _again(entry, now, zone, patience)
    return _first(entry, now, zone)


def _first(entry: QueueEntry, now: datetime, zone: tzinfo) -> str:
    leaves = shown(entry.next_attempt, zone)
    if entry.next_attempt <= now:
        return f"due since {leaves}; waits for its turn: its mailbox has as much in hand as its server may be sent"
    if entry.not_before is None or entry.next_attempt > entry.not_before:
        return f"leaves at {leaves}, and can be taken back until then"
    return f"waits for its time, {leaves}"


def _again(entry: QueueEntry, now: datetime, zone: tzinfo, patience: timedelta) -> str:
    pending = [one for one in entry.recipients if one.delivery is Delivery.PENDING]
    said = next((one.last for one in pending if one.last is not None), None)
    why = _reason(said) if said else "nothing was heard of the last attempt"
    times = "once" if entry.attempts == 1 else f"{entry.attempts} times"
    when = "now" if entry.next_attempt <= now else f"at {shown(entry.next_attempt, zone)}"
    until = shown(now + patience, zone)
    return f"{why}; tried {times}; next {when}, given up on {until}"


def _reason(said: Outcome) -> str:
    if said.code:
        return f"the server said: {said.code} {said.status} {said.text}"
    if said.stage == "connect":
        return f"the server did not answer ({said.text})"
    return f"the attempt broke off ({said.text})"


def shown(moment: datetime, zone: tzinfo) -> str:
    """As a clock on the wall has it; seconds only where there are some."""
    local = moment.astimezone(zone)
    return local.strftime("%Y-%m-%d %H:%M:%S" if local.second else "%Y-%m-%d %H:%M")
