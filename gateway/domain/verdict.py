"""What can be said of who really sent a message: each check's result, and what a person is to make of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Result(StrEnum):
    """What one method came to, in the words of RFC 8601 section 2.7."""

    NONE = "none"
    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    SOFTFAIL = "softfail"
    NEUTRAL = "neutral"
    POLICY = "policy"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


class Standing(StrEnum):
    """How a message is filed."""

    VERIFIED = "verified"  # the domain in From stands for it
    UNVERIFIED = "unverified"  # it breaks what the domain in From says of its mail: a person has to look
    UNKNOWN = "unknown"  # no evidence for or against: filed as usual, as all mail was before there were checks


class Source(StrEnum):
    """Who looked."""

    PROVIDER = "provider"  # the mailbox's provider, when the message came in
    HERE = "here"  # this gateway, when it was filed
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Check:
    """One result: of "dkim", "spf", "dmarc" or "arc", about a domain in lower-case A-labels (empty where none)."""

    method: str
    result: Result
    domain: str = ""
    detail: str = ""  # in plain words, for a person who asks why

    def __str__(self) -> str:
        about = f" {self.domain}" if self.domain else ""
        return f"{self.method}={self.result}{about}" + (f" ({self.detail})" if self.detail else "")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the checks came to; ``reason`` is a sentence for a person."""

    standing: Standing
    reason: str
    source: Source = Source.NOBODY
    authserv_id: str = ""  # by which the provider signed its results (RFC 8601 section 2.5); empty otherwise
    checks: tuple[Check, ...] = ()

    @property
    def holds_back(self) -> bool:
        """Whether attachments wait for a person."""
        return self.standing is Standing.UNVERIFIED


@dataclass(frozen=True, slots=True)
class Weighed:
    """A message's verdict as it is kept, and what a person made of it."""

    verdict: Verdict
    withheld: bool = False  # attachments that would be documents wait for the approval
    approved_by: str = ""
    approved_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether it waits for a person."""
        return self.verdict.standing is Standing.UNVERIFIED and self.approved_at is None
