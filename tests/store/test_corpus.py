"""Every real message comes into the record, however broken, is listed, and comes out with the bytes that it had."""

from __future__ import annotations

import hashlib

import pytest

from gateway.mime.facts import facts
from gateway.store.store import Store
from tests.corpus import corpus_messages, needs_corpus
from tests.store.making import filing


@needs_corpus
@pytest.mark.corpus
async def test_real_messages_are_kept_byte_for_byte(store: Store) -> None:
    kept: dict[str, int] = {}
    for path in corpus_messages():
        raw = path.read_bytes()
        kept[hashlib.sha256(raw).hexdigest()] = (await store.record.file(filing(raw, "Al", known=facts(raw)))).message
    for sha256, number in kept.items():
        assert hashlib.sha256(await store.record.raw(number)).hexdigest() == sha256
    assert len(kept) == len({path.read_bytes() for path in corpus_messages()}) > 700
    assert {one.message.id for one in await store.record.list("Al", None, 10_000)} == set(kept.values())
    assert await store.verify() == []
    print(f"{len(kept)} different messages, each kept byte for byte")
