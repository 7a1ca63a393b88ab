"""Answers from a real DNS server that answers well, badly or not at all; what is remembered; when nobody is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import dns.rcode
import pytest

from gateway.policy.lookup import FAILED, Answer, Kind, Question
from gateway.upstream import resolver as module
from gateway.upstream.resolver import SILENT_AFTER, Resolver
from tests.upstream.responder import Answer as Reply
from tests.upstream.responder import Responder, responding

TXT = Question(Kind.TXT, "_dmarc.pacino.example")
RECORD = '"v=DMARC1; " "p=reject"'


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TRY_SECONDS", 0.1)
    monkeypatch.setattr(module, "TOTAL_SECONDS", 0.2)


async def asked(answers: Mapping[str, Reply], *questions: Question) -> tuple[list[Answer], Responder]:
    async with responding(answers) as server:
        resolver = Resolver([("127.0.0.1", server.port)])
        return [await resolver.ask(question) for question in questions], server


async def test_an_answer_is_whole_and_asked_for_once() -> None:
    found, server = await asked({TXT.name: [RECORD]}, TXT, TXT)
    assert found == [Answer(texts=(b"v=DMARC1; p=reject",))] * 2
    assert server.asked == [TXT.name]


async def test_the_same_question_of_many_at_once_is_asked_once() -> None:
    async with responding({TXT.name: [RECORD]}) as server:
        resolver = Resolver([("127.0.0.1", server.port)])
        found = await asyncio.gather(*(resolver.ask(TXT) for _ in range(20)))
    assert {one.texts for one in found} == {(b"v=DMARC1; p=reject",)}
    assert server.asked == [TXT.name]


async def test_what_was_answered_is_at_hand_in_any_thread_and_nothing_else_is() -> None:
    async with responding({TXT.name: [RECORD]}) as server:
        resolver = Resolver([("127.0.0.1", server.port)])
        assert resolver.at_hand(TXT) is None
        answer = await resolver.ask(TXT)
        assert await asyncio.to_thread(resolver.at_hand, TXT) == answer
        assert resolver.at_hand(Question(Kind.TXT, "another.example")) is None
    assert server.asked == [TXT.name]


async def test_while_dns_is_silent_it_is_at_hand_that_it_can_not_say() -> None:
    questions = [Question(Kind.TXT, f"{number}.example") for number in range(SILENT_AFTER)]
    silent: dict[str, Reply] = dict.fromkeys((*(question.name for question in questions), ".", "", "@"))
    async with responding(silent) as server:
        resolver = Resolver([("127.0.0.1", server.port)])
        for question in questions:
            await resolver.ask(question)
        assert resolver.at_hand(TXT) == FAILED


async def test_what_is_not_there_is_empty_and_what_cannot_be_had_has_failed() -> None:
    (missing, refused, silent), _ = await asked(
        {"b.example": dns.rcode.SERVFAIL, "c.example": None},
        Question(Kind.TXT, "a.example"),
        Question(Kind.A, "b.example"),
        Question(Kind.MX, "c.example"),
    )
    assert missing == Answer()
    assert refused == silent == FAILED


@pytest.mark.parametrize("name", ["x" * 64 + ".example", ".".join(["x" * 60] * 6), "ț.example", "a..example"])
async def test_a_name_that_dns_has_no_room_for_is_not_asked(name: str) -> None:
    found, server = await asked({}, Question(Kind.A, name))
    assert found == [Answer()]
    assert server.asked == []


async def test_a_name_with_odd_characters_is_asked_as_it_is() -> None:
    _, server = await asked({}, Question(Kind.A, "a b\\.%{x}.example"))
    assert server.asked == ["a\\032b\\\\.%{x}.example"]


async def test_a_silent_dns_is_left_alone_for_a_while() -> None:
    questions = [Question(Kind.TXT, f"{number}.example") for number in range(SILENT_AFTER + 3)]
    silent: dict[str, Reply] = dict.fromkeys((*(question.name for question in questions), ".", "", "@"))
    found, server = await asked(silent, *questions)
    assert found == [FAILED] * len(questions)
    assert f"{SILENT_AFTER - 1}.example" in server.asked
    assert f"{SILENT_AFTER}.example" not in server.asked


async def test_one_senders_broken_dns_does_not_switch_off_the_others() -> None:
    broken = [Question(Kind.TXT, f"{number}.attacker.example") for number in range(SILENT_AFTER + 2)]
    answers: dict[str, Reply] = {question.name: dns.rcode.SERVFAIL for question in broken}
    found, server = await asked(answers | {TXT.name: [RECORD]}, *broken, TXT)
    assert found[-1].texts
    assert len(server.asked) >= len(broken) + 1
