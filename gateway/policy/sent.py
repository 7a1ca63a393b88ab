"""Who puts the copy into Sent, and when: some providers do, mail programs may, and we where neither does.

We never remove what lies there, so it is a matter of waiting: theirs is looked for before ours is put, and time is
given in which theirs usually comes. One that comes later still makes two; removing one is a person's decision.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from gateway.domain.firm import Firm, Mailbox
from gateway.domain.mail import Errand, ErrandKind, QueueEntry, QueueState

# After these looks in vain for the provider's own copy it is ours: Gmail and Exchange Online take seconds, and a
# quarter of an hour when they are in trouble.
PROVIDER_LOOKS = tuple(timedelta(seconds=wait) for wait in (10, 30, 60, 180, 600))
# A mail program saves its copy when our 250 has come, over a connection that it may have to open, on a home's line.
UPLOAD_BEGINS = timedelta(seconds=5)
UPLOAD_RATE = 128 * 1024  # octets a second


def is_named_by_us(entry: QueueEntry) -> bool:
    """Whether its Message-ID was made here: then no mail program can have saved a copy that bears it."""
    return entry.message_id.startswith(f"<{entry.id}.")


def upload_over(entry: QueueEntry) -> datetime:
    """When the copy that its mail program may save should lie in Sent; when it was accepted, where there is none."""
    if is_named_by_us(entry):
        return entry.accepted_at
    return entry.accepted_at + UPLOAD_BEGINS + timedelta(seconds=entry.size / UPLOAD_RATE)


def must_look(entry: QueueEntry, attempts: int, *, provider_files: bool) -> bool:
    """Whether a copy may be there already: the provider's, the mail program's, or ours from an attempt cut short."""
    return attempts > 1 or provider_files or not is_named_by_us(entry)


def next_look(entry: QueueEntry, attempts: int, now: datetime) -> datetime | None:
    """When to look again for the provider's copy that is not there; None: it will not come, so that ours is put.

    ``attempts`` counts this look. Crashes may use looks up without any time: where it is known when the message left,
    that decides as well.
    """
    if attempts <= len(PROVIDER_LOOKS):
        return now + PROVIDER_LOOKS[attempts - 1]
    limit = sum(PROVIDER_LOOKS, timedelta(0))
    if entry.state is QueueState.DONE and timedelta(0) <= now - entry.next_attempt < limit:
        return entry.next_attempt + limit
    return None


def errands(firm: Firm, entry: QueueEntry) -> tuple[Errand, ...]:
    """What may be to do besides the copy in the Sent of the mailbox that it left from.

    ANSWERED is one for each mailbox in which the answered message would be marked if it lies there.
    """
    left_from = firm.mailbox_by_key.get(entry.mailbox)
    address = firm.own_address(entry.login)
    own = firm.mailbox_by_key.get(address.key) if address else None
    found = []
    if left_from and left_from.sent_copy_to_author and own and own.key != left_from.key:
        found.append(Errand(entry.id, ErrandKind.AUTHOR_COPY, own.key))
    if entry.in_reply_to:
        boxes = {box.key: box for box in (left_from, own) if box is not None and box.mark_answered}
        found.extend(Errand(entry.id, ErrandKind.ANSWERED, key) for key in boxes)
    return tuple(found)


def provider_files(mailbox: Mailbox, *, known: bool) -> bool:
    """Whether what leaves through the mailbox's server appears in its Sent: as the firm says, else as is ``known``."""
    return known if mailbox.files_sent_mail is None else mailbox.files_sent_mail
