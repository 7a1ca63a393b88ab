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
from gateway.store.columns import Moment, Words
from gateway.store.schema import filing, saving, thread, unfiled
from gateway.store.threads import thread_for
from gateway.store.withdrawing import withdraw

_ONE = (filing.c.client == bindparam("of_client"), filing.c.message == bindparam("number"))
_THREAD = select(filing.c.thread).where(*_ONE)
_FILE = insert(filing)
_ASIDE = insert(unfiled).from_select(
    ["client", "message", "direction", "thread", "flags", "at", "who", "step"],
    select(
        filing.c.client,
        filing.c.message,
        filing.c.direction,
        filing.c.thread,
        filing.c.flags,
        bindparam("at", type_=Moment),
        bindparam("by", type_=Words),
        bindparam("of_step"),
    ).where(*_ONE),
)
_TAKE = delete(filing).where(*_ONE)
_BACK = delete(unfiled).where(unfiled.c.client == bindparam("of_client"), unfiled.c.message == bindparam("number"))
_NO_DUTY = delete(saving).where(  # done or not: filed there again, it is looked through again
    saving.c.client == bindparam("of_client"), saving.c.message == bindparam("number")
)
_EMPTY = delete(thread).where(thread.c.id == bindparam("of_thread"), ~exists().where(filing.c.thread == thread.c.id))


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
    connection.execute(_FILE, row | {"thread": thread_for(connection, client, facts, topic)})
    connection.execute(_BACK, {"of_client": client, "number": message})


def take_out(
    connection: Connection, client: str, message: int, *, by: str, at: datetime, step: int | None = None
) -> list[int]:
    """The numbers of the documents that left with it. ``step``: the change that does it; else a person does.

    It is in the client's record: see to that first.
    """
    place = {"of_client": client, "number": message}
    was = connection.execute(_THREAD, place).scalar_one()
    connection.execute(_ASIDE, place | {"at": at, "by": by, "of_step": step})
    connection.execute(_TAKE, place)
    connection.execute(_NO_DUTY, place)
    connection.execute(_EMPTY, {"of_thread": was})
    return withdraw(connection, client, message)
