"""A person brings old mail into a client's record: the same bytes are the same message, and the trail says who did."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from gateway.domain.errors import BadMessage, NotFound
from gateway.domain.firm import Firm
from gateway.domain.record import Direction, Duty, Filed, Mark, NewFiling
from gateway.domain.verdict import Standing, Verdict, Weighed
from gateway.mime.facts import correspondents, facts
from gateway.mime.header import Header
from gateway.policy.match import direction_of
from gateway.store.room import Room
from gateway.store.store import Store

LARGEST = 160 * 1024 * 1024  # octets: what the tails file at most
OFF_THE_LOOP = 256 * 1024  # octets; taking more than this apart would hold others up
MAX_REASON = 500  # characters

log = structlog.get_logger()

_NAMED = re.compile(r"from|to|cc|date|subject|message-id|received|resent-from", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the record that a message comes from had of it; to be believed only of whoever runs this firm."""

    filed_at: datetime
    author_login: str = ""
    grant: str = ""
    weighed: Weighed | None = None


@dataclass(frozen=True, slots=True)
class Brought:
    """One message as it is brought; ``box`` is None where its From is to say in which it lies."""

    raw: bytes
    box: Direction | None = None
    documents: bool = False  # its attachments are asked for
    unverified: str | None = None  # why it was unverified where it comes from, where no more than that is believed
    recorded: Recorded | None = None  # then ``unverified`` says nothing


class Imports:
    """NotFound for an unknown client, BadMessage for what is no e-mail."""

    def __init__(self, store: Store, *, firm: Callable[[], Firm], now: Callable[[], datetime]) -> None:
        self._store = store
        self._firm = firm
        self._now = now
        self.room = Room(LARGEST)

    async def file(self, client: str, one: Brought, *, by: str) -> Filed:
        """Again, it changes nothing; nobody is told of it as of news. What a person took out stays out."""
        if client not in self._firm().client_by_name:
            raise NotFound(f"There is no client {client!r}: `postern client list` shows them.")
        far = len(one.raw) > OFF_THE_LOOP
        item = await asyncio.to_thread(self._item, client, one, by) if far else self._item(client, one, by)
        filed = await self._store.record.file(item)
        if filed.new:
            log.info("imported", message=filed.message, client=client, by=by)
        return filed

    def _item(self, client: str, one: Brought, by: str) -> NewFiling:
        header = Header.read(one.raw)
        if not any(_NAMED.fullmatch(span.name) for span in header.fields):
            raise BadMessage("This is no e-mail: it has no header with From, To, Date or Subject.")
        box = one.box or direction_of(correspondents(header).senders, self._firm().mailbox_by_key.keys())
        was, now = one.recorded or Recorded(self._now(), weighed=_unverified(one.unverified)), self._now()
        held = was.weighed is not None and was.weighed.is_open
        saves = one.documents and box is Direction.INBOX
        look = Duty.LOOK if b"image/" in one.raw else None
        return NewFiling(
            raw=one.raw,
            facts=facts(header),
            clients=((client, box),),
            marks={client: (Mark.BY_HAND,)},
            filed_at=min(was.filed_at, now),
            duty=None if held else Duty.IMPORT if saves else look,
            announce=False,
            author_login=was.author_login,
            grant=was.grant,
            verdict=was.weighed.verdict if was.weighed else None,
            approved=_approved(was.weighed),
            held=held,
            withheld=held and saves,
            imported_by=by,
            imported_at=now if one.recorded else None,
        )


def _unverified(reason: str | None) -> Weighed | None:
    if reason is None:
        return None
    told = reason[:MAX_REASON] or "no reason is given there."
    return Weighed(Verdict(Standing.UNVERIFIED, f"It was unverified where it was imported from: {told}"))


def _approved(weighed: Weighed | None) -> tuple[str, datetime] | None:
    if weighed is None or weighed.approved_at is None:
        return None
    return weighed.approved_by, weighed.approved_at
