"""Conversations: a message joins those of its client that it refers to, or that refer to it, and of no other client.

As JWZ threads mail: what two messages both name ties them together though nobody has it, and where no reference says
anything the subject may, see `gateway.policy.topic`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Text, bindparam, delete, func, insert, select, text, update
from sqlalchemy.dialects.sqlite import insert as insert_new

from gateway.domain.record import HeaderFacts
from gateway.policy.thread import MAX_RELATED, choose_thread, related_ids
from gateway.policy.topic import Other, by_subject
from gateway.store.columns import clean
from gateway.store.compiled import Compiled
from gateway.store.schema import filing, message, muted, reference, thread

MAX_ALIKE = 100  # messages of one topic that are looked at, the last that were filed: a daily report has thousands

# Down the line: messages that this one names. Up the line: messages that name this one.
_NAMES = func.json_each(bindparam("names", type_=Text)).table_valued("value")  # so that any number is one statement
_NAMED = select(message.c.id).where(message.c.message_id.in_(select(_NAMES.c.value)))
_NAMING = select(reference.c.message).where(reference.c.ref == bindparam("own"))
# As joins SQLite would go through all that a client has, for each message again.
_OF_CLIENT = select(filing.c.thread).where(filing.c.client == bindparam("of_client"))
_BY_NAMED = Compiled(_OF_CLIENT.where(filing.c.message.in_(_NAMED)))
_BY_NAMING = Compiled(_OF_CLIENT.where(filing.c.message.in_(_NAMING)))
# Beside the line: messages that name the same. All of them that a client has are in one thread, so one of each will do.
_BESIDE = (
    select(filing.c.thread)
    .select_from(reference)
    .join(filing, filing.c.message == reference.c.message)
    .where(reference.c.ref == _NAMES.c.value, filing.c.client == bindparam("of_client"))
    .limit(1)
    .correlate(_NAMES)
    .scalar_subquery()
)
_BY_SHARED = Compiled(select(_BESIDE.label("thread")).select_from(_NAMES))
# The index has client, topic and message, and the rest is looked up for those that it gives: asked for more at once,
# SQLite holds going through all that the client has to be as cheap. In the words of the index, so that it may be used.
_SAME = (
    select(filing.c.client, filing.c.message)
    .where(filing.c.client == bindparam("of_client"), filing.c.topic == bindparam("topic"), text("topic <> ''"))
    .order_by(filing.c.message.desc())
    .limit(MAX_ALIKE)
    .subquery("same")
)
_BY_TOPIC = Compiled(
    select(filing.c.thread, message.c.subject, message.c.date, message.c.people)
    .select_from(_SAME)
    .join(filing, (filing.c.client == _SAME.c.client) & (filing.c.message == _SAME.c.message))
    .join(message, message.c.id == filing.c.message)
)
_MOVE = (
    update(filing)
    .where(filing.c.client == bindparam("of_client"), filing.c.thread.in_(bindparam("others", expanding=True)))
    .values(thread=bindparam("chosen"))
)
# Who muted a part hears no more of the whole.
_KEEP_MUTED = (
    insert_new(muted)
    .from_select(
        ["login", "thread"],
        select(muted.c.login, bindparam("chosen")).where(muted.c.thread.in_(bindparam("others", expanding=True))),
    )
    .on_conflict_do_nothing()
)
_FORGET_MUTED = delete(muted).where(muted.c.thread.in_(bindparam("others", expanding=True)))
_DROP = delete(thread).where(thread.c.id.in_(bindparam("others", expanding=True)))
_NEW = Compiled(insert(thread))
_REFER = Compiled(insert(reference))


def thread_for(connection: Connection, client: str, facts: HeaderFacts, topic: str = "") -> int:
    """The thread of a message that is about to be filed; threads that it ties together become one.

    ``topic``: of its subject, where that may speak too. It does where nothing that the message names is known.
    """
    found = _by_names(connection, client, facts)
    if topic and not (found and facts.answers):
        found |= _by_topic(connection, client, facts, topic)
    chosen = choose_thread(sorted(found))
    if chosen is None:
        return _start(connection, client)
    _merge(connection, client, chosen, sorted(found - {chosen}))
    return chosen


def _by_names(connection: Connection, client: str, facts: HeaderFacts) -> set[int]:
    names = [clean(name) for name in related_ids(facts)]
    own = clean(facts.message_id)
    found: set[int] = set()
    if names:
        found |= {row.thread for row in _BY_NAMED.all(connection, {"of_client": client, "names": json.dumps(names)})}
    if own:
        found |= {row.thread for row in _BY_NAMING.all(connection, {"of_client": client, "own": own})}
    shared = [name for name in names if name != own]
    if shared:
        rows = _BY_SHARED.all(connection, {"of_client": client, "names": json.dumps(shared)})
        found |= {row.thread for row in rows if row.thread is not None}
    return found


def _by_topic(connection: Connection, client: str, facts: HeaderFacts, topic: str) -> set[int]:
    rows = _BY_TOPIC.all(connection, {"of_client": client, "topic": topic})
    chosen = by_subject(facts, [Other(row.thread, _told(row)) for row in rows])
    return set() if chosen is None else {chosen}


def _told(row: Any) -> HeaderFacts:
    return HeaderFacts("", (), (), row.subject, "", "", row.date, tuple(row.people))


def add_references(connection: Connection, number: int, facts: HeaderFacts) -> None:
    """So that what this one names finds it, should it be filed later."""
    names = {clean(name) for name in (*facts.in_reply_to, *facts.references[-MAX_RELATED:]) if name}
    _REFER.many(connection, [{"message": number, "ref": name} for name in sorted(names)])


def _start(connection: Connection, client: str) -> int:
    return _NEW.add(connection, {"client": client})


def _merge(connection: Connection, client: str, chosen: int, others: Sequence[int]) -> None:
    if others:
        connection.execute(_MOVE, {"of_client": client, "chosen": chosen, "others": others})
        connection.execute(_KEEP_MUTED, {"others": others, "chosen": chosen})
        connection.execute(_FORGET_MUTED, {"others": others})
        connection.execute(_DROP, {"others": others})
