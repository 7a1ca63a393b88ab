"""Webhooks: where they lead, their secrets sealed, and how far each has come; every change is written down."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from gateway.domain.errors import Conflict, NotFound
from gateway.domain.firm import Secret
from gateway.domain.record import EventKind
from gateway.domain.webhook import Webhook
from gateway.store.activity import Entry, book
from gateway.store.reader import Reader
from gateway.store.schema import webhook
from gateway.store.secrets import Seal, Sealed
from gateway.store.writer import Writer

Webhooks = list[Webhook]

_ALL = select(webhook).order_by(webhook.c.name)
_ONE = select(webhook).where(webhook.c.name == bindparam("of_name"))
_SET = update(webhook).where(webhook.c.name == bindparam("of_name"), webhook.c.made_at == bindparam("of_made_at"))
_FORGET = delete(webhook).where(webhook.c.name == bindparam("of_name"))


class WebhookShelf:
    """Where they are kept; ``on_change`` is called on the loop when one has come or gone."""

    def __init__(self, writer: Writer, reader: Reader, seal: Seal) -> None:
        self._writer = writer
        self._reader = reader
        self._seal = seal
        self.on_change: list[Callable[[], None]] = []

    async def list(self) -> Webhooks:
        """By name."""
        return [_read(row) for row in await self._reader.run(lambda connection: connection.execute(_ALL).all())]

    async def find(self, name: str) -> tuple[Webhook, bytes] | None:
        """It and its secret; None where there is none. Conflict when the key of the store is another."""
        rows = await self._reader.run(lambda connection: connection.execute(_ONE, {"of_name": name}).all())
        if not rows:
            return None
        opened = self._seal.open(Sealed(rows[0].nonce, rows[0].box), _row(name))
        return _read(rows[0]), base64.b64decode(opened.value)

    async def add(self, hook: Webhook, secret: bytes, by: str) -> None:
        """Conflict where there is one of that name."""
        closed = self._seal.close(Secret(base64.b64encode(secret).decode()), _row(hook.name))

        def work(connection: Connection) -> None:
            if connection.execute(_ONE, {"of_name": hook.name}).first() is not None:
                raise Conflict(f"There is a webhook {hook.name!r} already: choose another name, or remove it first.")
            connection.execute(insert(webhook), _values(hook) | {"nonce": closed.nonce, "box": closed.box})
            kinds = ", ".join(hook.kinds) or "all events"
            book(connection, [Entry("webhook", hook.name, "added", f"{hook.url}: {kinds}")], by, hook.made_at)

        await self._writer.run(work, lambda _: self._tell())

    async def remove(self, name: str, by: str, at: datetime) -> None:
        """NotFound where there is none."""

        def work(connection: Connection) -> None:
            if connection.execute(_FORGET, {"of_name": name}).rowcount == 0:
                raise NotFound(f"There is no webhook {name!r}: `postern webhook list` shows them.")
            book(connection, [Entry("webhook", name, "removed")], by, at)

        await self._writer.run(work, lambda _: self._tell())

    async def dealt_with(self, hook: Webhook, cursor: int, error: str = "") -> None:
        """All events up to that one: they were sent, or (``error``) the last was given up."""
        await self._set(hook, {"cursor": cursor, "attempts": 0, "next_attempt": None, "last_error": error})

    async def failed(self, hook: Webhook, attempts: int, next_attempt: datetime, error: str) -> None:
        await self._set(hook, {"attempts": attempts, "next_attempt": next_attempt, "last_error": error})

    async def turn_off(self, hook: Webhook, error: str) -> None:
        await self._set(hook, {"is_off": True, "last_error": error})

    async def _set(self, hook: Webhook, values: dict[str, object]) -> None:
        """Nothing where it was removed meanwhile, or made anew."""
        named = {"of_name": hook.name, "of_made_at": hook.made_at}
        statement = _SET.values(**values)

        def work(connection: Connection) -> None:
            connection.execute(statement, named)

        await self._writer.run(work)

    def _tell(self) -> None:
        for tell in self.on_change:
            tell()


def _row(name: str) -> str:
    """What the secret is bound to: no mailbox has such an address."""
    return f"webhook {name}"


def _values(hook: Webhook) -> dict[str, object]:
    return {
        "name": hook.name,
        "url": hook.url,
        "kinds": [kind.value for kind in hook.kinds],
        "login": hook.login,
        "made_at": hook.made_at,
        "cursor": hook.cursor,
        "attempts": 0,
        "last_error": "",
        "is_off": False,
    }


def _read(row: Row[Any]) -> Webhook:
    return Webhook(
        name=row.name,
        url=row.url,
        kinds=tuple(EventKind(kind) for kind in row.kinds),
        login=row.login,
        made_at=row.made_at,
        cursor=row.cursor,
        attempts=row.attempts,
        next_attempt=row.next_attempt,
        last_error=row.last_error,
        is_off=row.is_off,
    )
