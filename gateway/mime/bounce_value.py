"""What a server tells us later about mail of ours, as values: whom it names, and which message it means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from gateway.domain.address import Address

MAX_TEXT = 500  # characters of the server's words that are kept: a line of a report has less

_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")


class ReportedAction(StrEnum):
    """What happened to one recipient (RFC 3464 section 2.3.3)."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"
    EXPANDED = "expanded"


@dataclass(frozen=True, slots=True)
class ReturnedRecipient:
    """One recipient as a server reports it. Everything in it was written by a stranger.

    ``address`` is the one that the message was sent to, as far as the report says; None where it names nobody.
    ``also`` are further addresses of the same recipient: where it was forwarded to.
    """

    address: Address | None
    action: ReportedAction
    status: str  # enhanced status code, RFC 3463, always one: where the report has none, made from code or action
    code: int  # SMTP reply code; 0 where the report has none
    text: str  # the server's words, one printable line of at most MAX_TEXT characters; may be empty
    also: tuple[Address, ...] = ()

    def __post_init__(self) -> None:
        if not _STATUS.fullmatch(self.status) or not (self.code == 0 or 200 <= self.code <= 599):
            raise ValueError("not a status of RFC 3463, or not a reply code")

    @property
    def keys(self) -> frozenset[str]:
        """Every spelling under which the recipient may be known to us."""
        return frozenset(one.key for one in (self.address, *self.also) if one is not None)


@dataclass(frozen=True, slots=True)
class Returned:
    """A report by mail about a message that may or may not be ours: `policy.returned` decides that."""

    recipients: tuple[ReturnedRecipient, ...]  # at least one
    message_id: str  # of the message that is reported about, with its angle brackets; ""
    envid: str  # Original-Envelope-Id, RFC 3464 section 2.2.1, as the report has it; ""
    original_from: Address | None
    of_bounce: bool  # what came back was itself a report or an automatic answer: nobody is to be told
