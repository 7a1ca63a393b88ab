"""What a walk from a mailbox's name to its sign-ins found, step by step."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How one step went."""

    WELL = "well"
    WARNING = "warning"  # it works, and not as well as it could
    FAILED = "failed"
    NOT_TRIED = "not tried"  # an earlier step failed


@dataclass(frozen=True, slots=True)
class Step:
    """One step; ``text`` says what was found and ``advice`` what to do about it, both without any secret."""

    name: str  # "imap tls", "folders", …
    verdict: Verdict
    seconds: float | None = None  # with the connection that it took; None where it was not tried
    text: str = ""
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All steps in their order; at most one has failed, and those behind it were not tried."""

    mailbox: str  # its key
    steps: tuple[Step, ...]

    @property
    def failed(self) -> Step | None:
        """What to put right first."""
        return next((step for step in self.steps if step.verdict is Verdict.FAILED), None)

    @property
    def verdict(self) -> Verdict:
        """Of the whole."""
        if self.failed is not None:
            return Verdict.FAILED
        return Verdict.WARNING if any(step.verdict is Verdict.WARNING for step in self.steps) else Verdict.WELL
