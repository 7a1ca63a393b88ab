"""One message into a client's record and out of it again, after it was first filed: by a person, or by a change.

Nothing is lost by it: what is taken out is kept aside, with who did it and when, and can be put back. The documents
that it brought go with it, and come back when they are saved again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, exists, insert, select

from gateway.domain.record import Direction, HeaderFacts
from gateway.policy.topic import topic_of
from gateway.store.compiled import Compiled
from gateway.store.schema import filing, saving, thread, unfiled
from gateway.store.threads import thread_for
from gateway.store.withdrawing import withdraw

_ONE = (filing.c.client == bindparam("of_client"), filing.c.message == bindparam("number"))
_LIES = Compiled(select(filing.c.direction, filing.c.thread, filing.c.flags).where(*_ONE))
_FILE = Compiled(insert(filing))
_TAKE = Compiled(delete(filing).where(*_ONE))
_ASIDE = Compiled(insert(unfiled))
_BACK = Compiled(
    delete(unfiled).where(unfiled.c.client == bindparam("of_client"), unfiled.c.message == bindparam("number"))
)
_NO_DUTY = Compiled(  # done or not: filed there again, it is looked through again
    delete(saving).where(saving.c.client == bindparam("of_client"), saving.c.message == bindparam("number"))
)
_EMPTY = Compiled(
    delete(thread).where(thread.c.id == bindparam("of_thread"), ~exists().where(filing.c.thread == thread.c.id))
)


def put(
    connection: Connection,
    client: str,
    message: int,
    facts: HeaderFacts,
    *,
    direction: Direction,
    flags: Sequence[str],
    held: bool,
) -> None:
    """``held``: it is unverified, and its subject says nothing of the conversation that it belongs to."""
    topic = "" if held else topic_of(facts.subject)
    row = {"client": client, "message": message, "direction": direction.value, "flags": list(flags), "topic": topic}
    _FILE.run(connection, row | {"thread": thread_for(connection, client, facts, topic)})
    _BACK.run(connection, {"of_client": client, "number": message})


def take_out(
    connection: Connection, client: str, message: int, *, by: str, at: datetime, step: int | None = None
) -> list[int]:
    """The numbers of the documents that left with it. ``step``: the change that does it; else a person does.

    It is in the client's record: see to that first.
    """
    place = {"of_client": client, "number": message}
    lay = _LIES.first(connection, place)
    where = {"client": client, "message": message, "at": at, "who": by, "step": step}
    _ASIDE.run(connection, where | {"direction": lay.direction, "thread": lay.thread, "flags": lay.flags})
    _TAKE.run(connection, place)
    _NO_DUTY.run(connection, place)
    _EMPTY.run(connection, {"of_thread": lay.thread})
    return withdraw(connection, client, message)
