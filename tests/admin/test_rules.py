"""`POST /v1/rules/try`: the verdict on a message that is not sent."""

from __future__ import annotations

import httpx2

from tests.admin.house import House

LETTER = b"From: Ana <support@firm.example>\r\nTo: al@pacino.example\r\nSubject: x\r\n\r\nHello\r\n"


async def test_a_message_is_tried_and_nothing_is_queued(house: House, http: httpx2.AsyncClient) -> None:
    answer = (await http.post("/v1/rules/try", params={"as": "ana"}, content=LETTER)).json()
    assert (answer["leaves"], answer["refusal"], answer["mailbox"]) == (True, None, "support@firm.example")
    assert (answer["clients"], answer["recipients"]) == (["Al Pacino"], ["al@pacino.example"])
    assert [rule["name"] for rule in answer["rules"] if rule["matched"]] == ["all as support"]
    assert "From: Ana <support@firm.example>" in answer["before"]["header"]
    assert answer["before"]["text"].strip() == "Hello"
    assert answer["after"]["size"] > answer["before"]["size"]
    assert await house.store.queue.list() == []


async def test_a_refusal_is_an_answer_and_not_a_failure(http: httpx2.AsyncClient) -> None:
    raw = LETTER.replace(b"support@firm.example", b"eve@else.example")
    answer = (await http.post("/v1/rules/try", params={"as": "ana"}, content=raw)).json()
    assert answer["leaves"] is False
    assert "may not send as eve@else.example" in answer["refusal"]
    assert answer["after"] is None


async def test_the_envelope_can_be_given(http: httpx2.AsyncClient) -> None:
    params = {"as": "ana", "to": ["x@else.example", "y@else.example"]}
    answer = (await http.post("/v1/rules/try", params=params, content=LETTER)).json()
    assert answer["recipients"] == ["x@else.example", "y@else.example"]
    assert answer["clients"] == []


async def test_wrong_questions_are_told_what_is_wrong(http: httpx2.AsyncClient) -> None:
    assert (await http.post("/v1/rules/try", content=LETTER)).status_code == 400
    nobody = await http.post("/v1/rules/try", params={"as": "eve"}, content=LETTER)
    assert (nobody.status_code, "postern member list" in nobody.json()["detail"]) == (404, True)
    odd = await http.post("/v1/rules/try", params={"as": "ana", "to": "a@b@c"}, content=LETTER)
    assert odd.status_code == 422
    assert "recipient" in odd.json()["detail"]
