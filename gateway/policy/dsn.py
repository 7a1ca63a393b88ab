"""Whether a recipient's fate is told to the author, and how wishes about that travel on (RFC 3461)."""

from __future__ import annotations

from datetime import datetime, timedelta

from gateway.domain.mail import Delivery, Notify, QueueEntry, Recipient, Wish
from gateway.mime.report_status import Action
from gateway.mime.xtext import encode_orcpt, encode_xtext

DELAY_AFTER = timedelta(hours=4)  # Postfix and Exim say so after this long; sooner is noise, later is too late to call

Words = tuple[str, ...]

_BY_DEFAULT = Wish().notify
_NAMES = tuple((kind, kind.value.upper()) for kind in (Notify.SUCCESS, Notify.FAILURE, Notify.DELAY))
_TOLD = {
    Delivery.DELIVERED: (Notify.SUCCESS, Action.RELAYED),
    Delivery.FAILED: (Notify.FAILURE, Action.FAILED),
    Delivery.PENDING: (Notify.DELAY, Action.DELAYED),
}


def to_report(recipient: Recipient, *, taken_over: bool = False) -> Action | None:
    """What a report would say of ``recipient`` as it stands now; None where its author does not want to know.

    ``taken_over``: the server that took the message announced DSN and was told the wish, so that telling of success is
    its duty from then on (section 5.2.1); else we tell that it was relayed (section 5.2.2). What failed or waits is
    still with us, and ours to tell. Whether a pending one has waited long enough is `overdue`'s to say.
    """
    told = _TOLD.get(recipient.delivery)
    if told is None or told[0] not in recipient.wish.notify:
        return None
    return None if taken_over and told[1] is Action.RELAYED else told[1]


def overdue(entry: QueueEntry, now: datetime, *, since: datetime | None = None) -> tuple[Recipient, ...]:
    """Who still waits after `DELAY_AFTER` and whose author wants to know; nobody for a report.

    ``since``: when it was to leave, where that was later than its acceptance.
    """
    if entry.sender is None or now - (since or entry.accepted_at) < DELAY_AFTER:
        return ()
    return tuple(one for one in entry.recipients if to_report(one) is Action.DELAYED)


def parameters(entry: QueueEntry, recipient: Recipient, upstream_has_dsn: bool) -> tuple[Words, Words]:
    """The words for MAIL and for RCPT that hand the author's wishes to the next server (section 5.2.1).

    What the author did not say is not made up: the section forbids it. Without DSN nothing may be said.
    """
    if not upstream_has_dsn:
        return (), ()
    mail = ["RET=FULL"] if entry.return_full else []
    if entry.envid:
        mail.append(f"ENVID={encode_xtext(entry.envid)}")
    wish = recipient.wish
    rcpt = [] if wish.notify == _BY_DEFAULT else [f"NOTIFY={_notify(wish)}"]
    if wish.orcpt:
        rcpt.append(f"ORCPT={encode_orcpt(wish.orcpt)}")
    return tuple(mail), tuple(rcpt)


def _notify(wish: Wish) -> str:
    return ",".join(name for kind, name in _NAMES if kind in wish.notify) or "NEVER"
