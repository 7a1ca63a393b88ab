"""Filing: once each, in one transaction with the cursor, threads within a client, nothing announced twice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from gateway.domain.errors import Conflict, NotFound
from gateway.domain.record import Direction, Duty, EventKind, Filing, HeaderFacts, Location, NewFiling
from gateway.store.store import Store
from tests.store.making import NOW, SUPPORT, dated, document, facts, filing, inbox, mail, reached, save

RAW = mail("statement")


async def threads_of(store: Store, client: str) -> dict[str, int]:
    return {one.message.facts.message_id: one.thread for one in await store.record.list(client, None)}


async def test_a_filed_message_comes_back_as_it_came(store: Store) -> None:
    known = facts("<1@x>", answers=["<0@x>"], references=["<00@x>", "<0@x>"])
    filed = await store.record.file(filing(RAW, "Al", known=known, at=inbox(1), cursor=reached(2)))
    assert filed.new
    message = await store.record.message(filed.message)
    assert (message.facts, message.filed_at, message.size) == (known, NOW, len(RAW))
    assert await store.record.raw(filed.message) == RAW
    assert await store.record.by_sha(filed.sha256) == message
    assert await store.record.list("Al", Direction.INBOX) == [Filing("Al", message, Direction.INBOX, 1)]
    assert await store.record.list("Al", Direction.SENT) == []
    assert await store.record.clients_of(filed.message) == ["Al"]
    assert await store.record.locations(filed.message) == [inbox(1)]
    assert await store.sync.cursor(SUPPORT.key, "INBOX") == reached(2)
    assert await store.sync.places(SUPPORT.key, "INBOX", 7) == {1}


async def test_the_same_again_changes_nothing(store: Store) -> None:
    item = filing(RAW, "Al", at=inbox(1), cursor=reached(2))
    first = await store.record.file(item)
    second = await store.record.file(item)
    assert (second.message, second.new) == (first.message, False)
    assert len(await store.feed.after(0)) == 1
    assert len(await store.record.list("Al", None)) == 1


async def test_one_mail_in_five_mailboxes_at_once_is_one_message_with_five_locations(store: Store) -> None:
    places = [inbox(1, mailbox=f"{name}@firm.example") for name in "abcde"]
    filed = await asyncio.gather(*(store.record.file(filing(RAW, "Al", at=place)) for place in places))
    assert sorted(one.new for one in filed) == [False, False, False, False, True]
    assert await store.record.locations(filed[0].message) == places
    assert len(await store.feed.after(0)) == 1


async def test_a_second_client_gets_the_message_and_a_line_of_their_own(store: Store) -> None:
    first = await store.record.file(filing(RAW, "Al"))
    second = await store.record.file(filing(RAW, "Al", "Diane"))
    assert (second.message, second.new) == (first.message, True)
    assert await store.record.clients_of(first.message) == ["Al", "Diane"]
    assert [one.client for one in await store.feed.after(0)] == ["Al", "Diane"]


async def test_history_is_filed_without_a_line_in_the_feed(store: Store) -> None:
    await store.record.file(replace(filing(RAW, "Al"), announce=False))
    assert len(await store.record.list("Al", None)) == 1
    assert await store.feed.after(0) == []


async def test_a_sent_message_keeps_who_wrote_it_also_when_the_tail_was_first(store: Store) -> None:
    sent = filing(RAW, "Al", direction=Direction.SENT)
    seen = await store.record.file(replace(sent, location=Location(SUPPORT.key, "Sent", 1, 1)))
    await store.record.file(replace(sent, author_login="ion", grant="allow_others_to_send", queue_id="Q"))
    message = await store.record.message(seen.message)
    assert (message.author_login, message.grant) == ("ion", "allow_others_to_send")
    assert [one.kind for one in await store.feed.after(0)] == [EventKind.MAIL_SENT]


async def test_answers_join_the_thread_whatever_comes_first(store: Store) -> None:
    await store.record.file(filing(mail("2"), "Al", known=facts("<2@x>", answers=["<1@x>"])))
    await store.record.file(filing(mail("4"), "Al", known=facts("<4@x>", references=["<3@x>"])))
    assert len(set((await threads_of(store, "Al")).values())) == 2
    await store.record.file(filing(mail("1"), "Al", known=facts("<1@x>")))
    await store.record.file(filing(mail("3"), "Al", known=facts("<3@x>", references=["<1@x>", "<2@x>"])))
    assert await threads_of(store, "Al") == {"<1@x>": 1, "<2@x>": 1, "<3@x>": 1, "<4@x>": 1}


async def test_I10_threads_never_cross_clients(store: Store) -> None:
    await store.record.file(filing(mail("1"), "Al", known=facts("<1@x>")))
    await store.record.file(filing(mail("2"), "Diane", known=facts("<2@x>", references=["<1@x>"])))
    await store.record.file(filing(mail("3"), "Al", "Diane", known=facts("<3@x>", references=["<1@x>", "<2@x>"])))
    al, diane = await threads_of(store, "Al"), await threads_of(store, "Diane")
    assert al == {"<1@x>": al["<1@x>"], "<3@x>": al["<1@x>"]}
    assert diane == {"<2@x>": diane["<2@x>"], "<3@x>": diane["<2@x>"]}
    assert al["<1@x>"] != diane["<2@x>"]


async def test_I10_a_message_id_used_twice_or_empty_hides_nothing(store: Store) -> None:
    for text in ("one", "two"):
        assert (await store.record.file(filing(mail(text), "Al", known=facts("<same@x>")))).new
    for text in ("three", "four"):
        assert (await store.record.file(filing(mail(text), "Al", known=facts("", references=["", "<z@x>"])))).new
    assert len(await store.record.list("Al", None)) == 4


async def test_I10_ten_thousand_references_are_filed_at_once(store: Store) -> None:
    names = [f"<{number}@x>" for number in range(10_000)]
    await store.record.file(filing(mail("first"), "Al", known=facts(names[-1])))
    async with asyncio.timeout(5):
        await store.record.file(filing(RAW, "Al", known=facts("<me@x>", references=names)))
    assert len(set((await threads_of(store, "Al")).values())) == 1


async def test_a_filing_behind_the_cursor_does_not_move_it_back(store: Store) -> None:
    await store.sync.move(reached(10))
    await store.record.file(filing(RAW, "Al", at=inbox(3), cursor=reached(4)))
    assert await store.sync.cursor(SUPPORT.key, "INBOX") == reached(10)


async def test_a_filing_read_before_a_renumbering_is_refused_whole(store: Store) -> None:
    await store.sync.renew(reached(10, uidvalidity=8))
    with pytest.raises(Conflict):
        await store.record.file(filing(RAW, "Al", at=inbox(3), cursor=reached(4)))
    assert await store.record.list("Al", None) == []
    assert await store.feed.after(0) == []


async def test_D2_a_renumbered_folder_is_known_again_without_reading_and_announcing(store: Store) -> None:
    known = facts("<1@x>")
    filed = await store.record.file(filing(RAW, "Al", known=known, at=inbox(1), cursor=reached(2)))
    await store.sync.mark_backfilled(SUPPORT.key, "INBOX", ["al@pacino.example"])
    await store.sync.renew(reached(5, uidvalidity=8))
    assert await store.sync.backfilled(SUPPORT.key, "INBOX") == frozenset()
    assert await store.sync.places(SUPPORT.key, "INBOX", 8) == set()
    assert await store.record.resight(inbox(4, 8), "<1@x>", len(RAW))
    assert await store.record.locations(filed.message) == [inbox(4, 8)]
    assert await store.sync.places(SUPPORT.key, "INBOX", 8) == {4}
    assert await store.record.resight(inbox(4, 8), "<1@x>", len(RAW))  # the same round again
    assert len(await store.feed.after(0)) == 1


async def test_a_stranger_with_a_known_message_id_and_size_is_read_like_any_other(store: Store) -> None:
    await store.record.file(filing(RAW, "Al", known=facts("<1@x>"), at=inbox(1)))
    assert not await store.record.resight(inbox(2), "<1@x>", len(RAW))
    await store.sync.renew(reached(3, uidvalidity=8))
    assert not await store.record.resight(inbox(1, 8), "<1@x>", len(RAW) + 1)
    assert not await store.record.resight(inbox(1, 8), "", len(RAW))
    assert not await store.record.resight(replace(inbox(1, 8), folder="Sent"), "<1@x>", len(RAW))
    assert await store.record.resight(inbox(1, 8), "<1@x>", len(RAW))
    assert not await store.record.resight(inbox(2, 8), "<1@x>", len(RAW))  # its old place was given away


async def test_D2_numbers_that_went_back_under_the_same_uidvalidity_are_given_anew(store: Store) -> None:
    one = await store.record.file(filing(mail("one"), "Al", known=facts("<1@x>"), at=inbox(1)))
    two = await store.record.file(filing(mail("two"), "Al", known=facts("<2@x>"), at=inbox(2)))
    await store.sync.renew(reached(2))
    assert await store.record.resight(inbox(1), "<2@x>", len(mail("two")))
    assert await store.record.locations(two.message) == [inbox(1)]
    assert await store.record.locations(one.message) == []
    again = await store.record.file(filing(mail("one"), "Al", known=facts("<1@x>"), at=inbox(2)))
    assert (again.message, again.new) == (one.message, False)
    assert len(await store.feed.after(0)) == 2


async def test_lists_page_from_the_newest(store: Store) -> None:
    for number in range(5):
        direction = Direction.SENT if number % 2 else Direction.INBOX
        await store.record.file(filing(mail(f"{number}"), "Al", direction=direction))
    page = await store.record.list("Al", None, limit=2)
    assert [one.message.id for one in page] == [5, 4]
    assert [one.message.id for one in await store.record.list("Al", None, limit=2, before=4)] == [3, 2]
    assert [one.message.id for one in await store.record.list("Al", Direction.SENT)] == [4, 2]


async def test_what_is_not_there_is_said_so(store: Store) -> None:
    for look in (store.record.message, store.record.raw, store.record.document, store.record.document_bytes):
        with pytest.raises(NotFound):
            await look(1)
    assert await store.record.by_sha("0" * 64) is None


@pytest.mark.parametrize(
    "date",
    [
        None,
        datetime(2026, 3, 14, 11, 0, tzinfo=timezone(timedelta(hours=2))),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))),
    ],
)
async def test_any_date_that_a_header_can_bear_is_kept(store: Store, date: datetime | None) -> None:
    filed = await store.record.file(filing(RAW, "Al", known=dated(facts(), date)))
    kept = (await store.record.message(filed.message)).facts.date
    if date is None:
        assert kept is None
    else:
        assert kept is not None
        assert kept.tzinfo is UTC
        assert abs(kept - date) <= timedelta(hours=14)


async def test_hostile_text_in_a_header_is_filed(store: Store) -> None:
    odd = HeaderFacts("<\udcff\0@x>", ("<\ud800>",), ("<\udfff>", "<\ud800>"), "\0", "\udcff", "\ud800", NOW)
    filed = await store.record.file(filing(RAW, "Al", known=odd))
    assert (await store.record.message(filed.message)).facts.references == ("<\ufffd>", "<\ufffd>")


async def test_many_filed_together_are_what_they_are_one_by_one(store: Store) -> None:
    items = [
        filing(mail(f"{n}", 300_000 * (n == 2)), "Al", known=facts(f"<{n}@x>"), at=inbox(n), cursor=reached(n + 1))
        for n in range(1, 5)
    ]
    answer = filing(mail("5"), "Al", "Diane", known=facts("<5@x>", answers=("<1@x>",)), at=inbox(5), cursor=reached(6))
    same = replace(items[0], location=inbox(6), cursor=reached(7))
    filed = await store.record.file_all([*items, answer, same])
    assert [one.new for one in filed] == [True] * 5 + [False]
    assert [await store.record.raw(one.message) for one in filed] == [one.raw for one in (*items, answer, same)]
    by_number = {one.message.id: one.thread for one in await store.record.list("Al", None)}
    assert by_number[filed[4].message] == by_number[filed[0].message] != by_number[filed[1].message]
    assert await store.record.locations(filed[0].message) == [inbox(1), inbox(6)]
    assert await store.sync.cursor(SUPPORT.key, "INBOX") == reached(7)
    assert len(await store.feed.after(0)) == 6
    assert await store.verify() == []


async def test_many_filed_together_are_all_kept_or_none(store: Store) -> None:
    await store.sync.move(reached(1))
    items = [filing(mail(f"{n}"), "Al", at=inbox(n), cursor=reached(n + 1)) for n in range(1, 4)]
    with pytest.raises(Conflict):
        await store.record.file_all([*items, filing(mail("4"), "Al", at=inbox(4, 8), cursor=reached(5, 8))])
    assert await store.record.list("Al", None) == []
    assert await store.sync.cursor(SUPPORT.key, "INBOX") == reached(1)
    assert await store.feed.after(0) == []


async def test_the_same_attachment_in_many_filed_together_is_one_document(store: Store) -> None:
    papers = [document("a.pdf", b"one"), document("a.pdf", b"two"), document("b.pdf", b"one")]
    await store.record.file_all([filing(mail(f"{n}"), "Al", "Diane", duty=Duty.SAVE) for n in range(3)])
    due = await store.saving.due(NOW)
    assert [(one.client, one.message) for one in due] == [(name, n) for n in (1, 2, 3) for name in ("Al", "Diane")]
    assert [len(await save(store, one, papers[one.message - 1])) for one in due] == [1, 1, 1, 1, 0, 0]
    names = sorted(one.name for one in await store.record.documents("Al"))
    assert names == ["2026-03-14 a (2).pdf", "2026-03-14 a.pdf"]
    assert await store.verify() == []


SALE = "Sale of the house in Sibiu"


def about(
    subject: str, name: str = "", *, days: float = 0, answers: Sequence[str] = (), people: Sequence[str] = ()
) -> HeaderFacts:
    who = tuple(people) or ("al@pacino.example", "support@firm.example")
    at = NOW + timedelta(days=days)
    return replace(facts(name, references=answers), subject=subject, date=at, people=who)


async def number_of_threads(store: Store, *items: NewFiling) -> int:
    for item in items:
        await store.record.file(item)
    return len({one.thread for one in await store.record.list(items[0].clients[0][0], None)})


async def test_two_answers_to_what_nobody_has_are_one_thread(store: Store) -> None:
    first = filing(mail("2"), "Al", known=facts("<2@x>", answers=["<1@else>"]))
    second = filing(mail("3"), "Al", known=facts("<3@x>", references=["<0@else>", "<1@else>"]))
    other = filing(mail("3"), "Diane", known=facts("<3@x>", references=["<1@else>"]))
    await store.record.file(other)
    assert await number_of_threads(store, first, second) == 1
    (alone,) = await store.record.list("Diane", None)
    assert alone.thread not in {one.thread for one in await store.record.list("Al", None)}


@pytest.mark.parametrize("backwards", [False, True])
async def test_an_answer_without_references_joins_by_subject_in_any_order(store: Store, backwards: bool) -> None:
    items = [
        filing(mail("1"), "Al", known=about(SALE, "<1@x>")),
        filing(mail("2"), "Al", known=about(f"Re: {SALE}", "<2@x>", days=1)),
        filing(mail("3"), "Al", known=about(f"Re: {SALE}", "<3@x>", days=2, answers=["<1@x>"])),
    ]
    assert await number_of_threads(store, *(reversed(items) if backwards else items)) == 1


async def test_a_subject_ties_neither_strangers_nor_months_nor_generic_words(store: Store) -> None:
    items = [
        filing(mail("1"), "Al", known=about(SALE)),
        filing(mail("2"), "Al", known=about(f"Re: {SALE}", people=["al@pacino.example", "other@firm.example"])),
        filing(mail("3"), "Al", known=about(f"Re: {SALE}", days=90)),
        filing(mail("4"), "Al", known=about("Documents")),
        filing(mail("5"), "Al", known=about("Re: Documents")),
        filing(mail("6"), "Al", known=about("")),
        filing(mail("7"), "Al", known=about("Re:")),
    ]
    assert await number_of_threads(store, *items) == 7


async def test_I10_a_subject_joins_nothing_across_clients(store: Store) -> None:
    await store.record.file(filing(mail("1"), "Diane", known=about(SALE)))
    await store.record.file(filing(mail("2"), "Al", known=about(f"Re: {SALE}")))
    (al,), (diane,) = await store.record.list("Al", None), await store.record.list("Diane", None)
    assert al.thread != diane.thread


async def test_what_names_its_thread_is_not_asked_for_its_subject(store: Store) -> None:
    items = [
        filing(mail("1"), "Al", known=about(SALE, "<1@x>")),
        filing(mail("2"), "Al", known=about("Lease of the flat", "<2@x>")),
        filing(mail("3"), "Al", known=about(f"Re: {SALE}", "<3@x>", answers=["<2@x>"])),
    ]
    assert await number_of_threads(store, *items) == 2
    threads = await threads_of(store, "Al")
    assert threads["<3@x>"] == threads["<2@x>"]


async def test_forged_mail_gets_into_no_thread_by_its_subject_and_draws_none_to_it(store: Store) -> None:
    held = replace(filing(mail("1"), "Al", known=about(SALE)), held=True)
    after = replace(filing(mail("3"), "Al", known=about(f"Re: {SALE}", days=2)), held=True)
    answer = filing(mail("2"), "Al", known=about(f"Re: {SALE}", days=1))
    assert await number_of_threads(store, held, answer, after) == 3
