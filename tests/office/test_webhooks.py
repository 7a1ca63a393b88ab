"""Events reach other software once, in order, signed; what fails is tried again and holds up nobody."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from ssl import create_default_context

import pytest

from gateway.domain.errors import Conflict, Faulty, NotFound
from gateway.domain.firm import Client, Firm, Member
from gateway.domain.record import EventKind
from gateway.office import webhooks
from gateway.office.webhooks import Webhooks
from gateway.policy.webhook import WAITS, headers_of
from gateway.settings.gateway import Webhooks as Rules
from gateway.store.store import Store
from gateway.upstream.http import post
from tests.office.listener import Listener, listening
from tests.store.making import KEY
from tests.waiting import until

MAIL, BOUNCE = EventKind.CLIENT_MAIL, EventKind.BOUNCE


@dataclass
class Firmly:
    """What the tests turn."""

    store: Store
    hooks: Webhooks
    listener: Listener
    now: datetime = datetime(2026, 3, 14, tzinfo=UTC)
    firm: Firm = field(default_factory=Firm)

    async def add(
        self, name: str = "crm", kinds: Collection[EventKind] = (), login: str = "", path: str = "/"
    ) -> bytes:
        _, secret = await self.hooks.add(name, f"http://127.0.0.1:{self.listener.port}{path}", kinds, login, "root")
        return base64.b64decode(secret.removeprefix("whsec_"))

    async def happen(self, text: str, kind: EventKind = MAIL, client: str = "") -> int:
        return (await self.store.feed.add(kind, self.now, text, client=client)).number

    def texts(self) -> list[str]:
        return [json.loads(body)["data"]["text"] for _, body in self.listener.requests]


@asynccontextmanager
async def made(folder: Path, rules: Rules, port: int = 0) -> AsyncIterator[Firmly]:
    store = await Store.open(folder / "data", url=None, key=KEY)
    async with listening(port=port) as listener:
        held: list[Firmly] = []
        hooks = Webhooks(
            store,
            firm=lambda: held[0].firm,
            rules=lambda: rules,
            now=lambda: held[0].now,
            post=partial(post, context=create_default_context),
        )
        held.append(Firmly(store, hooks, listener))
        running = asyncio.ensure_future(hooks.run())
        try:
            yield held[0]
        finally:
            running.cancel()
            (ended,) = await asyncio.gather(running, return_exceptions=True)
            assert isinstance(ended, asyncio.CancelledError), ended
            await store.close()


@pytest.fixture
async def firmly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Firmly]:
    monkeypatch.setattr(webhooks, "LONGEST_SLEEP", 0.01)
    async with made(tmp_path, Rules(allow_private=True, allow_http=True)) as built:
        yield built


async def test_events_come_in_order_signed_and_once(firmly: Firmly) -> None:
    await firmly.happen("before it was added")
    secret = await firmly.add()
    numbers = [await firmly.happen(f"event {n}") for n in range(3)]
    await until(lambda: len(firmly.listener.requests) == 3)
    assert firmly.texts() == ["event 0", "event 1", "event 2"]
    for number, (fields, body) in zip(numbers, firmly.listener.requests, strict=True):
        expected = headers_of(secret, f"evt_{number}", firmly.now, body)
        assert {name: fields[name] for name in expected} == expected
        assert secret not in body
    await until(lambda: _cursor(firmly, numbers[-1]))


async def _cursor(firmly: Firmly, number: int) -> bool:
    return (await firmly.store.webhooks.list())[0].cursor == number


async def test_only_the_wanted_kinds_are_sent(firmly: Firmly) -> None:
    await firmly.add(kinds=[BOUNCE])
    for kind in (MAIL, BOUNCE, MAIL, BOUNCE):
        await firmly.happen(kind.value, kind)
    await until(lambda: len(firmly.listener.requests) == 2)
    assert firmly.texts() == ["bounce", "bounce"]


async def test_what_fails_is_sent_again_later_with_the_same_id_and_keeps_the_order(firmly: Firmly) -> None:
    firmly.listener.answer(500, 302, 204)
    await firmly.add()
    await firmly.happen("first")
    await firmly.happen("second")
    await until(lambda: _attempts(firmly, 1))
    hook = (await firmly.store.webhooks.list())[0]
    assert hook.last_error == "127.0.0.1 answered 500."
    assert hook.next_attempt == firmly.now + WAITS[0]
    firmly.now += WAITS[0]
    await until(lambda: _attempts(firmly, 2))
    firmly.now += WAITS[1]
    await until(lambda: len(firmly.listener.requests) == 4)
    assert firmly.texts() == ["first", "first", "first", "second"]
    assert len({fields["webhook-id"] for fields, _ in firmly.listener.requests}) == 2
    stamps = [fields["webhook-timestamp"] for fields, _ in firmly.listener.requests]
    assert len(set(stamps[:3])) == 3, "each attempt says when it was made"


async def _attempts(firmly: Firmly, attempts: int) -> bool:
    return (await firmly.store.webhooks.list())[0].attempts == attempts


async def test_an_event_that_nobody_takes_is_given_up_and_the_next_is_sent(firmly: Firmly) -> None:
    firmly.listener.answer(*[503] * (len(WAITS) + 1), 204)
    await firmly.add()
    await firmly.happen("lost")
    await firmly.happen("next")
    for attempts, wait in enumerate(WAITS, 1):
        await until(partial(_attempts, firmly, attempts))
        firmly.now += wait
    await until(lambda: firmly.texts()[-1:] == ["next"])
    assert firmly.texts() == ["lost"] * (len(WAITS) + 1) + ["next"]


async def test_410_turns_it_off_and_a_new_one_of_that_name_starts_anew(firmly: Firmly) -> None:
    firmly.listener.answer(410, 204)
    await firmly.add()
    await firmly.happen("gone")
    await until(lambda: _off(firmly))
    await firmly.happen("unheard")
    with pytest.raises(Conflict, match="already"):
        await firmly.add()
    await firmly.store.webhooks.remove("crm", "root", firmly.now)
    firmly.now += timedelta(seconds=1)
    await firmly.add()
    await firmly.happen("heard")
    await until(lambda: firmly.texts()[-1:] == ["heard"])
    assert firmly.texts() == ["gone", "heard"]


async def _off(firmly: Firmly) -> bool:
    return (await firmly.store.webhooks.list())[0].is_off


async def test_one_that_hangs_holds_up_nobody(firmly: Firmly) -> None:
    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(never, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        await firmly.hooks.add("hangs", f"http://127.0.0.1:{port}/", (), "", "root")
        await firmly.add()
        await firmly.happen("through")
        await until(lambda: firmly.texts() == ["through"])
        await firmly.store.webhooks.remove("hangs", "root", firmly.now)


async def test_U3_a_members_webhook_hears_what_that_member_sees(firmly: Firmly) -> None:
    ana = Member("ana", "Ana")
    firmly.firm = Firm(members=(ana,), clients=(Client("Alpha", ("ana",)), Client("Beta", ("ion",))))
    await firmly.add(login="ana")
    for client in ("Beta", "Alpha", "Gone"):
        await firmly.happen(f"of {client}", client=client)
    await until(lambda: firmly.texts() == ["of Alpha"])
    firmly.firm = replace(firmly.firm, members=())
    await firmly.happen("after she left", client="Alpha")
    await firmly.add("all", path="/all")
    await firmly.happen("the last", client="Alpha")
    await until(lambda: firmly.texts()[-1] == "the last")
    assert firmly.texts() == ["of Alpha", "the last"]


async def test_it_goes_on_where_it_was_after_a_restart(tmp_path: Path) -> None:
    rules = Rules(allow_private=True, allow_http=True)
    async with made(tmp_path, rules) as first:
        await first.add()
        await first.happen("one")
        await until(lambda: first.texts() == ["one"])
        await until(lambda: _cursor(first, 1))
        port = first.listener.port
    store = await Store.open(tmp_path / "data", url=None, key=KEY)
    await store.feed.add(MAIL, first.now, "while nobody sent")
    await store.close()
    async with made(tmp_path, rules, port) as second:
        await second.happen("two")
        await until(lambda: second.texts()[-1:] == ["two"])
        assert second.texts() == ["while nobody sent", "two"]


async def test_X1_secrets_lie_sealed_and_only_in_their_own_row(firmly: Firmly, tmp_path: Path) -> None:
    secret = await firmly.add()
    for path in (tmp_path / "data").glob("postern.db*"):
        content = path.read_bytes()
        assert secret not in content
        assert base64.b64encode(secret) not in content
    assert (await firmly.store.webhooks.find("crm") or (None, b""))[1] == secret
    (line,) = await firmly.store.activity.list(10)
    assert (line.kind, line.name, line.verb) == ("webhook", "crm", "added")


@pytest.mark.parametrize("name", ["", "A", "a b", "../x", "x" * 64])
async def test_a_name_or_url_that_can_not_be_is_a_fault(firmly: Firmly, name: str) -> None:
    with pytest.raises(Faulty):
        await firmly.hooks.add(name, "https://firm.example/", (), "", "root")
    with pytest.raises(Faulty):
        await firmly.hooks.add("x", "file:///etc/passwd", (), "", "root")
    with pytest.raises(NotFound):
        await firmly.store.webhooks.remove("none", "root", firmly.now)


async def test_X5_settings_that_allow_nothing_special_keep_it_from_our_own_machine(tmp_path: Path) -> None:
    async with made(tmp_path, Rules()) as strict:
        for url in ("http://firm.example/", f"https://127.0.0.1:{strict.listener.port}/"):
            with pytest.raises(Faulty):
                await strict.hooks.add("x", url, (), "", "root")
