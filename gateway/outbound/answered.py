r"""The message that was answered is marked so, where it lies: in the mailbox of the answer, and in the author's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

import structlog

from gateway.domain.errors import CommandRefused
from gateway.domain.firm import Mailbox
from gateway.domain.mail import Errand, QueueEntry
from gateway.domain.record import Location
from gateway.store.store import Store
from gateway.upstream.imap.session import ImapSession, Marked

log = structlog.get_logger()

_NOTES: Mapping[Marked, str] = {Marked.DONE: "", Marked.NOT_KEPT: "the folder does not keep this mark"}


async def mark(session: ImapSession, store: Store, mailbox: Mailbox, errand: Errand, entry: QueueEntry) -> str:
    """Mark it in all of its folders there; a note where nothing had to be or could be done, else empty.

    CommandRefused where the account may not, or where the folder was renumbered and is being looked through.
    """
    if not mailbox.mark_answered:
        return "not wanted any more"
    places = await store.record.places(entry.in_reply_to, mailbox.key)
    if not places:
        return "it lies there no more"
    came_to = {await _in_folder(session, list(group)) for _, group in groupby(places, key=lambda one: one.folder)}
    log.info("marked-as-answered", queue_id=errand.queue_id, mailbox=mailbox.key, came_to=sorted(came_to))
    if came_to == {Marked.RENUMBERED}:
        raise CommandRefused("The folder's messages were numbered anew, and are being looked through.")
    return _NOTES[Marked.DONE if Marked.DONE in came_to else Marked.NOT_KEPT]


async def _in_folder(session: ImapSession, places: Sequence[Location]) -> Marked:
    newest = max(place.uidvalidity for place in places)
    uids = [place.uid for place in places if place.uidvalidity == newest]
    return await session.mark_answered(places[0].folder, newest, uids)
