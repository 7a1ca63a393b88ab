"""Looking up TXT records, from a real server that answers well, badly, or not at all."""

from __future__ import annotations

import dns.rcode
import pytest

from gateway.domain.errors import Unreachable
from gateway.upstream.dns import find_txt
from tests.upstream.responder import Answer, responding

NAME = "s._domainkey.firm.example"


async def look(answers: dict[str, Answer]) -> list[bytes]:
    async with responding(answers) as server:
        return await find_txt(NAME, nameservers=[("127.0.0.1", server.port)], try_seconds=0.2, total_seconds=0.5)


async def test_the_strings_of_a_record_belong_together() -> None:
    assert await look({NAME: ['"v=DKIM1; p=ab" "cd" "ef"']}) == [b"v=DKIM1; p=abcdef"]


async def test_several_records_stay_several() -> None:
    assert sorted(await look({NAME: ['"one"', '"two"']})) == [b"one", b"two"]


async def test_a_record_may_be_as_long_as_a_key_of_4096_bits() -> None:
    strings = " ".join('"' + "x" * 250 + '"' for _ in range(3))
    assert await look({NAME: [strings]}) == [b"x" * 750]


async def test_no_such_name_and_no_such_record_are_both_an_empty_list() -> None:
    assert await look({}) == []
    assert await look({NAME: []}) == []


@pytest.mark.parametrize(
    "answer", [None, dns.rcode.SERVFAIL, dns.rcode.REFUSED], ids=["silence", "servfail", "refused"]
)
async def test_a_server_that_gives_no_answer_is_told_apart_from_no_record(answer: Answer) -> None:
    with pytest.raises(Unreachable, match="see whether this machine can look up names") as error:
        await look({NAME: answer})
    assert error.value.detail


async def test_the_next_server_is_asked_where_one_is_silent() -> None:
    async with responding({NAME: None}) as silent, responding({NAME: ['"here"']}) as server:
        nameservers = [("127.0.0.1", silent.port), ("127.0.0.1", server.port)]
        found = await find_txt(NAME, nameservers=nameservers, try_seconds=0.2, total_seconds=2.0)
    assert found == [b"here"]
    assert silent.asked == [NAME]


async def test_nothing_is_remembered() -> None:
    answers: dict[str, Answer] = {}
    async with responding(answers) as server:
        nameservers = [("127.0.0.1", server.port)]
        assert await find_txt(NAME, nameservers=nameservers) == []
        answers[NAME] = ['"published"']
        assert await find_txt(NAME, nameservers=nameservers) == [b"published"]
