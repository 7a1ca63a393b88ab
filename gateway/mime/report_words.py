"""What a report says to the person who wrote the message: what happened, to whom, why, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from email.utils import format_datetime

from gateway.domain.mail import Outcome, QueueEntry
from gateway.mime.report_status import Action, Told
from gateway.mime.words import clean

SUBJECTS = {
    Action.FAILED: "Not delivered",
    Action.DELAYED: "Not delivered yet",
    Action.RELAYED: "Handed over",
}
_FIRST = {
    Action.FAILED: "Your message did not reach {}.",
    Action.DELAYED: "Your message has not reached {} yet.",
    Action.RELAYED: "Your message was handed over to the next server for {}.",
}
_HANDED_OVER = "    You asked to be told. The next server sends no reports, so this is the last you hear of it."

# By the beginning of the status (RFC 3463), the longest first: what a person can do about it.
_ADVICE = (
    ("4.", "The gateway keeps trying; there is nothing you have to do."),
    ("5.1.", "Check the address for a slip of the pen, then send the message again."),
    ("5.2.2", "That mailbox is full. Reach the recipient another way, or try again in some days."),
    ("5.2.3", "The message is too large for that mailbox. Send less at once."),
    ("5.2.", "That mailbox takes no mail at present. Reach the recipient another way."),
    ("5.3.4", "The message is too large for that server. Send less at once."),
    ("5.4.7", "Check what stands behind the @ of the address; if that is right, send the message again later."),
    ("5.6.", "That server can't take a message of this kind. Send it in another form, for example as a PDF."),
    ("5.7.", "That server's rules forbid the message. Reach the recipient another way, and show them this report."),
    ("", "Send the message again later; if it fails again, show this report to whoever looks after your mail."),
)


def sentences(entry: QueueEntry, told: Sequence[Told], *, action: Action, until: datetime | None) -> str:
    """The report's text, lines ended by CRLF."""
    count = "this recipient" if len(told) == 1 else f"these {len(told)} recipients"
    lines = [
        _FIRST[action].format(count),
        "",
        f"Subject: {clean(entry.subject) or '(none)'}",
        f"Sent: {format_datetime(entry.accepted_at)}",
        "",
    ]
    for recipient, outcome in told:
        lines += [f"  {recipient.address}", *_about(outcome, action), ""]
    if action is Action.DELAYED and until is not None:
        lines += [f"The gateway keeps trying until {format_datetime(until)}, and tells you if it gives up.", ""]
    lines.append("Recipients who are not named here are not affected.")
    return "\r\n".join(lines) + "\r\n"


def _about(outcome: Outcome, action: Action) -> list[str]:
    if action is Action.RELAYED:
        return [_HANDED_OVER]
    return [f"    Why: {_why(outcome)}", f"    What to do: {_advice(outcome)}"]


def _why(outcome: Outcome) -> str:
    text = clean(outcome.text) or "no reason was given"
    return f"the receiving side answered {outcome.code}: {text}" if outcome.code else text


def _advice(outcome: Outcome) -> str:
    return next(advice for start, advice in _ADVICE if outcome.status.startswith(start))
