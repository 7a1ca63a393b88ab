"""Conversations: a message joins those of its client that it refers to, or that refer to it, and of no other client."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, insert, select, union, update

from gateway.domain.record import HeaderFacts
from gateway.policy.thread import MAX_RELATED, choose_thread, related_ids
from gateway.store.columns import clean
from gateway.store.compiled import Compiled
from gateway.store.schema import filing, message, reference, thread

# Down the line: messages that this one names. Up the line: messages that name this one.
_NAMED = (
    select(filing.c.thread)
    .join(message, message.c.id == filing.c.message)
    .where(filing.c.client == bindparam("of_client"), message.c.message_id.in_(bindparam("names", expanding=True)))
)
_NAMING = (
    select(filing.c.thread)
    .join(reference, reference.c.message == filing.c.message)
    .where(filing.c.client == bindparam("of_client"), reference.c.ref == bindparam("own"))
)
_RELATED = union(_NAMED, _NAMING)
_MOVE = (
    update(filing)
    .where(filing.c.client == bindparam("of_client"), filing.c.thread.in_(bindparam("others", expanding=True)))
    .values(thread=bindparam("chosen"))
)
_DROP = delete(thread).where(thread.c.id.in_(bindparam("others", expanding=True)))
_NEW = Compiled(insert(thread))
_REFER = Compiled(insert(reference))


def thread_for(connection: Connection, client: str, facts: HeaderFacts) -> int:
    """The thread of a message that is about to be filed; threads that it ties together become one."""
    names = [clean(name) for name in related_ids(facts)]
    own = clean(facts.message_id)
    if not names:
        return _start(connection, client)
    found = connection.execute(_RELATED, {"of_client": client, "names": names, "own": own}).scalars().all()
    chosen = choose_thread(found)
    if chosen is None:
        return _start(connection, client)
    _merge(connection, client, chosen, [one for one in found if one != chosen])
    return chosen


def add_references(connection: Connection, number: int, facts: HeaderFacts) -> None:
    """So that what this one names finds it, should it be filed later."""
    names = {clean(name) for name in (*facts.in_reply_to, *facts.references[-MAX_RELATED:]) if name}
    _REFER.many(connection, [{"message": number, "ref": name} for name in sorted(names)])


def _start(connection: Connection, client: str) -> int:
    return _NEW.add(connection, {"client": client})


def _merge(connection: Connection, client: str, chosen: int, others: Sequence[int]) -> None:
    if others:
        connection.execute(_MOVE, {"of_client": client, "chosen": chosen, "others": others})
        connection.execute(_DROP, {"others": others})
