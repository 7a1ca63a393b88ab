"""Store and server held side by side, message by message, as each fault is to end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from gateway.domain.record import EventKind
from tests.rig import SUPPORT, Rig
from tests.waiting import until

WAIT = 60.0  # seconds: hostile.md D1


async def agrees(r: Rig, *, announced: int, missing: Collection[bytes] = (), followed: Collection[str] = ()) -> None:
    """Wait until all of the client's mail on the server is filed; then nothing may be missing, double or altered.

    ``announced``: so many, each once. ``missing`` lies on the server and is known not to be filed. ``followed``:
    the folders that count, all without any.
    """
    folders = r.provider.account(SUPPORT).folders
    server = Counter(
        (name, folder.uidvalidity, message.uid, message.raw)
        for name, folder in folders.items()
        for message in folder.messages
        if message.raw not in missing and (not followed or name in followed)
    )
    seen: Counter[tuple[str, int, int, bytes]] = Counter()

    async def same() -> bool:
        nonlocal seen
        seen = Counter(
            [
                (at.folder, at.uidvalidity, at.uid, await r.store.record.raw(one.message.id))
                for one in await r.store.record.list("Al Pacino", None, 10_000)
                for at in await r.store.record.locations(one.message.id)
            ]
        )
        return seen == server

    await until(same, timeout=WAIT, what="the places of the store to be those of the server")
    filings = await r.store.record.list("Al Pacino", None, 10_000)
    raws = [await r.store.record.raw(one.message.id) for one in filings]
    assert len(raws) == len(set(raws))
    told = Counter(event.message for event in await r.store.feed.after(0, 10_000) if event.kind in ANNOUNCING)
    assert len(told) == sum(told.values()) == announced


ANNOUNCING = {EventKind.CLIENT_MAIL, EventKind.MAIL_SENT}
