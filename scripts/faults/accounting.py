"""What became of every message: acknowledged = delivered + bounced + queued, and what a fault showed besides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

COLUMNS = (
    f"{'row':4} {'fault':44} {'acknowl.':>8} {'refused':>8} {'no reply':>8} {'deliv.':>8} {'bounced':>8} {'queued':>7} "
    f"{'LOST':>5} {'DUP':>5}  seen"
)


@dataclass
class Ledger:
    """What the clients saw, by the mark of each message."""

    acknowledged: set[str] = field(default_factory=set)
    refused: Counter[int] = field(default_factory=Counter)  # by code
    unanswered: set[str] = field(default_factory=set)

    def dismiss(self, marks: AbstractSet[str]) -> None:
        """What was said of these could not have been said."""
        self.acknowledged -= marks
        self.unanswered |= marks


@dataclass(frozen=True)
class Account:
    """The sums of one fault; several rounds of it can be added up."""

    acknowledged: int = 0
    refused: int = 0
    unanswered: int = 0
    delivered: int = 0  # different messages, also such as got no reply
    bounced: int = 0
    queued: int = 0
    lost: int = 0
    doubled: int = 0
    damaged: int = 0  # delivered, but not as they were sent

    def __add__(self, other: Account) -> Account:
        sums = (getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__)
        return Account(*sums)


@dataclass
class Outcome:
    """One line of the table: what was done, the account, what was measured, and the promises that broke."""

    row: str  # of hostile.md
    fault: str
    account: Account = Account()
    seen: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def expect(self, promise: str, *, kept: bool) -> None:
        """Note a promise that was not kept."""
        if not kept:
            self.broken.append(promise)

    def settle(self, account: Account, *, doubles: int = 0, bounces: int = 0) -> None:
        """Take the account over and hold it to what every fault promises; at most that many doubles and bounces."""
        self.account = account
        self.expect(f"{account.lost} lost", kept=account.lost == 0)
        self.expect(f"{account.doubled} doubles, {doubles} allowed", kept=account.doubled <= doubles)
        self.expect(f"{account.bounced} bounces", kept=account.bounced <= bounces)
        self.expect(f"{account.damaged} not as they were sent", kept=account.damaged == 0)

    def line(self) -> str:
        sums = self.account
        numbers = (
            f"{sums.acknowledged:8} {sums.refused:8} {sums.unanswered:8} {sums.delivered:8} {sums.bounced:8} "
            f"{sums.queued:7} {sums.lost:5} {sums.doubled:5}"
        )
        verdict = f"  BROKEN: {'; '.join(self.broken)}" if self.broken else ""
        return f"{self.row:4} {self.fault:44} {numbers}  {', '.join(self.seen)}{verdict}"


def account(ledger: Ledger, delivered: Counter[str], bounced: set[str], queued: int, damaged: int) -> Account:
    """Lost is what was acknowledged and is nowhere; the queue is counted in numbers, as its entries bear no marks."""
    missing = ledger.acknowledged - set(delivered) - bounced
    return Account(
        acknowledged=len(ledger.acknowledged),
        refused=sum(ledger.refused.values()),
        unanswered=len(ledger.unanswered),
        delivered=len(delivered),
        bounced=len(bounced),
        queued=queued,
        lost=max(0, len(missing) - queued),
        doubled=sum(delivered.values()) - len(delivered),
        damaged=damaged,
    )
