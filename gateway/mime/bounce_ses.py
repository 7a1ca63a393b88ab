"""Amazon SES's notifications, which come as JSON in a mail of its SNS: bounces, delays and deliveries."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gateway.mime.bounce_status import ACTIONS, MAX_RECIPIENTS, address_in, recipient_of, status_of
from gateway.mime.bounce_value import ReportedAction, Returned, ReturnedRecipient
from gateway.mime.words import clean

NOTIFICATION = "x-amz-sns-message-id"  # the field that such a mail has

_LISTS = (  # the object that tells, its list, and what it means where an entry doesn't say
    ("bounce", "bouncedRecipients", ReportedAction.FAILED),
    ("deliveryDelay", "delayedRecipients", ReportedAction.DELAYED),
    ("delivery", "recipients", ReportedAction.DELIVERED),
)


def read_notification(text: str) -> Returned | None:
    """Read the JSON that the text begins with; None where it is none, or one about complaints and the like."""
    try:
        data, _ = json.JSONDecoder().raw_decode(text.lstrip())
    except (ValueError, RecursionError):
        return None
    told = _object(data)
    for name, entries, action in _LISTS:
        event = _object(told.get(name))
        listed = event.get(entries)
        if isinstance(listed, list) and listed:
            found = tuple(_recipient(one, action, event) for one in listed[:MAX_RECIPIENTS])
            mail = _object(told.get("mail"))
            return Returned(found, _message_id(mail), "", address_in(_text(mail.get("source"))), of_bounce=False)
    return None


def _recipient(entry: object, action: ReportedAction, event: Mapping[str, Any]) -> ReturnedRecipient:
    given = _object(entry)
    address = address_in(_text(given.get("emailAddress") or entry))
    words = _text(given.get("diagnosticCode") or event.get("smtpResponse")).removeprefix("smtp;")
    word = _text(given.get("action")).lower()
    return recipient_of(
        (address,) if address else (), ACTIONS.get(word, action), status_of(_text(given.get("status"))), words
    )


def _message_id(mail: Mapping[str, Any]) -> str:
    known = _text(_object(mail.get("commonHeaders")).get("messageId"))
    if known:
        return known
    fields = mail.get("headers")
    for field in fields if isinstance(fields, list) else ():
        if _text(_object(field).get("name")).lower() == "message-id":
            return _text(_object(field).get("value"))
    return ""


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return clean(value) if isinstance(value, str) else ""
