"""Says by what right a member may send from a mailbox on a day: attached, granted for some days, or open to all."""

from __future__ import annotations

from datetime import date

from gateway.domain.address import Address
from gateway.domain.errors import GrantMissing
from gateway.domain.firm import Firm, Grant, Mailbox, Member

ATTACHED = "attached"
GRANTED = "granted"  # the days follow, where it has any
ALLOW_OTHERS = "allow_others_to_send"


def grant_of(mailbox: Mailbox, login: str, today: date) -> str | None:
    """The right that holds today, in the words that are recorded; None where there is none."""
    if login in mailbox.members:
        return ATTACHED
    grant = next((one for one in mailbox.grants if one.member == login and one.covers(today)), None)
    if grant is not None:
        return f"{GRANTED} {grant.days}".rstrip()
    return ALLOW_OTHERS if mailbox.allow_others_to_send else None


def granted(firm: Firm, member: Member, address: Address, today: date) -> tuple[Mailbox, str]:
    """The mailbox with that address and the member's right to it; raises GrantMissing with what is missing."""
    mailbox = firm.mailbox_by_key.get(address.key)
    if mailbox is None:
        raise GrantMissing(
            f"You ({member.login}) may not send as {address}: no mailbox with that address is synced. "
            "Choose the address of a mailbox that you are attached to."
        )
    grant = grant_of(mailbox, member.login, today)
    if grant is None:
        raise GrantMissing(f"You ({member.login}) may not send as {mailbox.address}: {_why(mailbox, member, today)}")
    return mailbox, grant


def _why(mailbox: Mailbox, member: Member, today: date) -> str:
    own = [one for one in mailbox.grants if one.member == member.login]
    coming = sorted(one.first for one in own if one.first and one.first > today)
    if coming:
        return (
            f"your grant for that mailbox begins on {coming[0].isoformat()}. "
            "Wait until then, or ask an administrator to let it begin earlier."
        )
    over = _over(own)
    if over is not None:
        return f"your grant for that mailbox ended on {over.isoformat()}. Ask an administrator for another one."
    return (
        "you are not attached to that mailbox and it does not allow others to send. "
        "Ask an administrator to set members, grants or allow_others_to_send."
    )


def _over(grants: list[Grant]) -> date | None:
    return max((one.last for one in grants if one.last), default=None)
