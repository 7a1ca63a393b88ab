"""The JSON of queue entries and of their way, as `gateway.admin.shapes` writes all others."""

from __future__ import annotations

from gateway.admin.shapes import Json, moment
from gateway.domain.history import History, SentState, Tried
from gateway.domain.mail import Outcome, QueueEntry, Recipient


def queue_entry(value: QueueEntry) -> Json:
    """With what became of each recipient; ``sender`` is null for a delivery report."""
    return {
        "id": value.id,
        "state": value.state,
        "login": value.login,
        "mailbox": value.mailbox,
        "sender": str(value.sender) if value.sender else None,
        "recipients": [_recipient(one) for one in value.recipients],
        "subject": value.subject,
        "message_id": value.message_id,
        "in_reply_to": value.in_reply_to,
        "sha256": value.sha256,
        "size": value.size,
        "accepted_at": moment(value.accepted_at),
        "not_before": moment(value.not_before),
        "next_attempt": moment(value.next_attempt),
        "attempts": value.attempts,
        "hold_reason": value.hold_reason,
        "smtputf8": value.smtputf8,
        "grant": value.grant,
        "rules": list(value.rules),
    }


def history(value: History) -> Json:
    """A queue entry's way as far as it was kept; ``sent_copy`` is null before the first delivery.

    ``came_back``: what mails told later of recipients that were delivered; ``message`` where a client's record has it.
    """
    return {
        "tried": [_tried(one) for one in value.tried],
        "sent_copy": value.sent and _stands(value.sent),
        "errands": [{"kind": one.kind, "mailbox": one.mailbox} | _stands(one.stands) for one in value.errands],
        "reports": [{"id": one.queue_id, "at": moment(one.at), "subject": one.subject} for one in value.reports],
        "came_back": [
            {"address": one.address, "at": moment(one.at), "message": one.message} | _outcome(one.outcome)
            for one in value.came_back
        ],
    }


def _stands(value: SentState) -> Json:
    """``last_error`` says why it waits; where it is done, how, if it was not simply done."""
    return {
        "state": value.state,
        "attempts": value.attempts,
        "next_attempt": moment(value.next_attempt),
        "last_error": value.last_error,
    }


def _tried(value: Tried) -> Json:
    """Seconds to the millisecond."""
    return {
        "at": moment(value.at),
        "attempt": value.attempt,
        "upstream": value.upstream,
        "delays": {
            "waiting": round(value.waiting, 3),
            "connecting": round(value.connecting, 3),
            "sending": round(value.sending, 3),
        },
        "answers": [{"address": key} | _outcome(said) for key, said in value.answers.items()],
    }


def _recipient(value: Recipient) -> Json:
    return {
        "address": str(value.address),
        "delivery": value.delivery,
        "bcc": value.bcc,
        "last": _outcome(value.last) if value.last else None,
    }


def _outcome(value: Outcome) -> Json:
    return {
        "delivery": value.delivery,
        "code": value.code,
        "status": value.status,
        "text": value.text,
        "stage": value.stage,
    }
