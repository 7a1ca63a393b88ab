"""Conversations: a message joins those of its client that it refers to, or that refer to it, and of no other client.

As JWZ threads mail: what two messages both name ties them together though nobody has it, and where no reference says
anything the subject may, see `gateway.policy.topic`.
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Sequence
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

# Down the line: messages that these name. Up the line: messages that name these. And under which threads they lie: as
# one statement SQLite would go through all that a client has, for each message again.
_NAMES = func.json_each(bindparam("names", type_=Text)).table_valued("value")  # so that any number is one statement
_NUMBERS = func.json_each(bindparam("numbers", type_=Text)).table_valued("value")
_NAMED = Compiled(
    select(message.c.id.label("message"), message.c.message_id.label("name")).where(
        message.c.message_id.in_(select(_NAMES.c.value))
    )
)
_NAMING = Compiled(
    select(reference.c.message, reference.c.ref.label("name")).where(reference.c.ref.in_(select(_NAMES.c.value)))
)
_LYING = Compiled(
    select(filing.c.message, filing.c.thread).where(
        filing.c.client == bindparam("of_client"), filing.c.message.in_(select(_NUMBERS.c.value))
    )
)
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
_SHARED = Compiled(select(_NAMES.c.value.label("name"), _BESIDE.label("thread")).select_from(_NAMES))
_TOPICS = Compiled(
    select(_NAMES.c.value.label("topic"))
    .select_from(_NAMES)
    .where(
        select(filing.c.message)
        .with_hint(filing, "INDEXED BY filing_topic", "sqlite")
        .where(filing.c.client == bindparam("of_client"), filing.c.topic == _NAMES.c.value, text("topic <> ''"))
        .correlate(_NAMES)
        .exists()
    )
)
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
_NEWEST = Compiled(select(thread.c.id).order_by(thread.c.id.desc()).limit(bindparam("most")))
_REFER = Compiled(insert(reference), kept=True)

FIRST_NEW = 2**62  # threads that are yet to be made are numbered from here, younger than all that there are

Threads = defaultdict[str, set[int]]  # by a Message-ID


def thread_for(connection: Connection, client: str, facts: HeaderFacts, topic: str = "") -> int:
    """The thread of a message that is about to be filed; threads that it ties together become one.

    ``topic``: of its subject, where that may speak too. It does where nothing that the message names is known.
    """
    weaving = Weaving(connection, [(client, facts, topic)])
    chosen = weaving.thread_for(client, facts, topic)
    return weaving.begun()(chosen)


def add_references(connection: Connection, named: Iterable[tuple[int, HeaderFacts]]) -> None:
    """By its number, so that what each of these names finds it, should it be filed later."""
    _REFER.together(connection, [{"message": number, "ref": ref} for number, facts in named for ref in refs_of(facts)])


def refs_of(facts: HeaderFacts) -> list[str]:
    """The Message-IDs that it is found by."""
    if not facts.in_reply_to and not facts.references:  # as most have not
        return []
    return sorted({clean(name) for name in (*facts.in_reply_to, *facts.references[-MAX_RELATED:]) if name})


class Weaving:
    """The threads of messages that are about to be filed together, of whatever clients.

    `thread_for` in the order in which they are filed: each finds those before it as if they were filed. Then `begun`.
    """

    def __init__(self, connection: Connection, about: Sequence[tuple[str, HeaderFacts, str]]) -> None:
        """``about``: of each the client, what its header says, and the topic of its subject."""
        self._connection = connection
        names = {clean(name) for _, facts, _ in about for name in related_ids(facts)}
        own = {clean(facts.message_id) for _, facts, _ in about if facts.message_id}
        named = _NAMED.all(connection, {"names": json.dumps(sorted(names))}) if names else []
        naming = _NAMING.all(connection, {"names": json.dumps(sorted(own))}) if own else []
        self._clients: dict[str, _Client] = {}
        for client in {client for client, _, _ in about}:
            known = self._clients[client] = _Client(connection, client)
            known.lie(named, naming)
            known.share(names - own)
            known.ask({topic for name, _, topic in about if topic and name == client})
        self._new: dict[int, str] = {}  # those to be made, and whose they are
        self._joined: dict[int, int] = {}  # what became of threads that were tied to older ones

    def thread_for(self, client: str, facts: HeaderFacts, topic: str) -> int:
        """As above; its number may have changed by the time that all are done, see `begun`."""
        known = self._clients[client]
        found = {self._now(one) for one in known.by_names(facts)}
        if topic and not (found and facts.answers):
            found |= known.by_topic(facts, topic, self._now)
        chosen = choose_thread(sorted(found))
        if chosen is None:
            chosen = FIRST_NEW + len(self._new)
            self._new[chosen] = client
        self._join(client, chosen, found - {chosen})
        known.note(facts, topic, chosen)
        return chosen

    def begun(self) -> Callable[[int], int]:
        """Make those that are new; what it returns knows, by what `thread_for` said, a thread's number as it is now."""
        alive = [one for one in self._new if one not in self._joined]
        _NEW.together(self._connection, [{"client": self._new[one]} for one in alive])
        numbers = [row.id for row in _NEWEST.all(self._connection, {"most": len(alive)})] if alive else []
        made: dict[int, int] = dict(zip(alive, reversed(numbers), strict=True))

        def number(said: int) -> int:
            now = self._now(said)
            return made.get(now, now)

        return number

    def _now(self, one: int) -> int:
        while one in self._joined:
            one = self._joined[one]
        return one

    def _join(self, client: str, chosen: int, others: set[int]) -> None:
        self._joined.update(dict.fromkeys(others, chosen))
        _merge(self._connection, client, chosen, sorted(one for one in others if one < FIRST_NEW))


class _Client:
    """What a client's record has that some messages may be tied to, and then those messages too."""

    def __init__(self, connection: Connection, client: str) -> None:
        self._connection = connection
        self._client = client
        self._named: Threads = defaultdict(set)  # of messages with that name
        self._naming: Threads = defaultdict(set)  # of messages that refer to it
        self._topics: dict[str, deque[Other] | None] = {}  # None: the record has some that were not asked for yet

    def lie(self, named: Sequence[Any], naming: Sequence[Any]) -> None:
        """Those of these messages that are the client's lie in threads."""
        numbers = sorted({row.message for row in (*named, *naming)})
        if not numbers:
            return
        asked = {"of_client": self._client, "numbers": json.dumps(numbers)}
        threads = {row.message: row.thread for row in _LYING.all(self._connection, asked)}
        for found, rows in ((self._named, named), (self._naming, naming)):
            for row in rows:
                if row.message in threads:
                    found[row.name].add(threads[row.message])

    def share(self, names: Collection[str]) -> None:
        """Messages that refer to these lie in threads."""
        if names:
            asked = {"of_client": self._client, "names": json.dumps(sorted(names))}
            for row in _SHARED.all(self._connection, asked):
                if row.thread is not None:
                    self._naming[row.name].add(row.thread)

    def ask(self, topics: Collection[str]) -> None:
        """Which of these topics there are."""
        asked = {"of_client": self._client, "names": json.dumps(sorted(topics))}
        there = {row.topic for row in _TOPICS.all(self._connection, asked)} if topics else set()
        self._topics = {topic: None if topic in there else deque(maxlen=MAX_ALIKE) for topic in topics}

    def by_names(self, facts: HeaderFacts) -> set[int]:
        found: set[int] = set()
        for name in related_ids(facts):
            found |= self._named.get(clean(name), frozenset())
            found |= self._naming.get(clean(name), frozenset())
        return found

    def by_topic(self, facts: HeaderFacts, topic: str, now: Callable[[int], int]) -> set[int]:
        others = self._of_topic(topic)
        chosen = by_subject(facts, [Other(now(one.thread), one.facts) for one in others])
        return set() if chosen is None else {chosen}

    def note(self, facts: HeaderFacts, topic: str, chosen: int) -> None:
        """It lies in that thread from here on."""
        if facts.message_id:
            self._named[clean(facts.message_id)].add(chosen)
        for ref in refs_of(facts):
            self._naming[ref].add(chosen)
        if topic:
            self._of_topic(topic).append(Other(chosen, facts))

    def _of_topic(self, topic: str) -> deque[Other]:
        """The last ones, the newest last."""
        others = self._topics[topic]
        if others is None:
            rows = _BY_TOPIC.all(self._connection, {"of_client": self._client, "topic": topic})
            others = deque((Other(row.thread, _told(row)) for row in reversed(rows)), MAX_ALIKE)
            self._topics[topic] = others
        return others


def _told(row: Any) -> HeaderFacts:
    return HeaderFacts("", (), (), row.subject, "", "", row.date, tuple(row.people))


def _merge(connection: Connection, client: str, chosen: int, others: Sequence[int]) -> None:
    if others:
        connection.execute(_MOVE, {"of_client": client, "chosen": chosen, "others": others})
        connection.execute(_KEEP_MUTED, {"others": others, "chosen": chosen})
        connection.execute(_FORGET_MUTED, {"others": others})
        connection.execute(_DROP, {"others": others})
