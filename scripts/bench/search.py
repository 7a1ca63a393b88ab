#!/usr/bin/env python3
"""Measures search: how long queries take, what a message costs to index, and how large the index grows.

Beside it, in the same run and on the same messages: FTS5 as one would set it up at first (its own unicode61 words, its
contents in it, newest by rowid). Messages are synthetic: words of a vocabulary whose frequencies fall as those of a
language do (Zipf-Mandelbrot), lengths as those of letters (log-normal, half of them under 150 words), from two thousand
clients over ten years. A query is timed as a whole, with the check against the record and the snippets; CPU is that of
all threads. What reading costs is measured with the first messages only.

    python scripts/bench/search.py [--messages 20000] [--folder FOLDER [--again]]

With a million messages it wants about eight gigabytes of disk and half an hour. What is built in FOLDER stays there;
``--again`` asks it again, on a quieter machine, say.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import email.utils
import itertools
import multiprocessing
import random
import re
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from gateway.domain.record import Direction, HeaderFacts, Message
from gateway.domain.search import Texts
from gateway.mime.attachments import attachments
from gateway.policy.search import parse
from gateway.policy.texts import MAX_EXCERPT_BODY, joined, letter_texts, version
from gateway.store import index
from gateway.store.store import Store

VOCABULARY = 200_000  # words, as a firm's mail of some years has, with its misspellings
CLIENTS = 2_000
BATCH = 512  # messages of one write to an index, as the gateway does it
ROUNDS = 100  # queries of each kind
FIRST = datetime(2016, 1, 1, tzinfo=UTC)
YEARS = timedelta(days=3650)
# Beginnings and ends of words: so that many words begin alike, as they do in languages.
HEADS = re.findall(
    r"\w+", "con pre in de re dis un com pro ex per sub over inter trans a e o be st tr c m l p t f b d g"
)
TAILS = re.findall(r"\w+", "tion ment able ing er ed al ive ous ly ance ist um en ar ic ent a o e s y")
MIDDLES = re.findall(
    r"\w+", "tra sti per for man ter min lan car der ver mor sen pul fer cor gra mit ten rom bal nic lo ri"
)
PLAIN = "plain.db"
READ = 10_000  # messages that are read from their bytes


class Language:
    """Words by rank, the commonest first."""

    def __init__(self, seed: int) -> None:
        dice = random.Random(seed)
        words: dict[str, None] = {}
        while len(words) < VOCABULARY:
            rare = min(3, len(words) // 2_000 + 1)
            middle = "".join(dice.choice(MIDDLES) for _ in range(dice.randint(0, rare)))
            words.setdefault(dice.choice(HEADS) + middle + dice.choice(TAILS))
        self.words = list(words)
        self._dice = dice
        weights = itertools.accumulate(1 / (rank + 2.7) for rank in range(VOCABULARY))
        self._pool = dice.choices(self.words, cum_weights=list(weights), k=2_000_000)

    def text(self, count: int) -> list[str]:
        at = self._dice.randrange(len(self._pool) - count)
        return self._pool[at : at + count]


@dataclass(frozen=True, slots=True)
class Letter:
    """One synthetic message."""

    number: int
    client: int
    at: datetime
    subject: str
    body: str

    @property
    def sender(self) -> str:
        return f"Person {self.client} <person{self.client}@client{self.client}.example>"

    def raw(self) -> bytes:
        head = f"From: {self.sender}\r\nTo: Office <office@firm.example>\r\nSubject: {self.subject}\r\n"
        when = email.utils.format_datetime(self.at)
        return f"{head}Date: {when}\r\nMessage-ID: <{self.number}@client.example>\r\n\r\n{self.body}\r\n".encode()


def letters(count: int) -> Iterator[Letter]:
    """Always the same, in the order of their dates."""
    language, dice = Language(1), random.Random(2)
    for number in range(1, count + 1):
        words = language.text(min(5_000, max(8, int(dice.lognormvariate(5, 0.8)))))
        numbers = [str(dice.randrange(10**7)) for _ in range(3)]  # of invoices and the like: found once
        at = FIRST + YEARS * (number / count)
        client = min(CLIENTS - 1, int(dice.paretovariate(0.7)))
        yield Letter(number, client, at, " ".join(language.text(6)), " ".join([*words, *numbers]))


def message_of(letter: Letter) -> Message:
    known = HeaderFacts(f"<{letter.number}>", (), (), letter.subject, letter.sender, "Office", letter.at)
    return Message(letter.number, f"{letter.number:064x}", len(letter.body), known, letter.at)


@dataclass(slots=True)
class Cost:
    """Seconds of CPU, and how many messages were read from their bytes."""

    read: int = 0
    reading: float = 0.0
    writing: float = 0.0
    plain: float = 0.0


def main() -> None:
    arguments = argparse.ArgumentParser(description="Measures search.")
    arguments.add_argument("--messages", type=int, default=20_000)
    arguments.add_argument("--folder", type=Path, help="where there is room; what is built stays there")
    arguments.add_argument("--again", action="store_true", help="only ask what was built in the folder before")
    arguments.add_argument("--alone", action="store_true", help="leave out the other index: it takes half of the time")
    given = arguments.parse_args()
    if given.again and given.folder is None:
        arguments.error("--again wants the --folder that was filled before")
    with contextlib.ExitStack() as stack:
        room = given.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if not given.again:
            asyncio.run(build(room, given.messages, alone=given.alone))
        asyncio.run(ask(room))


async def build(room: Path, count: int, *, alone: bool) -> None:
    await (await Store.open(room, url=None, key=bytes(32))).close()
    path, plain = index.index_path(room / "postern.db"), room / PLAIN
    index.prepare(path, version(), 0)
    cost = fill(room / "postern.db", path, None if alone else plain, count)
    print(f"{count} messages; CPU for each: {cost.reading / cost.read * 1e6:.0f} us to read it,", end=" ")
    print(f"{cost.writing / count * 1e6:.0f} us to index it; index: {path.stat().st_size / 1e6:.0f} MB")
    if not alone:
        print(f"FTS5 as it comes: {cost.plain / count * 1e6:.0f} us, {plain.stat().st_size / 1e6:.0f} MB")


async def ask(room: Path) -> None:
    plain = room / PLAIN
    print(
        f"{'milliseconds':34} {'p50':>8} {'p99':>8}   {'CPU p50':>8} {'p99':>8}   {'as it':>8} {'comes':>8}", flush=True
    )
    store = await Store.open(room, url=None, key=bytes(32))
    try:
        with closing(sqlite3.connect(plain)) if plain.exists() else contextlib.nullcontext() as raw:
            took = [one for kind, make in KINDS.items() for one in await compare(store, raw, kind, make)]
        print(f"{'all of these':34} {figures(took)}")
    finally:
        await store.close()


def fill(record: Path, path: Path, plain: Path | None, count: int) -> Cost:
    """The record gets its rows, without bytes; both indexes get the same messages in the same batches."""
    cost = Cost()
    with (
        closing(sqlite3.connect(record)) as rows,
        closing(index.connect(path, writes=True)) as ours,
        closing(sqlite3.connect(plain or ":memory:")) as theirs,
    ):
        theirs.execute("PRAGMA journal_mode = WAL")
        theirs.execute("CREATE VIRTUAL TABLE mail USING fts5(subject, sender, body, client UNINDEXED, date UNINDEXED)")
        rows.execute("PRAGMA synchronous = OFF")  # what filing costs is measured elsewhere
        for batch, entries, seconds in read_elsewhere(count):
            begun = time.process_time()
            index.write(ours, entries, (), None)
            cost.writing += time.process_time() - begun
            if seconds:
                cost.read, cost.reading = cost.read + len(batch), cost.reading + seconds
            if plain is not None:
                begun = time.process_time()
                put_plain(theirs, batch)
                cost.plain += time.process_time() - begun
            put_record(rows, batch)
        rows.execute("DELETE FROM unindexed")
        rows.commit()
        ours.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
    return cost


Batch = tuple[list[Letter], list[index.Entry], float]  # seconds of CPU for reading them; 0: they were not


def read_elsewhere(count: int) -> Iterator[Batch]:
    """Letters are made, and their words found, in a process of their own, as the gateway does it."""
    batches: multiprocessing.Queue[Batch | None] = multiprocessing.Queue(maxsize=20)
    reader = multiprocessing.Process(target=make_batches, args=(count, batches))
    reader.start()
    while batch := batches.get():
        yield batch
    reader.join()


def make_batches(count: int, batches: multiprocessing.Queue[Batch | None]) -> None:
    source = letters(count)
    while batch := list(itertools.islice(source, BATCH)):
        read = batch[0].number <= READ
        begun = time.process_time()
        entries = [entry_of(one, read=read) for one in batch]
        batches.put((batch, entries, time.process_time() - begun if read else 0.0))
    batches.put(None)


def entry_of(letter: Letter, *, read: bool) -> index.Entry:
    filings = ((f"Client {letter.client}", Direction.INBOX),)
    if read:
        raw = letter.raw()
        return index.Entry(message_of(letter), filings, letter_texts(raw, attachments(raw)))
    subject, sender, office = joined(letter.subject), joined(letter.sender), joined("Office <office@firm.example>")
    texts = Texts(subject, sender, office, joined(letter.body), excerpt=letter.body[:MAX_EXCERPT_BODY])
    return index.Entry(message_of(letter), filings, texts)


def put_plain(raw: sqlite3.Connection, batch: list[Letter]) -> None:
    raw.executemany(
        "INSERT INTO mail VALUES (?, ?, ?, ?, ?)",
        [(one.subject, one.sender, one.body, one.client, one.at.timestamp()) for one in batch],
    )
    raw.commit()


def put_record(raw: sqlite3.Connection, batch: list[Letter]) -> None:
    messages = [
        (one.number, f"{one.number:064x}", len(one.body), one.subject, one.sender, int(one.at.timestamp() * 1e6))
        for one in batch
    ]
    raw.executemany(
        "INSERT INTO message (id, sha256, size, message_id, in_reply_to, refs, subject, sender, recipients, date, "
        "filed_at, author_login, grant_kind) VALUES (?1, ?2, ?3, '', '[]', '[]', ?4, ?5, 'Office', ?6, ?6, '', '')",
        messages,
    )
    filings = [(f"Client {one.client}", one.number) for one in batch]
    raw.executemany(
        "INSERT INTO filing (client, message, direction, thread, flags) VALUES (?, ?, 'inbox', 1, '[]')", filings
    )
    raw.commit()


Question = tuple[str, str, set[str] | None]  # ours, theirs, the clients whom the asker sees
_WORDS = Language(1).words
_SOME = {f"Client {number}" for number in range(40, 60)}
_SMALL = {"Client 1234"}  # has one message in some ten thousand
_MANY = {f"Client {number}" for number in range(1_000, 1_200)}


def _word(dice: random.Random, low: int, high: int) -> str:
    return _WORDS[dice.randrange(low, high)]


def _same(words: str) -> Question:
    return words, words, None


def _prefix(dice: random.Random, length: int) -> Question:
    found = next(word for word in iter(lambda: _word(dice, 0, 50_000), "") if len(word) > length)[:length]
    return _same(f"{found}*")


KINDS: dict[str, Callable[[random.Random], Question]] = {
    "a common word": lambda dice: _same(_word(dice, 0, 100)),
    "a rare word": lambda dice: _same(_word(dice, 20_000, 150_000)),
    "a number": lambda dice: _same(str(dice.randrange(10**7))),
    "two words": lambda dice: _same(f"{_word(dice, 0, 200)} {_word(dice, 200, 20_000)}"),
    "five words": lambda dice: _same(" ".join(_word(dice, 0, 1_000) for _ in range(5))),
    "a phrase of common words": lambda dice: _same(f'"{_word(dice, 0, 100)} {_word(dice, 0, 100)}"'),
    "a phrase with a rarer one": lambda dice: _same(f'"{_word(dice, 0, 100)} {_word(dice, 500, 5_000)}"'),
    "a prefix of four": lambda dice: _prefix(dice, 4),
    "a prefix of five": lambda dice: _prefix(dice, 5),
    "a prefix of six": lambda dice: _prefix(dice, 6),
    "a word in the subject": lambda dice: (
        f"subject:{(word := _word(dice, 0, 5_000))}",
        f"subject : {word}",
        None,
    ),
    "from: and a word": lambda dice: (
        f"from:person{(number := dice.randrange(100))} {(word := _word(dice, 0, 500))}",
        f"sender : person{number} {word}",
        None,
    ),
    "a word, without another": lambda dice: (
        f"{(word := _word(dice, 0, 500))} -{(other := _word(dice, 0, 100))}",
        f"{word} NOT {other}",
        None,
    ),
    "a common word behind walls": lambda dice: (
        (word := _word(dice, 0, 100)),
        f"{word}",
        _SOME,
    ),
    "a rarer word behind walls": lambda dice: (
        (word := _word(dice, 500, 5_000)),
        f"{word}",
        _SOME,
    ),
    "a common word, one small client": lambda dice: (
        (word := _word(dice, 0, 100)),
        f"{word}",
        _SMALL,
    ),
    "a common word, 200 small clients": lambda dice: (
        (word := _word(dice, 0, 100)),
        f"{word}",
        _MANY,
    ),
    "a prefix of four, one small client": lambda dice: (*_prefix(dice, 4)[:2], _SMALL),
}


async def compare(
    store: Store, raw: sqlite3.Connection | None, kind: str, make: Callable[[random.Random], Question]
) -> list[float]:
    """Seconds that each query took us."""
    dice = random.Random(3)
    ours, theirs, spent = [], [], []
    for _ in range(ROUNDS):
        question, other, clients = make(dice)
        begun, busy = time.perf_counter(), time.process_time()
        await store.search.find(parse(question), clients=clients, limit=50)
        ours.append(time.perf_counter() - begun)
        spent.append(time.process_time() - busy)
        if raw is not None:
            begun = time.perf_counter()
            look_plain(raw, other, clients)
            theirs.append(time.perf_counter() - begun)
    print(f"{kind:34} {figures(ours)}   {figures(spent)}   {figures(theirs) if theirs else ''}", flush=True)
    return ours


def look_plain(raw: sqlite3.Connection, words: str, clients: set[str] | None) -> None:
    walls = "" if clients is None else f"AND client IN ({','.join(name.split()[1] for name in clients)})"
    raw.execute(
        f"SELECT rowid, subject, snippet(mail, 2, '', '', '...', 20) FROM mail WHERE mail MATCH ? {walls} "
        "ORDER BY rowid DESC LIMIT 50",
        (words,),
    ).fetchall()


def figures(seconds: list[float]) -> str:
    low, high = statistics.median(seconds), statistics.quantiles(seconds, n=100)[98]
    return f"{low * 1e3:8.1f} {high * 1e3:8.1f}"


if __name__ == "__main__":
    main()
