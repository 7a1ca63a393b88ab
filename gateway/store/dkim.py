"""The keys that sign mail: their private halves sealed, every change written down, and told to who signs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from gateway.domain.dkim import Algorithm, KeyState, SigningKey
from gateway.domain.errors import Conflict, NotFound
from gateway.domain.firm import Secret
from gateway.store.activity import Entry, book
from gateway.store.reader import Reader
from gateway.store.schema import dkim_key
from gateway.store.secrets import Seal, Sealed
from gateway.store.writer import Writer

T = TypeVar("T")

_ALL = select(dkim_key).order_by(dkim_key.c.domain, dkim_key.c.made_at, dkim_key.c.selector)
_OF = (dkim_key.c.domain == bindparam("of_domain"), dkim_key.c.selector == bindparam("of_selector"))
_CHANGE = update(dkim_key).where(*_OF)
_REMOVE = delete(dkim_key).where(*_OF)


@dataclass(frozen=True, slots=True)
class ActiveKey:
    """A key to sign with: PKCS #8 in PEM."""

    key: SigningKey
    private: Secret


Told = Callable[[Sequence[ActiveKey]], None]


class DkimShelf:
    """Where the keys are kept. Errors: `NotFound`, `Conflict` (a state that forbids it, or another key of the store).

    ``on_change`` is called on the loop with all active keys after each change, once it is durable, in the order of
    the changes.
    """

    def __init__(self, writer: Writer, reader: Reader, seal: Seal) -> None:
        self._writer = writer
        self._reader = reader
        self._seal = seal
        self.on_change: list[Told] = []

    async def list(self) -> Sequence[SigningKey]:
        """All keys, by domain and then the oldest first."""
        return await self._reader.run(_keys)

    async def active(self) -> Sequence[ActiveKey]:
        """What signs now."""
        return await self._reader.run(self._active)

    async def add(self, key: SigningKey, private: Secret, by: str) -> None:
        """Keep a new one, waiting. Conflict when the domain has one of that selector."""

        def work(connection: Connection) -> None:
            if any(_same(one, key) for one in _keys(connection)):
                raise Conflict(f"{key.domain} has a key {key.selector!r} already: choose another selector.")
            closed = self._seal.close(private, _row(key))
            connection.execute(insert(dkim_key), _values(key) | {"nonce": closed.nonce, "box": closed.box})
            _book(connection, key, ("added", str(key.algorithm)), by, key.made_at)

        await self._change(work)

    async def activate(self, domain: str, selector: str, by: str, at: datetime) -> SigningKey:
        """Sign with it from now on; the one of its algorithm that did so retires. A second time changes nothing."""

        def work(connection: Connection) -> SigningKey:
            keys = _keys(connection)
            chosen = _find(keys, domain, selector)
            if chosen.state is KeyState.ACTIVE:
                return chosen
            for one in keys:
                if (one.domain, one.algorithm, one.state) == (domain, chosen.algorithm, KeyState.ACTIVE):
                    _become(connection, one, KeyState.RETIRED, by, at)
            return _become(connection, chosen, KeyState.ACTIVE, by, at)

        return await self._change(work)

    async def retire(self, domain: str, selector: str, by: str, at: datetime) -> SigningKey:
        """Sign with it no more. Conflict for one that waits."""

        def work(connection: Connection) -> SigningKey:
            chosen = _find(_keys(connection), domain, selector)
            if chosen.state is KeyState.WAITING:
                raise Conflict(f"{selector} of {domain} does not sign yet: there is nothing to disable.")
            if chosen.state is KeyState.RETIRED:
                return chosen
            return _become(connection, chosen, KeyState.RETIRED, by, at)

        return await self._change(work)

    async def remove(self, domain: str, selector: str, by: str, at: datetime) -> SigningKey:
        """Forget it for good. Conflict while it signs."""

        def work(connection: Connection) -> SigningKey:
            chosen = _find(_keys(connection), domain, selector)
            if chosen.state is KeyState.ACTIVE:
                raise Conflict(f"{selector} signs the mail of {domain}: `postern dkim disable {domain}` first.")
            connection.execute(_REMOVE, _named(chosen))
            _book(connection, chosen, ("removed", ""), by, at)
            return chosen

        return await self._change(work)

    async def _change(self, work: Callable[[Connection], T]) -> T:
        """The change and what is active behind it, in one transaction."""

        def changed(connection: Connection) -> tuple[T, Sequence[ActiveKey]]:
            return work(connection), self._active(connection)

        result, _ = await self._writer.run(changed, then=lambda done: self._tell(done[1]))
        return result

    def _tell(self, active: Sequence[ActiveKey]) -> None:
        for tell in self.on_change:
            tell(active)

    def _active(self, connection: Connection) -> Sequence[ActiveKey]:
        return [
            ActiveKey(_key(row), self._open(row)) for row in connection.execute(_ALL) if row.state == KeyState.ACTIVE
        ]

    def _open(self, row: Row[tuple[object, ...]]) -> Secret:
        key = _key(row)
        try:
            return self._seal.open(Sealed(row.nonce, row.box), _row(key))
        except Conflict as error:
            raise Conflict(
                f"The signing key {key.record_name} can't be opened: give the gateway the key that its database was "
                "made with.",
                detail=error.detail,
            ) from error


def _row(key: SigningKey) -> str:
    """What the private half is bound to: no mailbox has such an address."""
    return f"dkim {key.algorithm} {key.record_name}"


def _keys(connection: Connection) -> Sequence[SigningKey]:
    return [_key(row) for row in connection.execute(_ALL)]


def _key(row: Row[tuple[object, ...]]) -> SigningKey:
    return SigningKey(
        row.domain, row.selector, Algorithm(row.algorithm), row.public, row.made_at, KeyState(row.state), row.since
    )


def _values(key: SigningKey) -> dict[str, object]:
    return {
        "domain": key.domain,
        "selector": key.selector,
        "algorithm": key.algorithm,
        "public": key.public,
        "made_at": key.made_at,
        "state": key.state,
        "since": key.active_since,
    }


def _named(key: SigningKey) -> dict[str, str]:
    return {"of_domain": key.domain, "of_selector": key.selector}


def _same(one: SigningKey, other: SigningKey) -> bool:
    return _named(one) == _named(other)


def _find(keys: Sequence[SigningKey], domain: str, selector: str) -> SigningKey:
    for key in keys:
        if (key.domain, key.selector) == (domain, selector):
            return key
    raise NotFound(f"There is no key {selector!r} of {domain}: `postern dkim list` shows them.")


def _become(connection: Connection, key: SigningKey, state: KeyState, by: str, at: datetime) -> SigningKey:
    since = at if state is KeyState.ACTIVE else key.active_since
    connection.execute(_CHANGE, _named(key) | {"state": state, "since": since})
    _book(connection, key, ("changed", f"{key.state} to {state}"), by, at)
    return replace(key, state=state, active_since=since)


def _book(connection: Connection, key: SigningKey, done: tuple[str, str], by: str, at: datetime) -> None:
    """For the activity trail; ``done`` is the verb and what there is to say of it."""
    verb, what = done
    book(connection, [Entry("dkim", key.record_name, verb, what)], by, at)
