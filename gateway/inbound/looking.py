"""One message looked through for one client: which attachments become documents, which do not, and what is promised."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterator

from gateway.domain.record import Attachment, Duty, EventKind, Note
from gateway.domain.saving import Aside, Fate, Kept, Looked, SavingDuty, Scanned
from gateway.mime.attachments import MAX_ATTACHMENTS, each_attachment
from gateway.mime.facts import correspondents
from gateway.mime.links import links
from gateway.policy.cloud import promised
from gateway.policy.keeping import left_out, may_repeat
from gateway.store.store import Store

OFF_THE_LOOP = 256 * 1024  # octets; taking more than this apart would hold others up
END = Attachment(0, "", "", b"")
END_OF_MANY = f"{MAX_ATTACHMENTS:,} attachments were looked at: if there are more, they are in the raw message"


class Looking:
    """At one message, for one client; ``scanned`` raises UpstreamError where the scanner can't say."""

    def __init__(
        self, store: Store, duty: SavingDuty, raw: bytes, scanned: Callable[[bytes], Awaitable[Scanned]]
    ) -> None:
        self._store = store
        self._duty = duty
        self._raw = raw
        self._scanned = scanned
        senders = correspondents(raw).senders
        self._sender = senders[0].key if len(senders) == 1 else ""
        self._kept: list[Kept] = []
        self._aside: list[Aside] = []
        self._pictures: dict[str, None] = {}
        self._events: list[tuple[EventKind, str]] = []

    async def all(self) -> Looked:
        """One attachment at a time is held; each is decoded off the loop where the message is large."""
        each, far = each_attachment(self._raw), len(self._raw) > OFF_THE_LOOP
        while (one := await asyncio.to_thread(_next, each) if far else _next(each)) is not None:
            await self._judge(one[0], one[1])
        found = promised(links(self._raw)) if self._saves else ()
        return Looked(
            kept=tuple(self._kept),
            aside=tuple(self._aside),
            promised=tuple((one.service, one.link) for one in found),
            pictures=tuple(self._pictures),
            sender=self._sender,
            events=tuple(self._events),
        )

    @property
    def _saves(self) -> bool:
        return self._duty.duty is not Duty.LOOK

    async def _judge(self, one: Attachment, sha256: str) -> None:
        known = await self._store.saving.known(self._duty, self._sender, sha256)
        if may_repeat(one):
            self._pictures.setdefault(sha256)
        if not self._saves:
            return
        why = left_out(one, known)
        if why is not None:
            self._put_aside(one, sha256, Fate.LEFT_OUT, why.value)
        elif known.saved or any(before.sha256 == sha256 for before in self._kept):
            self._keep(one, sha256, one.note, "")
        else:
            await self._save(one, sha256)
        if one.number == MAX_ATTACHMENTS:
            self._put_aside(END, sha256, Fate.LEFT_OUT, END_OF_MANY)

    async def _save(self, one: Attachment, sha256: str) -> None:
        said = await self._scanned(one.content)
        if said.infection:
            self._put_aside(one, sha256, Fate.INFECTED, said.infection)
            name = one.name or "an attachment without a name"
            sentence = (
                f"{name} from {self._duty.sender or 'an unnamed sender'} is infected ({said.infection}): not saved."
            )
            self._events.append((EventKind.INFECTED, sentence))
            return
        note = one.note or (Note.UNSCANNED if said.too_large else Note.NONE)
        self._keep(one, sha256, note, await self._store.saving.write(self._duty, one))

    def _keep(self, one: Attachment, sha256: str, note: Note, path: str) -> None:
        self._kept.append(Kept(one.part, one.name, one.content_type, len(one.content), sha256, note, path))

    def _put_aside(self, one: Attachment, sha256: str, fate: Fate, reason: str) -> None:
        self._aside.append(Aside(one.part, one.name, one.content_type, len(one.content), sha256, fate, reason))


def _next(each: Iterator[Attachment]) -> tuple[Attachment, str] | None:
    """The next one with the hash of its content."""
    one = next(each, None)
    return None if one is None else (one, hashlib.sha256(one.content).hexdigest())
