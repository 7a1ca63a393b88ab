"""Connections for sent copies: each is kept while copies keep coming, because signing in costs more than appending."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from gateway.domain.firm import Mailbox
from gateway.upstream.imap.folders import sent_folder
from gateway.upstream.imap.session import ImapSession, open_session

NEW_SENT = "Sent"  # what most mail programs would call it


@dataclass(frozen=True, slots=True)
class Sent:
    """A signed-in connection, and how the mailbox calls the folder."""

    session: ImapSession
    folder: str
    account: tuple[object, ...]  # as it was when the connection was opened


class SentSessions:
    """At most one a mailbox; whoever lends them calls `close` when nothing more is to be done for now."""

    def __init__(self, trust: Callable[[], Path | None]) -> None:
        self._trust = trust
        self._kept: dict[str, Sent] = {}

    @property
    def any_open(self) -> bool:
        return bool(self._kept)

    @contextlib.asynccontextmanager
    async def lent(self, mailbox: Mailbox) -> AsyncIterator[Sent]:
        """Raises what opening raises. After an error inside, the connection is not used again."""
        sent = self._kept.pop(mailbox.key, None)
        if sent is not None and sent.account != _account(mailbox):
            await sent.session.close()
            sent = None
        sent = sent or await self._open(mailbox)
        try:
            yield sent
        except BaseException:
            await sent.session.close()
            raise
        self._kept[mailbox.key] = sent

    async def close(self) -> None:
        """Take leave of all that are not lent."""
        kept, self._kept = list(self._kept.values()), {}
        await asyncio.gather(*(sent.session.close() for sent in kept))

    def abort(self) -> None:
        """Hang up at once."""
        kept, self._kept = list(self._kept.values()), {}
        for sent in kept:
            sent.session.abort()

    async def _open(self, mailbox: Mailbox) -> Sent:
        session = await open_session(mailbox.imap, mailbox.username, mailbox.password, trust=self._trust())
        try:
            return Sent(session, await _folder(session), _account(mailbox))
        except BaseException:
            await session.close()
            raise


def _account(mailbox: Mailbox) -> tuple[object, ...]:
    return mailbox.imap, mailbox.username, mailbox.password


async def _folder(session: ImapSession) -> str:
    """The mailbox's own, however it is called; a new mailbox that has none yet gets one."""
    folder = sent_folder(await session.folders())
    if folder is not None:
        return folder.name
    await session.create(NEW_SENT)
    return NEW_SENT
