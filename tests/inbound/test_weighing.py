"""Forged mail on its way into the record: filed, marked, its attachments held back, until a person approves it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.domain.errors import Conflict, NotFound
from gateway.domain.record import Event, EventKind, Filing, SyncState
from gateway.domain.verdict import Source, Standing
from gateway.inbound import weighing
from gateway.inbound.approval import Approved, approve
from gateway.inbound.saving import Saving
from gateway.inbound.tails import Tails
from gateway.inbound.watch import Watch
from gateway.inbound.weighing import Ask, AtHand, nothing_at_hand, trusted, unanswered
from gateway.policy.lookup import Answer, Question
from gateway.store.room import Room
from gateway.upstream.providers import PROVIDERS, facts_of
from tests.policy.arriving import CLIENT, ENFORCED, FROM_ATTACKER, SPF, at_postfix, dns, signed
from tests.policy.test_forged import FAIL, PASS
from tests.rig import ANA, SUPPORT, Rig, client_letter, rig
from tests.waiting import until


def answering(*zones: dict[str, str]) -> Ask:
    answer = dns(*(zones or (ENFORCED, SPF)))

    async def ask(question: Question) -> Answer:
        return answer(question)

    return ask


@contextlib.asynccontextmanager
async def tailing(r: Rig, ask: Ask, at_hand: AtHand = nothing_at_hand) -> AsyncIterator[None]:
    tails = Tails(Watch(r.store, lambda: r.firm, r.clock, ask=ask, at_hand=at_hand), trust=None)
    task = asyncio.create_task(tails.run())

    async def live() -> bool:
        states = await r.store.sync.states()
        return {state.state for key, state in states.items() if key in {SUPPORT, ANA}} == {SyncState.LIVE}

    try:
        await until(live, what="the mailboxes live")
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def filed(r: Rig, count: int = 1) -> list[Filing]:
    async def there() -> bool:
        return len(await r.store.record.list("Al Pacino", None)) == count

    await until(there, what=f"{count} messages filed")
    await saved(r)
    return await r.store.record.list("Al Pacino", None)


async def saved(r: Rig) -> Saving:
    """What makes documents, done with what is due."""
    saving = Saving(r.store, room=Room(), now=r.clock)
    while await saving.some():
        pass
    return saving


async def approved(r: Rig, number: int, *, by: str) -> Approved:
    return await approve(r.store, number, by=by, now=r.clock(), saving=await saved(r))


async def settled(r: Rig) -> None:
    """What comes from here on is news, and no history."""

    async def done() -> bool:
        states = await r.store.sync.states()
        return all(key in states and states[key].synced_at is not None for key in (SUPPORT, ANA))

    await until(done, what="history looked through")


async def events(r: Rig) -> list[Event]:
    return await r.store.feed.after(0)


def forged(r: Rig, **changes: str) -> bytes:
    return at_postfix(client_letter(), ip=FROM_ATTACKER, sender="x@attacker.example", at=r.clock.at, **changes)


async def test_I1_forged_mail_is_filed_unverified_and_its_attachments_wait(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        raw = forged(r)
        async with tailing(r, answering()):
            await settled(r)
            r.provider.deliver(SUPPORT, raw)
            (found,) = await filed(r)
        weighed = found.message.weighed
        assert weighed is not None
        assert (weighed.verdict.standing, weighed.withheld, weighed.is_open) == (Standing.UNVERIFIED, True, True)
        assert await r.store.record.documents("Al Pacino") == []
        assert await r.store.record.raw(found.message.id) == raw


async def test_what_a_person_approves_is_the_clients_with_its_attachments_and_a_trail(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        async with tailing(r, answering()):
            await settled(r)
            r.provider.deliver(SUPPORT, forged(r))
            (found,) = await filed(r)
        number = found.message.id
        came = await approved(r, number, by="ana")
        (document,) = await r.store.record.documents("Al Pacino")
        assert (came.clients, came.documents) == (("Al Pacino",), (document,))
        assert await r.store.record.document_bytes(document.id) == b"%PDF-1.4\n"
        weighed = (await r.store.record.message(number)).weighed
        assert weighed is not None
        assert (weighed.approved_by, weighed.is_open, weighed.withheld) == ("ana", False, False)
        told = [(one.kind, one.message) for one in await events(r)]
        assert told == [(EventKind.UNVERIFIED_MAIL, number), (EventKind.CLIENT_MAIL, number)]
        with pytest.raises(Conflict, match="approved by ana"):
            await approved(r, number, by="ion")
        with pytest.raises(NotFound):
            await approved(r, number + 1, by="ion")


async def test_the_event_of_forged_mail_says_so_and_of_approved_mail_comes_again(tmp_path: Path) -> None:
    async with rig(tmp_path) as r, tailing(r, answering()):
        await settled(r)
        r.provider.deliver(SUPPORT, forged(r))
        (found,) = await filed(r)
        (event,) = await events(r)
        assert event.kind is EventKind.UNVERIFIED_MAIL
        assert "pacino.example asks to reject" in event.text
        # The same bytes in a second mailbox are no second story, approved or not.
        await approved(r, found.message.id, by="ana")
        r.provider.deliver(ANA, forged(r))

        async def seen() -> bool:
            return len(await r.store.record.locations(found.message.id)) == 2

        await until(seen, what="the second place")
        assert [one.kind for one in await events(r)] == [EventKind.UNVERIFIED_MAIL, EventKind.CLIENT_MAIL]
        assert len(await r.store.record.documents("Al Pacino")) == 1


async def test_signed_mail_of_the_client_is_verified_and_saved(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        async with tailing(r, answering()):
            await settled(r)
            r.provider.deliver(SUPPORT, at_postfix(signed(client_letter(), CLIENT), ip=FROM_ATTACKER, at=r.clock.at))
            (found,) = await filed(r)
        weighed = found.message.weighed
        assert weighed is not None
        assert (weighed.verdict.standing, weighed.verdict.source) == (Standing.VERIFIED, Source.HERE)
        assert len(await r.store.record.documents("Al Pacino")) == 1
        with pytest.raises(Conflict, match="nothing to approve"):
            await approved(r, found.message.id, by="ana")


async def test_results_of_the_mailboxs_own_server_count_by_its_name(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        box = replace(r.firm.mailbox_by_key[SUPPORT], authserv_id="mx.firm.example")
        r.firm = replace(r.firm, mailboxes=(box, *r.firm.mailboxes[1:]))
        r.provider.deliver(SUPPORT, forged(r, results="mx.firm.example; " + FAIL))
        r.provider.deliver(
            SUPPORT,
            at_postfix(client_letter(message_id="<2@x>"), results="mx.firm.example; " + PASS, at=r.clock.at),
        )
        async with tailing(r, unanswered):
            found = await filed(r, 2)
        told = {one.message.weighed.verdict for one in found if one.message.weighed}
        assert {(one.standing, one.source, one.authserv_id) for one in told} == {
            (Standing.UNVERIFIED, Source.PROVIDER, "mx.firm.example"),
            (Standing.VERIFIED, Source.PROVIDER, "mx.firm.example"),
        }


async def test_C6_dns_that_never_answers_does_not_hold_up_filing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weighing, "MAX_SECONDS", 0.2)

    async def never(_question: Question) -> Answer:
        await asyncio.Event().wait()
        raise AssertionError("nothing sets it")

    async with rig(tmp_path) as r:
        async with tailing(r, never):
            await settled(r)
            for number in range(5):
                letter = client_letter(message_id=f"<{number}@pacino.example>")
                r.provider.deliver(SUPPORT, at_postfix(letter, ip=FROM_ATTACKER, at=r.clock.at))
            found = await filed(r, 5)
        standings = {one.message.weighed.verdict.standing for one in found if one.message.weighed}
        assert standings == {Standing.UNKNOWN}
        assert len(await r.store.record.documents("Al Pacino")) == 1


async def test_a_large_message_is_weighed_off_the_loop_to_the_same_end(tmp_path: Path) -> None:
    large = client_letter() + b"x" * 70 + b"\r\n" * 10 + (b"y" * 70 + b"\r\n") * 5_000
    async with rig(tmp_path) as r:
        r.provider.deliver(SUPPORT, at_postfix(signed(large, CLIENT), ip=FROM_ATTACKER, at=r.clock.at))
        async with tailing(r, answering()):
            (found,) = await filed(r)
        assert found.message.weighed is not None
        assert found.message.weighed.verdict.standing is Standing.VERIFIED


async def test_a_message_asks_no_more_questions_than_it_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weighing, "MAX_QUESTIONS", 3)
    asked: list[Question] = []
    answer = answering()

    async def ask(question: Question) -> Answer:
        asked.append(question)
        return await answer(question)

    async with rig(tmp_path) as r:
        r.provider.deliver(SUPPORT, forged(r))
        async with tailing(r, ask):
            await filed(r)
    assert len(asked) <= 3


async def test_what_is_at_hand_is_asked_of_nobody_and_comes_to_the_same(tmp_path: Path) -> None:
    asked: list[Question] = []
    answer = dns(ENFORCED, SPF)

    async def ask(question: Question) -> Answer:
        asked.append(question)
        return answer(question)

    def at_hand(question: Question) -> Answer | None:
        return None if question.name.startswith("_dmarc.") else answer(question)

    async with rig(tmp_path) as r:
        r.provider.deliver(SUPPORT, forged(r))
        async with tailing(r, ask, at_hand):
            (found,) = await filed(r)
        assert found.message.weighed is not None
        assert found.message.weighed.verdict.standing is Standing.UNVERIFIED
    assert asked
    assert {one.name.partition(".")[0] for one in asked} == {"_dmarc"}


async def test_many_at_once_get_their_own_verdicts(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        for number in range(weighing.ON_THE_LOOP * 2):
            raw = (
                forged(r)
                if number % 3
                else at_postfix(signed(client_letter(), CLIENT), ip=FROM_ATTACKER, at=r.clock.at)
            )
            r.provider.deliver(SUPPORT, b"X-Number: %d\r\n" % number + raw)
        async with tailing(r, answering()):
            there = await filed(r, weighing.ON_THE_LOOP * 2)
        for one in there:
            number = int((await r.store.record.raw(one.message.id)).split(b"\r\n", 1)[0].partition(b":")[2])
            assert one.message.weighed is not None
            standing = Standing.UNVERIFIED if number % 3 else Standing.VERIFIED
            assert one.message.weighed.verdict.standing is standing


async def test_one_mailbox_trusts_its_provider_and_another_its_settings(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        box = r.firm.mailbox_by_key[SUPPORT]
        assert trusted(box, facts_of("imap.gmail.com")).knows("mx.google.com")
        assert not trusted(box, facts_of("imap.gmail.com")).knows("mx.google.com.attacker.example")
        assert trusted(box, facts_of("mail.example")).ids == ()
        own = replace(box, authserv_id="mx.firm.example")
        assert trusted(own, facts_of("mail.example")).ids == ("mx.firm.example",)
        assert not trusted(own, facts_of("mail.example")).always
        assert trusted(replace(box, authserv_id="mx.google.com"), facts_of("imap.gmail.com")).always
        assert {one.name for one in PROVIDERS if one.authserv_ids} == {"Google", "Microsoft", "Apple", "Yahoo"}
